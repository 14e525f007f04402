"""Routes of players' saves: looked at, reset, exported, restored. One's own; an admin may name another user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from dillinger_contracts import Denied, Invalid
from dillinger_contracts.model import GAME_ID_PATTERN, USER_ID_PATTERN, Model
from dillinger_contracts.saves import SavesReset, SavesView
from dillinger_contracts.wine import PrefixName
from dillinger_core.auth import Login

from .guards import FullLogin, PartsDep

router = APIRouter(prefix="/games/{game_id}/saves", tags=["saves"])

GameIn = Annotated[str, Path(pattern=GAME_ID_PATTERN, max_length=64)]
Whose = Annotated[
    str | None, Query(pattern=USER_ID_PATTERN, max_length=32, description="Another user, for admins.", alias="user")
]


class PrefixInfo(Model):
    """A Windows drive with its registry."""

    name: str
    kind: Literal["wine", "proton"]
    used_bytes: int
    is_current: bool | None
    """Whether it was last made ready by the Wine that is installed; else the next start brings it up. None: not
    known."""


class SavesDoing(Model):
    """Something that is being done to saves, and how far it is."""

    kind: Literal["reset", "export", "restore"]
    done_bytes: int
    total_bytes: int


class SavesInfo(Model):
    """`GET /games/{game_id}/saves`."""

    used_bytes: int
    limit_bytes: int
    game_folder_bytes: int
    """Of these, what the game changed in its own folder."""
    prefixes: list[PrefixInfo]
    is_played: bool
    work: SavesDoing | None


class ResetBody(Model):
    """`POST /games/{game_id}/saves/reset`."""

    part: Literal["everything", "game_folder", "prefix"]
    prefix: PrefixName | None = None
    """Which, where it is one prefix."""


ARCHIVE = "application/zip"
_BODY: dict[str, Any] = {"content": {ARCHIVE: {"schema": {"type": "string", "format": "binary"}}}, "required": True}


@router.get("")
async def saves(game_id: GameIn, login: FullLogin, parts: PartsDep, whose: Whose = None) -> SavesInfo:
    """What a player has of a game, how much of what may be had, and what is being done to it."""
    user = _whose(login, whose)
    return info(await (await parts.sessions.homes.of(user, game_id)).client.saves(user, game_id))


@router.post("/reset", status_code=204)
async def reset(game_id: GameIn, body: ResetBody, login: FullLogin, parts: PartsDep, whose: Whose = None) -> None:
    """Empties a part of it: everything, what the game changed in its own folder, or one Windows drive. Not while it is
    played."""
    if (body.part == "prefix") is (body.prefix is None):
        raise Invalid("A prefix is named where one is to be reset, and only there", field="prefix")
    user = _whose(login, whose)
    home = await parts.sessions.homes.of(user, game_id)
    await home.client.reset_saves(user, game_id, SavesReset(part=body.part, prefix=body.prefix))


@router.get("/archive", response_class=StreamingResponse, responses={200: {"content": {ARCHIVE: {}}}})
async def export(game_id: GameIn, login: FullLogin, parts: PartsDep, whose: Whose = None) -> StreamingResponse:
    """All of it as one zip file, made while it is sent. Not while it is played."""
    user = _whose(login, whose)
    home = await parts.sessions.homes.of(user, game_id)
    async with AsyncExitStack() as stack:
        chunks = await stack.enter_async_context(home.client.exported_saves(user, game_id))
        kept = stack.pop_all()
    headers = {"content-disposition": f'attachment; filename="{game_id}-saves.zip"', "cache-control": "no-store"}
    return StreamingResponse(_sent(chunks, kept), media_type=ARCHIVE, headers=headers)


async def _sent(chunks: AsyncIterator[bytes], kept: AsyncExitStack) -> AsyncIterator[bytes]:
    async with kept:
        async for chunk in chunks:
            yield chunk


@router.put("/archive", status_code=204, openapi_extra={"requestBody": _BODY})
async def restore(game_id: GameIn, request: Request, login: FullLogin, parts: PartsDep, whose: Whose = None) -> None:
    """Puts an exported archive in the place of what is there, whole or not at all. Not while it is played."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != ARCHIVE:
        raise Invalid(f"An archive of saves is sent as {ARCHIVE}", field="archive")
    user = _whose(login, whose)
    await (await parts.sessions.homes.of(user, game_id)).client.restore_saves(user, game_id, request.stream())


def info(view: SavesView) -> SavesInfo:
    """The runner's words in ours."""
    return SavesInfo.model_validate(view.model_dump(by_alias=False))


def _whose(login: Login, named: str | None) -> str:
    """The user whose saves are meant; raises `Denied`."""
    if named is None or named == login.user.name:
        return login.user.name
    if not login.user.is_admin:
        raise Denied("Only admins may look after others' saves")
    return named
