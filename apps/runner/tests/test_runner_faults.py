"""Kill what can be killed, in each state, and see that no session is lost and nothing is left."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import httpx2
import psutil
import pytest
from apps.runner.tests.runner_lab import RunnerLab

from dillinger_bench.waiting import wait_until

# state to reach → the stand-in's modes that stay in it
STAY = {"starting": ("never",), "ready": ("well",), "streaming": ("viewer",)}


async def test_a_killed_runner_loses_no_session(lab: RunnerLab) -> None:
    """The seats go on, the next runner adopts each in the state it was in, and can end them."""
    await lab.start()
    async with lab.client() as client:
        ids = {state: await reach(lab, client, state) for state in STAY}
    seats = [psutil.Process(lab.identity(session_id)["pid"]) for session_id in ids.values()]
    await lab.end(signal.SIGKILL)
    assert all(seat.is_running() for seat in seats)
    await lab.start()
    async with lab.client() as client:
        for state, session_id in ids.items():
            view = await lab.until(client, session_id, state)
            assert view["steps"] == [] or view["steps"][0]["name"] == "desktop"
        assert all(seat.is_running() for seat in seats)
        for session_id in ids.values():
            await client.delete(f"/sessions/{session_id}")
        for session_id in ids.values():
            assert (await lab.until(client, session_id, "ended"))["end"]["reason"] == "user_stop"
    assert lab.leftovers() == []


async def reach(lab: RunnerLab, client: httpx2.AsyncClient, state: str) -> str:
    """A session that stays in this state, with children in every corner; returns its id."""
    lab.add_game(state, *STAY[state], "children")
    session_id: str = (await lab.play(client, state))["sessionId"]
    await lab.until(client, session_id, state)
    return session_id


async def test_a_runner_killed_while_it_stops_a_session_goes_on_stopping(lab: RunnerLab) -> None:
    """The wish to stop is on paper: the next runner ends even a seat that does not listen."""
    lab.add_game("game", "deaf")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
        await client.delete(f"/sessions/{session_id}", params={"reason": "admin_stop"})
    await lab.end(signal.SIGKILL)
    await lab.start()
    async with lab.client() as client:
        view = await lab.until(client, session_id, "ended")
    assert view["end"]["reason"] == "admin_stop"
    assert lab.leftovers() == []


async def test_a_seat_that_ended_while_no_runner_was_there_tells_the_next(lab: RunnerLab) -> None:
    """Its end report is read, not guessed."""
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
    await lab.end(signal.SIGKILL)
    seat = psutil.Process(lab.identity(session_id)["pid"])
    seat.terminate()
    await asyncio.to_thread(psutil.wait_procs, [seat], 10)
    await lab.start()
    async with lab.client() as client:
        view = await lab.until(client, session_id, "ended")
    assert view["end"]["reason"] == "seat_lost"
    assert lab.leftovers() == []


async def test_a_seat_that_a_signal_ends_is_told_in_its_own_words(lab: RunnerLab) -> None:
    """As an engine or a machine that stops sends it, with the runner there to hear."""
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
        lab.kill_seat(session_id, signal.SIGTERM)
        end = (await lab.until(client, session_id, "ended"))["end"]
    assert (end["reason"], end["message"]) == ("seat_lost", "Told by a signal")
    assert lab.leftovers() == []


async def test_killed_seats_end_their_sessions_and_leave_nothing(lab: RunnerLab) -> None:
    """SIGKILL in each state: seat_lost, and children, sockets and cgroups are gone when that is told."""
    await lab.start()
    async with lab.client() as client:
        ids = [await reach(lab, client, state) for state in STAY]
        for session_id in ids:
            lab.kill_seat(session_id)
        for session_id in ids:
            assert (await lab.until(client, session_id, "ended"))["end"]["reason"] == "seat_lost"
        assert lab.leftovers() == []
        assert not sleepers_of(lab)
        orphan = await reach(lab, client, "ready")
    await lab.end(signal.SIGKILL)
    lab.kill_seat(orphan)
    await lab.start()
    async with lab.client() as client:
        assert (await lab.until(client, orphan, "ended"))["end"]["reason"] == "seat_lost"
    assert lab.leftovers() == []
    assert not sleepers_of(lab)


def sleepers_of(lab: RunnerLab) -> list[int]:
    """The stand-in's children that are still there: they stand in the session's folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        cwd = process.info["cwd"] or ""
        if (process.info["cmdline"] or [""])[0] == "sleep" and cwd.startswith(str(lab.sessions_dir)):
            found.append(process.pid)
    return found


