"""A seat whose cell somebody else starts: here a bare `bwrap` stands where an engine's container does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
from packages.stream.tests.engine.compositor import install_card

from dillinger_contracts.cell import CONTAINER_CELL, CONTAINER_INIT, PRELOAD, SESSION_PRELOAD, environment
from dillinger_contracts.input import Key, encode
from dillinger_contracts.lifecycle import EndReason
from dillinger_seat.cell.sandbox import DataFds, SandboxSpec, contents, sandbox_argv


class Container:
    """What a runner does for its half: it waits for the seat to listen, then starts the cell."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.process: subprocess.Popen[bytes] | None = None
        self.socket = rig.runtime_dir / "cell/init.sock"

    async def start(self) -> None:
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        self.rig.wait_file(self.socket)
        rig, runtime = self.rig, self.rig.runtime_dir
        spec = SandboxSpec(
            game_dir=str(rig.game_dir), saves_dir=str(rig.saves_dir),
            x11_dir=None if rig.display.get("desktop") == "wayland" else str(runtime / "x11"),
            sound_dir=str(runtime / "sound"), auth_file=str(runtime / "auth"),
            pads_dir=str(runtime / "pads"), preload=((str(rig.session_dir / SESSION_PRELOAD), PRELOAD),),
            init_file=str(runtime / "cell/init.py"), scratch_bytes=1 << 24, machine_id="0" * 32,
        )  # fmt: skip
        descriptors = {name: _readable(text) for name, text in contents(spec, None).items()}
        argv = sandbox_argv(spec, DataFds(**descriptors), list(CONTAINER_INIT), environ=environment())
        at = argv.index("--remount-ro", argv.index(str(rig.saves_dir)))
        argv[at:at] = ["--ro-bind", str(runtime / "cell"), CONTAINER_CELL]
        self.process = subprocess.Popen(argv, pass_fds=tuple(descriptors.values()), stdin=subprocess.DEVNULL)
        for descriptor in descriptors.values():
            os.close(descriptor)

    def init_pid(self) -> int:
        """Process 1 of the cell, as the machine numbers it."""
        assert self.process is not None
        parent_of, parent = self.rig.all_processes(), self.process.pid
        [init] = [pid for pid in parent_of if parent_of[pid] == parent]
        return int(init)

    def wait_gone(self) -> None:
        assert self.process is not None
        self.process.wait(60)


def _readable(text: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    return reading


@pytest.fixture
async def container(rig: Any) -> AsyncIterator[Container]:
    rig.overrides["isolation"] = "container"
    made = Container(rig)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


async def test_it_plays_and_leaves_nothing(rig: Any, container: Container) -> None:
    rig.window("--then", "fork")
    await container.start()
    await rig.ready()
    assert not container.socket.exists(), "nobody else can be taken for init"
    viewer = await rig.view()
    await rig.next_text(viewer, "video_config")
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.ended()).reason is EndReason.SEAT_LOST
    await asyncio.to_thread(container.wait_gone)
    assert rig.traces() == []
    assert not (rig.session_dir / SESSION_PRELOAD).exists()


async def test_a_compositor_in_it_is_reached_by_connections_of_its_init(rig: Any, container: Container) -> None:
    rig.display["desktop"] = "wayland"
    install_card(rig.game_dir)
    rig.start("/usr/bin/python3", "-I", "/game/wayland_card.py")
    await container.start()
    await rig.ready()
    viewer = await rig.view()
    await rig.next_text(viewer, "video_config")
    await viewer.send(encode(Key(code=30, is_down=True)))
    await rig.printed("key 30 down")
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.ended()).reason is EndReason.SEAT_LOST
    await asyncio.to_thread(container.wait_gone)
    assert rig.traces() == []


async def test_the_seats_own_filter_holds_in_it(rig: Any, container: Container) -> None:
    """An engine's filter may be looser, or none."""
    rig.start("/bin/sh", "-c", "grep Seccomp: /proc/self/status; unshare -U true; exit 4")
    await container.start()
    end = await rig.ended()
    assert end.exit_code == 4
    assert "Seccomp:\t2" in end.log_tail
    assert any("Operation not permitted" in line for line in end.log_tail), end.log_tail


async def test_a_game_that_crashes_is_told_with_its_signal(rig: Any, container: Container) -> None:
    rig.start("/bin/sh", "-c", "echo last words; kill -SEGV $$")
    await container.start()
    end = await rig.ended()
    assert (end.reason, end.signal) == (EndReason.GAME_CRASHED, "SIGSEGV")
    assert end.log_tail == ("last words",)
    await asyncio.to_thread(container.wait_gone)
    assert rig.traces() == []


async def test_a_killed_cell_ends_the_session(rig: Any, container: Container) -> None:
    rig.window()
    await container.start()
    await rig.ready()
    os.kill(container.init_pid(), signal.SIGKILL)
    end = await rig.ended()
    assert end.reason is EndReason.CELL_LOST and "cell is gone" in end.message
    assert rig.traces() == []


async def test_a_killed_seat_takes_the_cell_with_it(rig: Any, container: Container) -> None:
    rig.window("--then", "fork")
    await container.start()
    await rig.ready()
    rig.process.kill()
    rig.process.wait()
    await asyncio.to_thread(container.wait_gone)


async def test_a_cell_that_never_comes_is_a_start_that_timed_out(rig: Any, container: Container) -> None:
    rig.overrides["start_timeout_s"] = 5.0  # all that comes before the cell is there by then
    rig.window()
    end = await rig.ended()
    assert end.reason is EndReason.START_TIMEOUT and "cell" in end.message
    assert rig.traces() == []
