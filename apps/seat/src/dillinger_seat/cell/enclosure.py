"""What holds a cell's init: a process of this machine (in a sandbox, or bare), or a container that the runner starts.

Either way the seat gets the socket to init, and hears of the end. A container is not the seat's to start or to remove,
since it has no engine: the seat listens first, takes one connection, and hands over what a child would inherit.
All on the seat's loop.
"""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Protocol

from dillinger_contracts.cell import INIT, MADE_UP, PATH, PYTHON, SESSION_PRELOAD, RuntimeFolder
from dillinger_contracts.errors import Unsupported
from dillinger_contracts.session import SeatSpec
from dillinger_seat.pads.library import interposers

from . import sandbox
from .cgroup import entering
from .game_folder import GameFolder
from .layers import over
from .memfile import memory_file
from .paths import INIT_FILE, sandbox_spec
from .seccomp import filter_program
from .way_out import WayOut
from .windows import prefix_layers
from .word_size import runs_32_bit


class Enclosure(Protocol):
    """What init runs in."""

    ended: asyncio.Future[str]
    """Done when it is gone, with a word of how."""

    @property
    def is_gone(self) -> bool:
        """Whether it is gone, asked of the kernel where that can be."""
        ...

    def hung_up(self) -> None:
        """The other end of the conversation is gone."""
        ...

    def kill(self) -> None:
        """What is left to do when init does not end by itself."""
        ...


class ProcessEnclosure:
    """A child process; its end is told by its pidfd."""

    def __init__(self, process: subprocess.Popen[bytes], way_out: WayOut) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._way_out = way_out
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._pidfd = os.pidfd_open(process.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)

    @classmethod
    def start(
        cls, spec: SeatSpec, folder: GameFolder, descriptors: tuple[int, ...]
    ) -> tuple[ProcessEnclosure, socket.socket]:
        """The sandbox of `spec` with these descriptors, the log for its own output first; it dies with the thread that
        calls this. Raises Unsupported."""
        with contextlib.ExitStack() as undo:
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            way_out = WayOut(spec.walls)
            undo.callback(way_out.close)
            try:
                with theirs:
                    process = _spawn(spec, folder, way_out, theirs.fileno(), descriptors)
            except FileNotFoundError as error:
                raise Unsupported(
                    f"The sandbox can't be started: {error.filename} is missing", hint="apt install bubblewrap"
                ) from error
            undo.pop_all()
        ours.setblocking(False)
        return cls(process, way_out), ours

    @property
    def is_gone(self) -> bool:
        """Whether the process has exited."""
        return self._process.poll() is not None

    def hung_up(self) -> None:
        """The process's end follows, and is told by its pidfd."""

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._way_out.close()
        code = self._process.wait()
        self.ended.set_result(f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}")


class ContainerEnclosure:
    """A container of the runner's; it is gone when init's end of the socket is."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @classmethod
    async def await_init(
        cls, spec: SeatSpec, folder: GameFolder, descriptors: tuple[int, ...]
    ) -> tuple[ContainerEnclosure, socket.socket]:
        """Takes init's one connection and hands `descriptors` over, the log for its own output first.

        The name of the socket is there once it listens and once everything else is that the container mounts; it is
        gone again before anything of the game runs. There is no deadline here: the start has one.
        """
        runtime = Path(spec.runtime_dir)
        _lay_out(spec, folder, runtime)
        path = runtime / RuntimeFolder.INIT_SOCKET
        draft = path.with_name(".init.sock")
        with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as stack:
            for name in (path, draft):
                stack.callback(name.unlink, missing_ok=True)
            listener.bind(str(draft))
            listener.listen(1)
            listener.setblocking(False)
            draft.rename(path)
            control, _ = await asyncio.get_running_loop().sock_accept(listener)
        program = _filter_of(spec)
        message = {
            "do": "take",
            "numbers": descriptors,
            "seccomp": base64.b64encode(program).decode("ascii") if program else None,
        }
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        control.sendmsg([json.dumps(message).encode() + b"\n"], passed)  # a new socket's buffer holds it
        return cls(), control

    @property
    def is_gone(self) -> bool:
        """Whether init has hung up."""
        return self.ended.done()

    def hung_up(self) -> None:
        """Process 1 is gone, and the kernel takes the rest along."""
        if not self.ended.done():
            self.ended.set_result("is gone")

    def kill(self) -> None:
        """Nothing more can be done from here: the runner removes the container."""
        self.hung_up()


def _filter_of(spec: SeatSpec) -> bytes | None:
    makes_namespaces = spec.session.game.user_namespaces
    return filter_program(os.uname().machine, runs_32_bit=runs_32_bit(spec), makes_namespaces=makes_namespaces)


def _lay_out(spec: SeatSpec, folder: GameFolder, runtime: Path) -> None:
    """What the container mounts, beside the display's and the sound's folders: our init, and who its user is."""
    (runtime / RuntimeFolder.CELL).mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(INIT_FILE, runtime / RuntimeFolder.INIT)
    _lay_out_preload(Path(spec.session_dir) / SESSION_PRELOAD)
    etc = runtime / RuntimeFolder.ETC
    etc.mkdir(mode=0o755, exist_ok=True)
    if folder.is_writable:
        (runtime / RuntimeFolder.WRITES_GAME).touch()
    made = sandbox.contents(sandbox_spec(spec, folder), None, uid=os.getuid(), gid=os.getgid())
    for name, file in MADE_UP.items():
        (etc / file).write_bytes(made[name])
        (etc / file).chmod(0o644)


def _lay_out_preload(folder: Path) -> None:
    """Empty where nothing was built: what a container mounts has to be there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    for file, place in interposers():
        (folder / place).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.copyfile(file, folder / place)


def _spawn(
    spec: SeatSpec, folder: GameFolder, way_out: WayOut, control_fd: int, descriptors: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    init = [PYTHON, "-I", "-S"]
    with contextlib.ExitStack() as files:
        data: dict[str, int] = {}
        if spec.isolation == "bubblewrap":
            cell = sandbox_spec(spec, folder)
            program = _filter_of(spec)
            for name, text in sandbox.contents(cell, program).items():
                data[name] = files.enter_context(memory_file(name, text)).fileno()
            argv = sandbox.sandbox_argv(cell, sandbox.DataFds(**data), [*init, INIT, str(control_fd)])
            argv = way_out.over(over((*folder.layers, *prefix_layers(spec)), argv))
        else:
            argv = [*init, str(INIT_FILE), str(control_fd)]
        return subprocess.Popen(
            entering(spec.cell_cgroup, argv),
            stdin=subprocess.DEVNULL,
            stdout=descriptors[0],
            stderr=descriptors[0],
            pass_fds=(control_fd, *way_out.inherited, *descriptors, *data.values()),
            cwd="/",
            env={"PATH": PATH},
        )