async def test_a_runner_killed_between_spec_and_birth_places_the_seat_again_once(lab: RunnerLab) -> None:
    """What a crash before the birth certificate leaves is finished by the next runner."""
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
    await lab.end(signal.SIGKILL)
    lab.kill_seat(session_id)
    (lab.sessions_dir / session_id / "identity.json").unlink()
    (lab.sessions_dir / session_id / "control.json").unlink()
    await lab.start()
    async with lab.client() as client:
        await lab.until(client, session_id, "ready")
        assert (await client.get("/health")).json()["sessions"] == 1
        await client.delete(f"/sessions/{session_id}")
        await lab.until(client, session_id, "ended")
    assert lab.leftovers() == []


async def test_a_game_that_ignores_everything_is_killed(lab: RunnerLab) -> None:
    """StopSeat, then SIGTERM, then SIGKILL, children included."""
    lab.settings = {"stop_grace_s": "0.3", "term_grace_s": "0.3"}
    lab.add_game("game", "deaf", "children")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
        await client.delete(f"/sessions/{session_id}")
        view = await lab.until(client, session_id, "ended")
    assert view["end"]["reason"] == "user_stop"
    assert "seat_ignored_sigterm" in lab.log()
    assert lab.leftovers() == []
    assert not sleepers_of(lab)


async def test_each_way_to_fail_has_its_reason(lab: RunnerLab) -> None:
    """What is told is what happened, with the log's last lines where there is no report."""
    ways = {"broken": "seat_lost", "vanish": "seat_lost", "crash": "game_crashed", "never": "start_timeout"}
    ends: dict[str, dict[str, Any]] = {}
    for modes, start_timeout_s in ((("broken", "vanish", "crash"), "60"), (("never",), "0.1")):
        lab.settings = {"start_timeout_s": start_timeout_s}
        await lab.start()
        async with lab.client() as client:
            ids = {mode: (await lab.play(client, lab.add_game(mode, mode)))["sessionId"] for mode in modes}
            ends |= {mode: (await lab.until(client, session_id, "ended"))["end"] for mode, session_id in ids.items()}
        await lab.end()
    assert {mode: end["reason"] for mode, end in ends.items()} == ways
    assert "exit code 3" in ends["broken"]["message"]
    assert "stand-in: broken as told" in ends["broken"]["logTail"]
    assert ends["crash"]["signal"] == "SIGSEGV"
    assert "did not show" in ends["never"]["message"]
    assert lab.leftovers() == []


async def test_a_seat_that_never_dials_is_ended(lab: RunnerLab) -> None:
    """A seat that an earlier runner left, and that does not report, is given up."""
    lab.settings = {"unreachable_timeout_s": "0.5"}
    lab.add_game("game", "mute")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "starting")
    await lab.end(signal.SIGKILL)
    await lab.start()
    async with lab.client() as client:
        end = (await lab.until(client, session_id, "ended"))["end"]
    assert end["reason"] == "seat_lost" and "did not report for 0.5 s" in end["message"]
    assert lab.leftovers() == []


@pytest.mark.parametrize("has_identity", [True, False])
async def test_a_machine_that_was_restarted_ends_what_ran_on_it(lab: RunnerLab, has_identity: bool) -> None:
    """Nothing is placed anew behind a player's back, also where the game would be started once more."""
    launch = '[launch]\nkind = "native"\ncommand = ["standin", "well"]\n'
    lab.add_game("game", text=f'schema = 1\ntitle = "game"\nrestart = "once"\n{launch}')
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
    await lab.end(signal.SIGKILL)
    lab.kill_seat(session_id)
    folder, other_boot = lab.sessions_dir / session_id, "11111111-2222-3333-4444-555555555555"
    identity = {**lab.identity(session_id), "boot_id": other_boot}
    (folder / "identity.json").write_text(json.dumps(identity))
    if not has_identity:
        (folder / "identity.json").unlink()
    (folder / "boot").write_text(other_boot)
    await lab.start()
    async with lab.client() as client:
        end = (await lab.until(client, session_id, "ended"))["end"]
    assert end["reason"] == "seat_lost" and "machine was restarted" in end["message"]
    assert lab.leftovers() == []


