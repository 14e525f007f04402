"""The game's own folder in a container, writable: an overlay that the engine mounts as a volume, or a copy.

A cell's container may mount nothing, and needs not: the engine's own volumes (driver `local`) take the kernel's mount
options. A session's volume is a name for that mount and holds nothing itself; it goes with the session.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import structlog

from dillinger_contracts import Exhausted, SeatSpec, Unavailable, Unsupported
from dillinger_contracts.cell import GAME, RuntimeFolder
from dillinger_runner.saves import saves_of
from dillinger_saves.copying import ensure_copy
from dillinger_saves.layout import GameSaves

from .docker_engine import Engine
from .docker_spec import LABEL_INSTANCE, LABEL_SESSION, Config, Premises, bind_of

_OPTIONS = "userxattr,index=off,xino=off,nosuid,nodev"
"""`userxattr`, so that layers written by a container and by a sandbox are the same; it forbids redirects too."""
_UNSAYABLE = re.compile(r'[,:\\"]')
"""What separates mount options and lower layers."""

log = structlog.get_logger()


def layer_name(session_id: str) -> str:
    """One session has one volume, on one engine."""
    return f"dillinger-{session_id}-game"


def engine_path(premises: Premises, path: str, volumes: Mapping[str, str]) -> str:
    """`path` as the engine's machine knows it; `volumes` are the places of named ones there."""
    rules = [rule for rule in premises.rules if PurePosixPath(path).is_relative_to(rule.path)]
    if not rules:
        return path
    rule = max(rules, key=lambda rule: len(rule.path))
    root = volumes[rule.source] if rule.is_volume else rule.source
    return str(PurePosixPath(root) / PurePosixPath(path).relative_to(rule.path))


def layer_config(spec: SeatSpec, premises: Premises, volumes: Mapping[str, str]) -> Config:
    """What the engine is asked for (`POST /volumes/create`); raises Unsupported for a path that can't be said."""
    saves = saves_of(spec)
    assert saves is not None, "a session without layers gets none"
    lower, upper, work = (
        engine_path(premises, str(path), volumes)
        for path in (PurePosixPath(spec.library_dir) / spec.session.game.game_id, saves.changes, saves.work)
    )
    if any(_UNSAYABLE.search(path) for path in (lower, upper, work)):
        raise Unsupported("The library's or the saves' path has a comma, a colon or a quote")
    return {
        "Name": layer_name(spec.session.session_id),
        "Driver": "local",
        "DriverOpts": {
            "type": "overlay",
            "device": "overlay",
            "o": f"lowerdir={lower},upperdir={upper},workdir={work},{_OPTIONS}",
        },
        "Labels": {LABEL_INSTANCE: premises.instance, LABEL_SESSION: spec.session.session_id},
    }


def layer_mount(session_id: str) -> Config:
    """The overlay, in the cell."""
    return {"Type": "volume", "Source": layer_name(session_id), "Target": GAME, "VolumeOptions": {"NoCopy": True}}


def copy_mount(premises: Premises, saves: GameSaves) -> Config:
    """The copy, in the cell."""
    return bind_of(premises, str(saves.copy), GAME, is_read_only=False)


class GameLayers:
    """Mounts of games' folders, on one engine."""

    def __init__(self, premises: Premises, engine: Engine) -> None:
        self._premises = premises
        self._engine = engine
        self._refused: str | None = None

    async def mount(self, seat: SeatSpec) -> Config | None:
        """The mount for this session's cell; None where its game may not write, or could not."""
        if not (Path(seat.runtime_dir) / RuntimeFolder.WRITES_GAME).exists():
            return None
        if self._refused is None:
            try:
                names = {rule.source for rule in self._premises.rules if rule.is_volume}
                volumes = {name: await self._engine.volume_path(name) for name in names}
                await self._engine.create_volume(layer_config(seat, self._premises, volumes))
            except Unsupported as error:
                self.refuse(error.message)
            else:
                return layer_mount(seat.session.session_id)
        return await asyncio.to_thread(self._copied, seat)

    def is_at_fault(self, mount: Config | None, error: Unavailable) -> bool:
        """Whether a container did not start for want of the overlay; there is no other try then."""
        if mount is None or mount["Type"] != "volume" or "mount" not in error.message:
            return False
        self.refuse(error.message)
        return True

    def refuse(self, why: str) -> None:
        """Takes copies from now on."""
        log.warning("overlay_refused", reason=why)
        self._refused = why

    async def remove(self, session_id: str) -> None:
        """Lets go of the session's volume; what was written stays with the player."""
        await self._engine.remove_volume(layer_name(session_id))

    def _copied(self, seat: SeatSpec) -> Config | None:
        saves, library = saves_of(seat), Path(seat.library_dir)
        assert saves is not None
        most_bytes = seat.session.resources.saves_bytes
        try:
            ensure_copy(library / seat.session.game.game_id, saves, most_bytes=most_bytes)
        except Exhausted as error:
            log.warning("game_folder_read_only", session_id=seat.session.session_id, reason=error.message)
            return None
        return copy_mount(self._premises, saves)
