"""Players' saves over HTTP: looked at, reset, exported as one archive, restored from one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from dillinger_contracts.saves import PrefixView, SavesReset, SavesView, SavesWork
from dillinger_programs.wine import wine_version
from dillinger_runner.vault import Holding

from .access import KeyRequired
from .sessions import KeeperHere

router = APIRouter(prefix="/saves/{user_id}/{game_id}", dependencies=[KeyRequired], tags=["saves"])
ARCHIVE = "application/zip"
_BODY: dict[str, Any] = {"content": {ARCHIVE: {"schema": {"type": "string", "format": "binary"}}}, "required": True}


@router.get("")
async def read_saves(user_id: str, game_id: str, keeper: KeeperHere) -> SavesView:
    """What a user has of a game, and how much room it takes."""
    has_own_wine = keeper.backend.kind != "process"
    return _view(await keeper.vault.look(user_id, game_id), None if has_own_wine else wine_version())


@router.post("/reset", status_code=204)
async def reset_saves(user_id: str, game_id: str, body: SavesReset, keeper: KeeperHere) -> None:
    """Empties a part of it; a prefix is its template again at the next start. Not while it is played."""
    await keeper.vault.reset(user_id, game_id, body.part, body.prefix or "")


@router.get("/archive", response_class=StreamingResponse, responses={200: {"content": {ARCHIVE: {}}}})
async def export_saves(user_id: str, game_id: str, keeper: KeeperHere) -> StreamingResponse:
    """All of it as one zip file, made while it is sent. Not while it is played."""
    async with AsyncExitStack() as stack:
        chunks = await stack.enter_async_context(keeper.vault.export(user_id, game_id))
        kept = stack.pop_all()
    return StreamingResponse(_sent(chunks, kept), media_type=ARCHIVE)


async def _sent(chunks: AsyncIterator[bytes], kept: AsyncExitStack) -> AsyncIterator[bytes]:
    async with kept:
        async for chunk in chunks:
            yield chunk


@router.put("/archive", status_code=204, openapi_extra={"requestBody": _BODY})
async def restore_saves(user_id: str, game_id: str, request: Request, keeper: KeeperHere) -> None:
    """Puts an exported archive in the place of what is there, whole or not at all. Not while it is played."""
    await keeper.vault.restore(user_id, game_id, request.stream())


def _view(holding: Holding, wine: str | None) -> SavesView:
    found, work = holding.contents, holding.work
    prefixes = tuple(
        PrefixView(
            name=one.name,
            kind=one.kind,
            used_bytes=one.used_bytes,
            is_current=None if one.wine is None or wine is None else one.wine == wine,
        )
        for one in found.prefixes
    )
    doing = work and SavesWork(
        kind=work.kind, done_bytes=work.progress.done_bytes, total_bytes=work.progress.total_bytes
    )
    return SavesView(
        used_bytes=found.used_bytes,
        limit_bytes=holding.limit_bytes,
        game_folder_bytes=found.game_folder_bytes,
        prefixes=prefixes,
        is_played=holding.is_played,
        work=doing,
    )