async def test_orphans_of_every_kind_are_swept(lab: RunnerLab) -> None:
    """A broken session folder, a socket folder and a process without a spec are gone after a start."""
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
    await lab.end(signal.SIGKILL)
    (lab.sessions_dir / session_id / "spec.json").write_text("{", "ascii")
    (lab.runtime_dir / ("a" * 20)).mkdir()
    (lab.sessions_dir / ("b" * 20)).mkdir()
    await lab.start()
    async with lab.client() as client:
        assert (await client.get("/sessions")).json() == {"sessions": []}
    assert lab.leftovers() == []
    assert list(lab.sessions_dir.iterdir()) == []


async def test_sigterm_leaves_sessions_running_unless_told_otherwise(lab: RunnerLab) -> None:
    """`stop_on_exit` is what `up` sets: then Ctrl-C ends everything, with exit code 0."""
    lab.add_game("game", "viewer")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "streaming")
    assert await lab.end(signal.SIGTERM) == 0
    assert lab.leftovers() != []
    lab.settings = {"stop_on_exit": "true"}
    await lab.start()
    async with lab.client() as client:
        await lab.until(client, session_id, "streaming")
    assert await lab.end(signal.SIGINT) == 0
    assert lab.leftovers() == []


async def test_shutdown_by_request_ends_sessions_and_the_runner(lab: RunnerLab) -> None:
    """`POST /shutdown` with stopSessions."""
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
        assert (await client.post("/shutdown", json={"stopSessions": True})).status_code == 202
    assert lab.process is not None
    assert await asyncio.to_thread(lab.process.wait, 20) == 0
    assert lab.leftovers() == []


async def test_a_second_runner_of_the_same_folder_is_refused(lab: RunnerLab) -> None:
    """Two would place the same wish twice."""
    await lab.start()
    other = RunnerLab(lab.folder)
    with pytest.raises(AssertionError, match="Another runner keeps"):
        await other.start()


async def start_and_stop(lab: RunnerLab, rounds: int) -> None:
    async with lab.client() as client:
        for _ in range(rounds):
            session_id = (await lab.play(client, "game"))["sessionId"]
            await lab.until(client, session_id, "ready")
            await client.delete(f"/sessions/{session_id}")
            await lab.until(client, session_id, "ended")


@pytest.mark.parametrize("rounds", [8, pytest.param(100, marks=pytest.mark.full)])
async def test_sessions_started_and_stopped_leave_nothing(lab: RunnerLab, rounds: int) -> None:
    """No process, descriptor, thread, socket folder or cgroup more than before."""
    lab.settings = {"history_sessions": "3"}
    lab.add_game("game", "well", "children")
    await lab.start()
    await start_and_stop(lab, 4)  # pools and caches fill
    assert lab.process is not None
    runner = psutil.Process(lab.process.pid)
    before = runner.num_fds()
    await start_and_stop(lab, rounds)
    assert lab.leftovers() == []
    assert not sleepers_of(lab)

    def settled() -> bool:
        """Once the last feed's connection is closed, and what is old forgotten."""
        folders = len(list(lab.sessions_dir.iterdir()))
        return not runner.children(recursive=True) and runner.num_fds() <= before + 1 and folders <= 4

    await asyncio.to_thread(wait_until, settled, 60, "no child, descriptor or folder more than before")


async def test_a_seat_that_eats_memory_is_killed_and_that_is_told(lab: RunnerLab) -> None:
    """The kernel's word for it reaches the user."""
    lab.settings = {"seat_memory_bytes": str(128 << 20)}
    lab.add_game("game", "hungry")
    await lab.start()
    if "limits_not_enforced" in lab.log():
        pytest.skip("no writable cgroups on this machine")
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        view = await lab.until(client, session_id, "ended")
    assert view["end"]["reason"] == "out_of_memory"
    assert lab.leftovers() == []
