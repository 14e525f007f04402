"""From a request and a game to the complete wish that a seat gets: pure, but for the random ids and keys."""

from __future__ import annotations

import base64
import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from dillinger_contracts import (
    Game,
    GameLaunchRequest,
    HostScreen,
    Invalid,
    Resources,
    SeatSpec,
    SessionSpec,
    StreamListen,
    StreamProfile,
)
from dillinger_contracts.ice import MediaAccess
from dillinger_contracts.session import ResourceOverrides
from dillinger_saves.layout import GameSaves

from .ice import IceServers
from .tokens import new_token

_WHAT_IS_RUN = frozenset({"kind", "command", "image", "runtime"})
_ID_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Places:
    """Where a seat finds things and whom it dials."""

    sessions_dir: Path
    runtime_dir: Path
    library_dir: Path
    saves_dir: Path
    wine_templates_dir: Path
    control_url: str
    media: MediaAccess
    start_timeout_s: float
    idle_timeout_s: float
    disk_reserve_bytes: int = 0
    stream_listen: StreamListen | None = None
    uinput_pads: int = 0
    saves_owner: tuple[int, int] | None = None
    """Whom players' folders have to belong to, where that is not this process's own user."""
    ice: IceServers = field(default_factory=IceServers)
    screen: HostScreen | None = None
    """The display of this machine that a session may be shown on."""


def new_session_id() -> str:
    """An id that nobody guesses: 103 random bits."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(20))


def resources_of(game: Game, request: GameLaunchRequest) -> Resources:
    """The game's limits with the request's over them; raises Invalid."""
    return game.limits if request.resources is None else changed(game.limits, request.resources)


def changed(resources: Resources, overrides: ResourceOverrides) -> Resources:
    """`resources` with what `overrides` sets; raises Invalid."""
    try:
        return overrides.over(resources)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(("resources", *(str(part) for part in fault["loc"])))
        raise Invalid(f"{name}: {fault['msg']}", field=name) from error


def game_of(game: Game, request: GameLaunchRequest) -> Game:
    """The game with the request's launch configuration over its own; raises Invalid."""
    if not request.launch:
        return game
    if taken := sorted(_WHAT_IS_RUN & request.launch.keys()):
        raise Invalid(f"launch.{taken[0]}: what is run is the library's to say", field=f"launch.{taken[0]}")
    own = game.launch.model_dump()
    launch = {**own, **request.launch}
    if isinstance(added := request.launch.get("environment"), dict):
        launch["environment"] = {**own.get("environment", {}), **added}
    try:
        return Game.model_validate({**game.model_dump(by_alias=True), "launch": launch})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in fault["loc"] if part != game.launch.kind)
        raise Invalid(f"{name}: {fault['msg']}", field=name) from error


def seat_spec(
    request: GameLaunchRequest, game: Game, resources: Resources, places: Places, *, now: datetime
) -> SeatSpec:
    """All that the seat needs, apart from what its backend adds (cgroup, isolation)."""
    session_id = request.session_id or new_session_id()
    saves = GameSaves.of(places.saves_dir, request.user_id, game.game_id)
    profile = request.profile or StreamProfile(width_px=game.display.width_px, height_px=game.display.height_px)
    ticket_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    return SeatSpec(
        session=SessionSpec(
            session_id=session_id,
            user_id=request.user_id,
            game=game,
            resources=resources,
            profile=profile,
            created_at=now,
        ),
        session_dir=str(places.sessions_dir / session_id),
        runtime_dir=str(places.runtime_dir / session_id),
        library_dir=str(places.library_dir),
        saves_dir=str(saves.home),
        layer_dir=str(saves.side),
        disk_reserve_bytes=places.disk_reserve_bytes,
        wine_templates_dir=str(places.wine_templates_dir),
        control_url=places.control_url,
        control_token=new_token(),
        ticket_key=request.ticket_key or ticket_key,
        media=places.media.model_copy(update={"servers": places.ice.of(session_id, now)}),
        stream_listen=places.stream_listen,
        screen=places.screen if request.show == "host" else None,
        uinput_pads=places.uinput_pads,
        start_timeout_s=places.start_timeout_s,
        idle_timeout_s=places.idle_timeout_s,
    )
