"""What goes wrong in a session's cell and seat, and how it ends or goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.session import CellCgroup


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
    deadline = time.monotonic() + 10
    while alive := living.keys() & rig.all_processes():
        assert time.monotonic() < deadline, {pid: living[pid] for pid in alive}
        await asyncio.sleep(0.02)


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
    rig.overrides["start_timeout_s"] = 3.0
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
    assert sum(path.stat().st_size for path in rig.session_dir.glob("guest.log*")) <= 2 << 20
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.ended()).reason is EndReason.SEAT_LOST


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
