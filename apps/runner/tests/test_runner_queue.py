"""Sessions that wait for room, and limits that change while a game runs, as who asks the runner sees them."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apps.runner.tests.runner_lab import RunnerLab, cgroups

from dillinger_runner.cgroups import find_tree

MIB = 1 << 20


async def wait_for_place(client: httpx2.AsyncClient, session_id: str, place: int, length: int) -> dict[str, Any]:
    """The session's view, once it stands there, of so many."""
    async with asyncio.timeout(30):
        while True:
            view: dict[str, Any] = (await client.get(f"/sessions/{session_id}")).json()
            queue = view["queue"] or {}
            if (queue.get("place"), queue.get("length")) == (place, length):
                return view
            await asyncio.sleep(0.05)


async def test_who_finds_no_room_waits_in_line_and_may_leave_it(lab: RunnerLab) -> None:
    """Also over a death of the runner, which starts nobody too early and nobody twice."""
    lab.settings = {"max_sessions": "1"}
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        first = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, first, "ready")
        second, third = [(await lab.play(client, "game"))["sessionId"] for _ in range(2)]
        view = await wait_for_place(client, third, 2, 2)
        assert view["state"] == "requested" and "no more than 1" in view["queue"]["reason"]
        await wait_for_place(client, second, 1, 2)
    await lab.end(signal.SIGKILL)
    await lab.start()
    async with lab.client() as client:
        await wait_for_place(client, third, 2, 2)
        await client.delete(f"/sessions/{second}")
        assert (await lab.until(client, second, "ended"))["end"]["reason"] == "user_stop"
        await wait_for_place(client, third, 1, 1)
        await client.delete(f"/sessions/{first}")
        assert (await lab.until(client, third, "ready"))["queue"] is None


@pytest.mark.full
async def test_a_wait_has_an_end_and_a_queue_has_one_too(lab: RunnerLab) -> None:
    lab.settings = {"max_sessions": "1", "queue_sessions": "1", "queue_timeout_s": "2"}
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        await lab.play(client, "game")
        waiting = (await lab.play(client, "game"))["sessionId"]
        answer = await client.post("/sessions", json={"gameId": "game", "userId": "bob"})
        assert answer.status_code == 429 and "wait already" in answer.json()["detail"]
        end = (await lab.until(client, waiting, "ended"))["end"]
    assert end["reason"] == "refused" and "no room in 2 s" in end["message"] and "no more than 1" in end["message"]


async def test_what_would_never_fit_is_refused_at_once(lab: RunnerLab) -> None:
    lab.settings = {"memory_overcommit": "1"}
    lab.add_game("game", "well", memory_bytes=1 << 42)
    await lab.start()
    async with lab.client() as client:
        answer = await client.post("/sessions", json={"gameId": "game", "userId": "bob"})
    assert answer.status_code == 429 and "this machine takes" in answer.json()["detail"]


@pytest.fixture
def has_cgroups() -> None:
    if not find_tree("auto", instance="runner-probe").is_complete:
        pytest.skip("no writable cgroups on this machine")


@pytest.mark.usefixtures("has_cgroups")
async def test_limits_change_while_a_game_runs_and_hold_over_a_death_of_the_runner(lab: RunnerLab) -> None:
    lab.settings = {"user_memory_bytes": str(512 * MIB)}
    lab.add_game("game", "well", memory_bytes=128 * MIB, pids=64)
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
        before = (await client.get(f"/sessions/{session_id}/limits")).json()
        assert before["isChangeable"] and before["memoryBytes"] == 128 * MIB
        for wish in ({"memoryBytes": 400 * MIB, "pids": 99, "cpuCores": 0.5}, {"memoryBytes": 256 * MIB}):
            answer = await client.patch(f"/sessions/{session_id}/limits", json=wish)
            assert answer.status_code == 200, answer.text
    await lab.end(signal.SIGKILL)
    await lab.start()
    async with lab.client() as client:
        await lab.until(client, session_id, "ready")
        after = (await client.get(f"/sessions/{session_id}/limits")).json()
    assert (after["memoryBytes"], after["pids"], after["cpuCores"]) == (256 * MIB, 99, 0.5)
    [limit] = _files(session_id, "memory.limit_in_bytes", "memory.max")
    [pids] = _files(session_id, "pids.max")
    assert (int(limit.read_text()), int(pids.read_text())) == (256 * MIB, 99)


def _files(session_id: str, *names: str) -> list[Path]:
    cells = {group.resolve() for group in cgroups() if group.parts[-2:] == (session_id, "cell")}
    return sorted(cell / name for cell in cells for name in names if (cell / name).exists())


@pytest.mark.usefixtures("has_cgroups")
async def test_what_can_not_be_changed_is_told_why(lab: RunnerLab) -> None:
    lab.settings = {"user_memory_bytes": str(512 * MIB)}
    lab.add_game("game", "well", memory_bytes=128 * MIB)
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
        for wish, status, says in (
            ({"memoryBytes": 1}, 422, "memory_bytes"),
            ({"memory": 1}, 422, ""),
            ({"scratchBytes": 64 * MIB}, 501, "while a game runs"),
            ({"memoryBytes": 600 * MIB}, 429, "one user may have 512 MiB"),
        ):
            answer = await client.patch(f"/sessions/{session_id}/limits", json=wish)
            assert answer.status_code == status and says in answer.text, answer.text
        assert (await client.get(f"/sessions/{session_id}/limits")).json()["memoryBytes"] == 128 * MIB
        await client.delete(f"/sessions/{session_id}")
        await lab.until(client, session_id, "ended")
        answer = await client.patch(f"/sessions/{session_id}/limits", json={"pids": 100})
        assert answer.status_code == 409 and "ended" in answer.text


@pytest.mark.full
async def test_without_cgroups_no_limit_is_said_to_have_changed(lab: RunnerLab) -> None:
    lab.settings = {"cgroup": "none"}
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "game"))["sessionId"]
        await lab.until(client, session_id, "ready")
        assert not (await client.get(f"/sessions/{session_id}/limits")).json()["isChangeable"]
        answer = await client.patch(f"/sessions/{session_id}/limits", json={"pids": 100})
    assert answer.status_code == 501 and answer.json()["hint"]
