"""What goes wrong in a session's cell and seat, and how it ends or goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dillinger_bench.waiting import wait_until
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.session import CellCgroup
from dillinger_seat.cell.cell import Cell, CellGone, Program
from dillinger_seat.cell.game_folder import GameFolder
from dillinger_seat.ends import reason_of_error

SLEEP = Program(("/bin/sleep", "600"), {}, "/")


async def test_killed_display_server_ends_the_session_by_name(rig: Any) -> None:
    rig.window()
    await rig.ready()
    viewer = await rig.view()
    await rig.next_text(viewer, "video_config")
    os.kill(rig.pid_of("Xvfb"), signal.SIGKILL)
    assert (await rig.next_text(viewer, "ended"))["end"]["reason"] == "cell_lost"
    end = await rig.ended()
    assert end.reason is EndReason.CELL_LOST and "display" in end.message
    assert rig.traces() == []


async def test_killed_sound_server_is_restarted_once_then_the_game_goes_on_in_silence(rig: Any) -> None:
    rig.window()
    await rig.ready()
    viewer = await rig.view()
    await rig.next_text(viewer, "video_config")
    os.kill(rig.pid_of("pulseaudio"), signal.SIGKILL)
    await rig.runner.wait_for(lambda: rig.runner.restarts == ["sound"])
    assert (await rig.next_text(viewer, "notice"))["code"] == "part_restarted"
    os.kill(rig.pid_of("pulseaudio"), signal.SIGKILL)
    assert (await rig.next_text(viewer, "notice"))["code"] == "sound_lost"
    assert rig.process.poll() is None
    assert rig.pid_of("/usr/bin/python3 -I /game/window.py") > 0


async def test_killed_init_ends_the_session(rig: Any) -> None:
    rig.window()
    await rig.ready()
    os.kill(rig.pid_of("/usr/bin/python3 -I -S"), signal.SIGKILL)
    end = await rig.ended()
    assert end.reason is EndReason.CELL_LOST and "cell" in end.message
    assert rig.traces() == []


@pytest.mark.parametrize("isolation", ["bubblewrap", "none"])
async def test_killed_seat_takes_its_cell_with_it(rig: Any, isolation: str) -> None:
    rig.overrides["isolation"] = isolation
    rig.start("/usr/bin/python3", "-I", "./window.py", "--then", "fork", directory="game")
    await rig.ready()
    living = rig.processes()
    assert len(living) >= 4
    rig.process.kill()
    rig.process.wait()
    await asyncio.to_thread(wait_until, lambda: not living.keys() & rig.all_processes().keys(), 60, f"end of {living}")


async def test_game_that_ignores_sigterm_is_killed_after_its_grace(rig: Any) -> None:
    rig.window("--then", "ignore-term")
    await rig.ready()
    await rig.printed("did ignore-term")
    await rig.runner.order_stop(EndReason.USER_STOP, grace_s=0.3)
    assert (await rig.ended()).reason is EndReason.USER_STOP
    assert rig.traces() == []


async def test_children_that_a_game_leaves_behind_go_with_it(rig: Any) -> None:
    rig.window("--then", "fork", "--then", "exit:0")
    end = await rig.ended()
    assert end.reason is EndReason.GAME_EXITED
    assert rig.traces() == []


async def test_launcher_that_leaves_does_not_end_the_game_it_started(rig: Any) -> None:
    rig.start("/bin/sh", "-c", "setsid /usr/bin/python3 -I /game/window.py & exit 0")
    await rig.ready()
    viewer = await rig.view()
    await rig.next_text(viewer, "video_config")
    os.kill(rig.pid_of("/usr/bin/python3 -I /game/window.py"), signal.SIGTERM)
    assert (await rig.ended()).reason is EndReason.GAME_EXITED


async def test_game_that_never_shows_a_window_fails_at_the_deadline(rig: Any) -> None:
    rig.overrides["start_timeout_s"] = 8.0  # all but the window is there by then
    rig.start("/bin/sh", "-c", "echo thinking; exec sleep 600")
    end = await rig.ended()
    assert end.reason is EndReason.START_TIMEOUT
    assert "window" in end.message and "/bin/sh" in end.message
    assert end.log_tail == ("thinking",)
    assert rig.traces() == []


async def test_game_that_needs_no_window_is_ready_without_one(rig: Any) -> None:
    rig.display["needs_window"] = False
    rig.start("/bin/sleep", "600")
    await rig.ready()


async def test_game_that_fills_its_folder_ends_as_out_of_disk(rig: Any) -> None:
    rig.resources["saves_bytes"] = 32 << 20
    rig.start("/bin/sh", "-c", "for i in 1 2 3 4 5 6; do head -c 20000000 /dev/zero > f$i; done; exec sleep 600")
    end = await rig.ended()
    assert end.reason is EndReason.OUT_OF_DISK and "32 MiB" in end.message


async def test_no_single_file_outgrows_the_folder(rig: Any) -> None:
    rig.resources["saves_bytes"] = 8 << 20
    rig.start("/bin/sh", "-c", "exec head -c 100000000 /dev/zero > big")
    end = await rig.ended()
    assert (end.reason, end.signal) == (EndReason.OUT_OF_DISK, "SIGXFSZ")
    assert (rig.saves_dir / "big").stat().st_size <= 8 << 20


async def test_game_that_eats_memory_ends_as_out_of_memory(rig: Any, memory_cgroup: CellCgroup) -> None:
    rig.overrides["cell_cgroup"] = memory_cgroup
    rig.window("--then", "hog")
    end = await rig.ended()
    assert end.reason is EndReason.OUT_OF_MEMORY, rig.describe()
    assert end.signal == "SIGKILL"
    assert rig.traces() == []


async def test_game_that_prints_without_end_has_a_bounded_log(rig: Any) -> None:
    rig.display["needs_window"] = False
    rig.start("/usr/bin/yes", "all work and no play")
    await rig.ready()
    await asyncio.to_thread(rig.wait_file, rig.session_dir / "guest.log.1")
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.ended()).reason is EndReason.SEAT_LOST
    assert sum(path.stat().st_size for path in rig.session_dir.glob("guest.log*")) <= 2 << 20


async def test_stop_in_the_middle_of_a_start_leaves_nothing(rig: Any) -> None:
    rig.start("/bin/sleep", "600")
    await rig.runner.wait_for(lambda: "cell" in rig.runner.steps)
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.ended()).reason is EndReason.SEAT_LOST
    assert rig.traces() == []


async def test_game_can_not_touch_init(rig: Any) -> None:
    tries = "kill -9 1; kill -STOP 1; cat /proc/1/environ; cat /proc/1/fd/0; exit 6"
    rig.start("/bin/sh", "-c", tries)
    end = await rig.ended()
    assert end.exit_code == 6, "init lived to tell it"
    assert sum("Permission denied" in line for line in end.log_tail) == 2, end.log_tail


async def test_a_start_that_was_given_up_costs_nobody_else_a_word(rig: Any) -> None:
    """Init's answer to nobody comes in one piece with one that is waited for."""
    async with bare_cell(rig) as cell:
        given_up, waited_for = (asyncio.create_task(cell.run(name, SLEEP)) for name in ("first", "second"))
        await asyncio.sleep(0)  # both are asked for
        given_up.cancel()
        told = b""
        while told.count(b"started") < 2:
            assert select.select([cell.control], [], [], 60)[0], told
            told = cell.control.recv(65_536, socket.MSG_PEEK)
        async with asyncio.timeout(60):
            assert (await waited_for).started.result() > 0


async def test_what_is_asked_of_a_cell_that_fell_a_moment_ago_is_told_as_that(rig: Any) -> None:
    async with bare_cell(rig) as cell:
        cell.enclosure.kill()
        end = select.poll()
        end.register(cell.control, select.POLLHUP)
        assert end.poll(60_000) and not cell.ended.done(), "nobody has heard of it yet"
        for question in (cell.run("part", SLEEP), cell.connect("/nowhere"), cell.datagrams(4242)):
            with pytest.raises(CellGone) as gone:
                await question
            assert reason_of_error(gone.value) is EndReason.CELL_LOST
        await cell.signal("part", signal.SIGTERM)


@contextlib.asynccontextmanager
async def bare_cell(rig: Any) -> AsyncIterator[Cell]:
    """A cell of this process's own, without a seat around it and without walls."""
    rig.overrides["isolation"] = "none"
    cell = await Cell.start(rig.spec({"kind": "native", "command": ["true"]}), GameFolder(str(rig.game_dir)))
    try:
        yield cell
    finally:
        await cell.close()
