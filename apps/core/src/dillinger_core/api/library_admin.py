"""Routes by which admins add games, change them and remove them."""

from __future__ import annotations

import asyncio
import tempfile
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from dillinger_contracts import Conflict
from dillinger_contracts.lifecycle import SessionState
from dillinger_contracts.saves import SavesReset
from dillinger_core.library import entries
from dillinger_saves.archive import Progress

from .game_models import (
    FolderView,
    GameAddition,
    GameChange,
    GameDetails,
    ImportView,
    SurveyView,
    details_view,
    import_view,
    item_view,
    proposed_id,
    survey_view,
)
from .guards import AdminLogin, PartsDep
from .models import ProblemView
from .saves import GameIn

router = APIRouter(tags=["library"])

ImportPath = Annotated[str, Query(max_length=4096, description="From the import directory, with slashes.")]
_CHANGED: dict[int | str, dict[str, Any]] = {
    412: {"model": ProblemView, "description": "Somebody changed it since it was read"}
}


@router.get("/import/folder")
async def folder(_: AdminLogin, parts: PartsDep, path: ImportPath = "") -> FolderView:
    """A folder of the import directory."""
    items = await parts.imports.browse(path)
    return FolderView(directory=str(parts.settings.imports), path=path, items=[item_view(one) for one in items])


@router.get("/import/survey")
async def survey(_: AdminLogin, parts: PartsDep, path: ImportPath) -> SurveyView:
    """What a folder or file of the import directory is, and which of its programs may be the game."""
    found = await parts.imports.survey(path)
    game_id = entries.free_id(parts.settings.library, proposed_id(found))
    return survey_view(path, found, game_id=game_id)


@router.post("/games", status_code=202)
async def add(body: GameAddition, _: AdminLogin, parts: PartsDep, response: Response) -> ImportView:
    """Starts copying a game into the library; how far it is can be asked for at the address in `Location`."""
    started = await parts.imports.begin(body.game(), body.path)
    response.headers["location"] = f"/api/v1/imports/{started.import_id}"
    return import_view(started)


@router.get("/imports/{import_id}")
async def addition(import_id: str, _: AdminLogin, parts: PartsDep) -> ImportView:
    """How far a game is on its way into the library."""
    return import_view(parts.imports.get(import_id))


@router.delete("/imports/{import_id}", status_code=202)
async def cancel(import_id: str, _: AdminLogin, parts: PartsDep) -> ImportView:
    """Calls an addition off; nothing of it stays."""
    return import_view(parts.imports.cancel(import_id))


@router.get("/games/{game_id}/details")
async def details(game_id: str, _: AdminLogin, parts: PartsDep, response: Response) -> GameDetails:
    """Everything about a game: how it starts, its limits, its programs, what it lacks."""
    view = details_view(await parts.editor.details(game_id))
    response.headers["etag"] = f'"{view.version}"'
    return view


@router.patch("/games/{game_id}", responses=_CHANGED)
async def change(
    game_id: str,
    body: GameChange,
    if_match: Annotated[str, Header(max_length=200, description="The version that is changed.")],
    _: AdminLogin,
    parts: PartsDep,
    response: Response,
) -> GameDetails:
    """Changes a game. A game that was found on the machine becomes one of the library's own."""
    values = {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}
    view = details_view(await parts.editor.change(game_id, if_match.strip('"'), values))
    response.headers["etag"] = f'"{view.version}"'
    return view


@router.post("/games/{game_id}/installed")
async def installed(game_id: GameIn, login: AdminLogin, parts: PartsDep, response: Response) -> GameDetails:
    """Takes over what the game's installer left in one's own saves of it: files and Windows drive become the game's,
    for every player, and the likeliest new program is what it starts. Not while it is played."""
    home = await parts.sessions.homes.of(login.user.name, game_id)
    async with home.client.exported_saves(login.user.name, game_id) as chunks:
        with tempfile.TemporaryFile(dir=parts.settings.library) as archive:
            async for chunk in chunks:
                await asyncio.to_thread(archive.write, chunk)
            await asyncio.to_thread(archive.seek, 0)
            view = details_view(await parts.editor.take_over(game_id, archive, Progress()))
    await home.client.reset_saves(login.user.name, game_id, SavesReset(part="everything"))
    response.headers["etag"] = f'"{view.version}"'
    return view


@router.delete("/games/{game_id}", status_code=204)
async def remove(game_id: str, login: AdminLogin, parts: PartsDep) -> None:
    """Removes a game with its files; players' saves stay. Not while it is played."""
    sessions = await parts.sessions.visible_to(login.user)
    if any(one.game_id == game_id and one.state is not SessionState.ENDED for one in sessions):
        raise Conflict("This game is being played", hint="Stop its sessions first")
    await parts.editor.remove(game_id)
