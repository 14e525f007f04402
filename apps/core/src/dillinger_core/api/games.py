"""Routes of the library."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Response

from dillinger_core.store import GameEntry

from .guards import FullLogin, PartsDep
from .models import GameCard, GamesView

router = APIRouter(prefix="/games", tags=["library"])

_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""An SVG opened by itself is a page: it gets no script, no request, no origin."""


@router.get("")
async def games(_: FullLogin, parts: PartsDep) -> GamesView:
    """Every game of the library."""
    entries = await parts.library.games()
    warnings = await parts.editor.warnings(entries)
    return GamesView(games=[card(entry, warnings.get(entry.game_id)) for entry in entries])


@router.get("/{game_id}")
async def game(game_id: str, _: FullLogin, parts: PartsDep) -> GameCard:
    """One game."""
    entry = await parts.library.game(game_id)
    return card(entry, (await parts.editor.warnings([entry])).get(game_id))


@router.get("/{game_id}/art/{name}", response_class=Response)
async def art(game_id: str, name: str, _: FullLogin, parts: PartsDep) -> Response:
    """A picture of a game."""
    picture = await parts.library.picture(game_id, name)
    headers = {"cache-control": "private, max-age=300", "content-security-policy": _PICTURE_POLICY}
    return Response(picture.content, media_type=picture.media_type, headers=headers)


def card(entry: GameEntry, warning: str | None) -> GameCard:
    """What is shown of `entry`."""
    icon_url = f"/api/v1/games/{entry.game_id}/art/{quote(entry.icon)}" if entry.icon else None
    return GameCard(
        game_id=entry.game_id,
        title=entry.title,
        summary=entry.summary,
        launch_kind=entry.launch_kind,
        icon_url=icon_url,
        is_playable=entry.problem is None,
        problem=entry.problem,
        warning=warning,
    )
