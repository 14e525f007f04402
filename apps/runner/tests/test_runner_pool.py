"""Seats that wait: given once, replaced, ended with their runner, and never in the way of a session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import psutil
import pytest
from apps.runner.tests.runner_lab import RunnerLab

from dillinger_contracts import Game, GameLaunchRequest, NativeLaunch, Resources
from dillinger_contracts.ice import MediaAccess
from dillinger_runner.app import instance_of
from dillinger_runner.cgroups import Limits, find_tree
from dillinger_runner.settings import RunnerSettings
from dillinger_runner.store import SessionStore
from dillinger_runner.tokens import digest
from dillinger_runner.wishes import Places, seat_spec

DEADLINE_S = 30.0
SESSION = "warm5" * 4


@pytest.fixture
def pooled(lab: RunnerLab) -> RunnerLab:
    """A lab whose runner keeps one seat waiting, and one game."""
    lab.settings["pool_size"] = "1"
    lab.add_game("game", "well", "children")
    return lab


async def pool(client: httpx2.AsyncClient) -> dict[str, Any]:
    """How the pool stands."""
    found: dict[str, Any] = (await client.get("/pool")).raise_for_status().json()
    return found


async def until(client: httpx2.AsyncClient, fact: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The pool, once `fact` holds."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            if fact(found := await pool(client)):
                return found
            await asyncio.sleep(0.05)


async def warm_seat(lab: RunnerLab, client: httpx2.AsyncClient, *, other_than: str = "") -> tuple[str, int]:
    """Id and pid of a seat that waits."""

    def is_warm(found: dict[str, Any]) -> bool:
        return any(seat["state"] == "warm" and seat["seatId"] != other_than for seat in found["seats"])

    seat_id: str = (await until(client, is_warm))["seats"][0]["seatId"]
    return seat_id, lab.identity(seat_id)["pid"]


async def gone(pid: int) -> None:
    """Returns when this process does not run."""
    with contextlib.suppress(psutil.NoSuchProcess):
        await asyncio.to_thread(psutil.Process(pid).wait, DEADLINE_S)


async def test_a_session_gets_the_seat_that_waits_and_another_takes_its_place(pooled: RunnerLab) -> None:
    await pooled.start()
    async with pooled.client() as client:
        seat_id, pid = await warm_seat(pooled, client)
        assert (await client.get("/sessions")).json() == {"sessions": []}
        assert (await client.get("/health")).json()["sessions"] == 0
        session_id = (await pooled.play(client, "game"))["sessionId"]
        await pooled.until(client, session_id, "ready")
        assert pooled.identity(session_id)["pid"] == pid
        assert not (pooled.sessions_dir / seat_id).exists()
        assert (await client.get(f"/sessions/{session_id}/usage")).json()["processes"] > 0
        other_id, other_pid = await warm_seat(pooled, client, other_than=seat_id)
        assert other_id != seat_id and other_pid != pid
        cost = (await pool(client))["seats"][0]
        assert cost["memoryBytes"] > 0 and cost["cpuS"] is not None
        await client.delete(f"/sessions/{session_id}")
        assert (await pooled.until(client, session_id, "ended"))["end"]["reason"] == "user_stop"
    await gone(pid)
    await pooled.end(signal.SIGTERM)
    await gone(other_pid)
    assert pooled.leftovers() == []


async def test_two_clicks_at_once_share_no_seat(pooled: RunnerLab) -> None:
    await pooled.start()
    async with pooled.client() as client:
        _, pid = await warm_seat(pooled, client)
        views = await asyncio.gather(*(pooled.play(client, "game") for _ in range(2)))
        for view in views:
            await pooled.until(client, view["sessionId"], "ready")
        pids = [pooled.identity(view["sessionId"])["pid"] for view in views]
        assert pids.count(pid) == 1 and len(set(pids)) == 2
        assert (await pool(client))["given"] == 1


async def test_a_seat_that_is_killed_while_it_waits_is_replaced(pooled: RunnerLab) -> None:
    await pooled.start()
    async with pooled.client() as client:
        seat_id, _ = await warm_seat(pooled, client)
        pooled.kill_seat(seat_id)
        other_id, _ = await warm_seat(pooled, client, other_than=seat_id)
        assert not (pooled.sessions_dir / seat_id).exists()
        assert (await pool(client))["lost"] == 1
        pooled.kill_seat(other_id)  # and the click comes before anybody has noticed
        session_id = (await pooled.play(client, "game"))["sessionId"]
        assert (await pooled.until(client, session_id, "ready", "ended"))["state"] == "ready"


async def test_a_pool_that_can_hold_no_seat_asks_for_one_ever_more_seldom(pooled: RunnerLab) -> None:
    """Sessions go on as without one."""
    pooled.settings["seat_command"] = pooled.environment()["DILLINGER_RUNNER_SEAT_COMMAND"] + " --brittle"
    await pooled.start()
    async with pooled.client() as client:
        session_id = (await pooled.play(client, "game"))["sessionId"]
        await pooled.until(client, session_id, "ready")
        found = await until(client, lambda found: found["lost"] >= 3)
        assert "brittle as told" in found["problem"] and found["given"] == 0
    waits = [entry["again_s"] for entry in log_of(pooled) if entry["event"] == "warm_seat_lost"]
    assert waits[:3] == [1.0, 2.0, 4.0]


def log_of(lab: RunnerLab) -> list[dict[str, Any]]:
    """What the runner logged, as it meant it."""
    entries = []
    for line in lab.log().splitlines():
        with contextlib.suppress(ValueError):
            entries.append(json.loads(line))
    return entries


@pytest.mark.full
async def test_the_next_runner_ends_seats_that_a_killed_one_left(pooled: RunnerLab) -> None:
    await pooled.start()
    async with pooled.client() as client:
        seat_id, pid = await warm_seat(pooled, client)
    await pooled.end(signal.SIGKILL)
    await pooled.start()
    await gone(pid)
    async with pooled.client() as client:
        other_id, _ = await warm_seat(pooled, client)
        assert other_id != seat_id and not (pooled.sessions_dir / seat_id).exists()


@pytest.mark.parametrize("is_given", [False, True], ids=["before the certificate moved", "after it moved"])
async def test_a_runner_killed_while_it_gives_a_seat_away_loses_no_session(pooled: RunnerLab, is_given: bool) -> None:
    """What is on file at either moment is made by hand: there is no other in between."""
    await pooled.start()
    async with pooled.client() as client:
        seat_id, pid = await warm_seat(pooled, client)
    await pooled.end(signal.SIGKILL)
    put_on_file(pooled, pid)
    if is_given:
        certificate = pooled.sessions_dir / seat_id / "identity.json"
        certificate.rename(pooled.sessions_dir / SESSION / "identity.json")
    await pooled.start()
    async with pooled.client() as client:
        await pooled.until(client, SESSION, "ready")
        assert (pooled.identity(SESSION)["pid"] == pid) is is_given
        assert not (pooled.sessions_dir / seat_id).exists()
    if not is_given:
        await gone(pid)


def put_on_file(lab: RunnerLab, pid: int) -> None:
    """A session as it is just before the seat `pid` is its own."""
    places = Places(
        sessions_dir=lab.sessions_dir, runtime_dir=lab.runtime_dir, library_dir=lab.folder / "library",
        saves_dir=lab.folder / "saves", wine_templates_dir=lab.folder / "wine",
        control_url=f"ws://127.0.0.1:{lab.port}/seats", media=MediaAccess(), start_timeout_s=30, idle_timeout_s=0,
    )  # fmt: skip
    game = Game(game_id="game", title="game", launch=NativeLaunch(command=("standin", "well")))
    request = GameLaunchRequest(game_id="game", user_id="ann", session_id=SESSION)
    spec = seat_spec(request, game, Resources(), places, now=datetime.now(UTC))
    lab.runtime_dir.joinpath(SESSION).mkdir(parents=True)
    store = SessionStore(lab.sessions_dir)
    store.save_digests(SESSION, [digest(spec.control_token)])
    tree = find_tree("auto", instance=instance_of(lab.folder)).tree
    if tree is not None:
        own, most = RunnerSettings(state_dir=lab.folder), spec.session.resources
        seat = Limits(own.seat_memory_bytes, own.seat_cpu_cores, own.seat_pids)
        cell = Limits(most.memory_bytes, most.cpu_cores, most.pids)
        spec = spec.model_copy(update={"cell_cgroup": tree.create(SESSION, seat=seat, cell=cell)})
        for file in tree.procs_files(SESSION, "seat"):
            file.write_text(str(pid), "ascii")
    store.save_spec(spec)
