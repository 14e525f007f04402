"""Where things are as a process in the cell sees them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.cell import GAME, HOME, PADS, PRELOAD, RUNTIME, SOUND, X11_AUTH, RuntimeFolder, environment
from dillinger_contracts.session import SeatSpec
from dillinger_contracts.wine import RUNTIMES, RUNTIMES_FOLDER
from dillinger_seat.pads.library import interposers

from . import sandbox
from .game_folder import GameFolder, library_folder
from .windows import read_only_binds

INIT_FILE = Path(__file__).with_name("init.py")


@dataclass(frozen=True, slots=True)
class SharedPaths:
    """What the seat shares with its cell, in the session's runtime folder on the machine."""

    x11_dir: Path
    sound_dir: Path
    auth: Path
    pads_dir: Path

    @classmethod
    def of(cls, spec: SeatSpec) -> SharedPaths:
        """The layout of a runtime folder."""
        runtime = Path(spec.runtime_dir)
        return cls(
            x11_dir=runtime / RuntimeFolder.X11,
            sound_dir=runtime / RuntimeFolder.SOUND,
            auth=runtime / RuntimeFolder.AUTH,
            pads_dir=runtime / RuntimeFolder.PADS,
        )

    @property
    def sound_fifo(self) -> Path:
        """Where the sound comes out."""
        return self.sound_dir / "fifo"

    @property
    def voice_fifo(self) -> Path:
        """Where the player's voice goes in."""
        return self.sound_dir / "voice"


@dataclass(frozen=True, slots=True)
class CellPaths:
    """The same, and the game's own folders, by the names that hold inside."""

    game: str
    runtimes: str
    home: str
    auth: str
    sound_socket: str
    sound_fifo: str
    voice_fifo: str
    environment: dict[str, str]


def cell_paths(spec: SeatSpec) -> CellPaths:
    """The paths inside the cell of `spec`: a sandbox's or container's, or the machine's where there is neither."""
    if spec.isolation != "none":
        return CellPaths(
            game=GAME,
            runtimes=RUNTIMES,
            home=HOME,
            auth=X11_AUTH,
            sound_socket=f"{RUNTIME}/pulse/native",
            sound_fifo=f"{SOUND}/fifo",
            voice_fifo=f"{SOUND}/voice",
            environment=environment(),
        )
    shared = SharedPaths.of(spec)
    return CellPaths(
        game=str(library_folder(spec)),
        runtimes=str(runtimes_dir(spec)),
        home=spec.saves_dir,
        auth=str(shared.auth),
        sound_socket=str(shared.sound_dir / "pulse" / "native"),
        sound_fifo=str(shared.sound_fifo),
        voice_fifo=str(shared.voice_fifo),
        environment=environment() | {"HOME": spec.saves_dir, "XDG_RUNTIME_DIR": str(shared.sound_dir)},
    )


def runtimes_dir(spec: SeatSpec) -> Path:
    """The library's runtimes, which need not be there."""
    return Path(spec.library_dir) / RUNTIMES_FOLDER


def sandbox_spec(spec: SeatSpec, folder: GameFolder) -> sandbox.SandboxSpec:
    """What bubblewrap is to be told for `spec`, with `folder` as the game's own."""
    shared = SharedPaths.of(spec)
    return sandbox.SandboxSpec(
        game_dir=folder.path,
        is_game_writable=folder.is_writable,
        saves_dir=spec.saves_dir,
        # A compositor makes the sockets of its X server itself.
        x11_dir=None if spec.session.game.display.desktop == "wayland" else str(shared.x11_dir),
        sound_dir=str(shared.sound_dir),
        auth_file=str(shared.auth),
        pads_dir=str(shared.pads_dir),
        devices=_devices(shared.pads_dir),
        preload=preload_binds(),
        init_file=str(INIT_FILE),
        scratch_bytes=spec.session.resources.scratch_bytes,
        machine_id=f"{int(spec.session.session_id, 36):032x}"[-32:],
        has_network=spec.session.game.network.kind != "none",
        is_online=spec.walls is not None,
        # For root, whose files they are, the parts of /proc that turn the machine's knobs stay read-only.
        has_whole_proc=spec.session.game.user_namespaces and os.getuid() != 0,
        secrets=kernel_secrets(),
        read_only=read_only_binds(spec),
    )


def kernel_secrets() -> tuple[str, ...]:
    """Those that this machine's kernel has."""
    return tuple(name for name in sandbox.SECRETS if Path("/proc", name).exists())


def preload_binds() -> tuple[tuple[str, str], ...]:
    """What is loaded into the game: where it is on the machine, and in the cell."""
    return tuple((str(file), f"{PRELOAD}/{place}") for file, place in interposers())


def _devices(pads_dir: Path) -> tuple[tuple[str, str], ...]:
    """Gamepads that the kernel has made for this session: `.event0` is a link to the node that is `event0` there."""
    links = sorted(file for file in pads_dir.glob(".*") if file.is_symlink())
    return tuple((str(link.readlink()), f"{PADS}/{link.name[1:]}") for link in links)
