"""The game's folder as its cell gets it: the library's, read-only, or with the player's own changes laid over it.

Old games write beside their program. Each player's changes are kept apart, so that the library stays as it is: by an
overlay, else in a copy of the player's own. A container's is mounted by the runner; the seat holds the lock either way.
Blocking, but for the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from dillinger_contracts.cell import RuntimeFolder
from dillinger_contracts.errors import Exhausted
from dillinger_contracts.session import SeatSpec
from dillinger_saves.copying import copied_bytes, ensure_copy
from dillinger_saves.layout import GameSaves

from .disk import DiskLimit
from .layers import Layer, refusal

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GameFolder:
    """What a cell shows as the game's own folder."""

    path: str
    """On the machine."""
    is_writable: bool = False
    layers: tuple[Layer, ...] = ()
    """What has to be mounted at `path` first."""
    problem: str | None = None
    """Why it can't be written, though the game is to."""
    proof: Path | None = None
    """Where to note that it could be mounted."""

    def note_mounted(self) -> None:
        """The cell is up with it: the next start of this boot need not try first."""
        if self.proof is not None:
            self.proof.write_text(_BOOT_ID.read_text("ascii"), "ascii")


def library_folder(spec: SeatSpec) -> Path:
    """The game's folder in the library."""
    return Path(spec.library_dir) / spec.session.game.game_id


def saves_of(spec: SeatSpec) -> GameSaves | None:
    """The player's folders of this game; None where the session has no more than a home."""
    return None if spec.layer_dir is None else GameSaves(home=Path(spec.saves_dir), side=Path(spec.layer_dir))


def disk_limit(spec: SeatSpec) -> DiskLimit:
    """How much this session may hold, and where."""
    saves, limit = saves_of(spec), spec.session.resources.saves_bytes
    if saves is None:
        return DiskLimit((Path(spec.saves_dir),), limit, spec.disk_reserve_bytes)
    folders = (saves.home, saves.changes, saves.copy)
    return DiskLimit(folders, limit, spec.disk_reserve_bytes, spare_bytes=copied_bytes(saves))


def ready_folder(spec: SeatSpec, *, is_first: bool) -> GameFolder:
    """The folder for this session; `is_first` is whether no other session of this player and game may write to it."""
    plain, saves = GameFolder(str(library_folder(spec))), saves_of(spec)
    if saves is None or not spec.session.game.has_changes or spec.isolation == "none":
        return plain
    if not is_first:
        return _read_only(plain, "another session of this game has it")
    if spec.isolation == "container":
        return GameFolder(plain.path, is_writable=True)
    target = Path(spec.runtime_dir) / RuntimeFolder.GAME
    target.mkdir(mode=0o700, exist_ok=True)
    layer = Layer(
        lower=(plain.path,), base=str(saves.side), upper=saves.changes.name, work=saves.work.name,
        target=str(target), is_needed=True,
    )  # fmt: skip
    why = None if _was_mounted(saves.proof) else refusal(layer)
    if why is None:
        return GameFolder(str(target), is_writable=True, layers=(layer,), proof=saves.proof)
    log.info("overlay_refused", reason=why)
    try:
        ensure_copy(library_folder(spec), saves, most_bytes=spec.session.resources.saves_bytes)
    except Exhausted as error:
        return _read_only(plain, f"{error.message}. {error.hint}")
    return GameFolder(str(saves.copy), is_writable=True)


def _was_mounted(proof: Path) -> bool:
    """Whether it was in this boot. The note is taken away: a start that fails with it is followed by one that tries."""
    try:
        noted = proof.read_text("ascii")
        proof.unlink()
    except (OSError, ValueError):
        return False
    return noted == _BOOT_ID.read_text("ascii")


def _read_only(plain: GameFolder, problem: str) -> GameFolder:
    log.warning("game_folder_read_only", reason=problem)
    return GameFolder(plain.path, problem=problem)
