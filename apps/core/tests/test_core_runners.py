"""Several runners behind one core: which is chosen, what is said when none takes it, and what if one goes away."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apps.core.tests.core_house import (
    House,
    StandInRunner,
    add_game,
    add_user,
    listening,
    open_house,
    until,
    until_async,
)

from dillinger_contracts import EndReason, SessionState
from dillinger_contracts.errors import Invalid
from dillinger_contracts.settings import load
from dillinger_core.sessions import Runners
from dillinger_core.settings import CoreSettings

WITHIN_S = 30.0


@pytest.fixture
async def second() -> AsyncIterator[StandInRunner]:
    stand_in = StandInRunner()
    await stand_in.appear()
    yield stand_in
    await stand_in.vanish()


@pytest.fixture
async def both(settings: CoreSettings, runner: StandInRunner, second: StandInRunner) -> CoreSettings:
    await add_user(settings, "admin", "admin")
    for number in (2, 3):
        add_game(settings.library, f"game-{number}")
    urls = ",".join(f"http://{name_of(one)}" for one in (runner, second))
    return changed(settings, runner_urls=urls, runner_timeout_s=WITHIN_S)


@pytest.fixture
async def client(both: CoreSettings, runner: StandInRunner) -> AsyncIterator[httpx2.AsyncClient]:
    """An admin's of a core whose runners both answer."""
    async with lived_in(both, runner) as (_, admin):
        yield admin


@contextlib.asynccontextmanager
async def lived_in(settings: CoreSettings, runner: StandInRunner) -> AsyncIterator[tuple[House, httpx2.AsyncClient]]:
    async with open_house(settings, runner) as house, house.admin() as admin:
        await until(lambda: all(one.is_reachable for one in house.parts.runners.all()), within_s=WITHIN_S)
        yield house, admin


def changed(settings: CoreSettings, **values: object) -> CoreSettings:
    told = {name: getattr(settings, name) for name in settings.model_fields_set}
    return CoreSettings.model_validate({**told, **values})


def name_of(runner: StandInRunner) -> str:
    return f"127.0.0.1:{runner.port}"


async def play(client: httpx2.AsyncClient, game_id: str = "testcard") -> dict[str, Any]:
    answer = await client.post("/api/v1/sessions", json={"game_id": game_id})
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def becomes(client: httpx2.AsyncClient, session_id: str, state: str) -> None:
    async def is_so() -> bool:
        return bool((await client.get(f"/api/v1/sessions/{session_id}")).json()["state"] == state)

    await until_async(is_so, within_s=WITHIN_S)


async def test_the_one_with_the_most_room_gets_it(
    client: httpx2.AsyncClient, runner: StandInRunner, second: StandInRunner
) -> None:
    second.free_memory_bytes *= 2
    session_id = (await play(client))["session_id"]
    assert session_id in second.sessions and not runner.launches
    second.max_sessions = 1
    assert (await play(client, "game-2"))["session_id"] in runner.sessions, "the other has more memory and no place"
    views = (await client.get("/api/v1/runners")).json()["runners"]
    assert [view["name"] for view in views] == [name_of(runner), name_of(second)]
    assert views[1]["session_ids"] == [session_id] and views[1]["room"]["max_sessions"] == 1
    assert views[1]["is_reachable"] and views[1]["version"] == "1" and views[1]["message"] is None
    figures = (await client.get("/api/v1/metrics")).text
    assert f'dillinger_core_runner_sessions_live{{runner="{name_of(second)}"}} 1.0' in figures


async def test_refused_by_one_it_goes_to_the_next_and_by_all_back_with_what_each_said(
    client: httpx2.AsyncClient, runner: StandInRunner, second: StandInRunner
) -> None:
    second.free_memory_bytes *= 2
    second.refusal = (501, {"code": "unsupported", "detail": "no sandbox", "title": "No", "status": 501})
    assert (await play(client))["session_id"] in runner.sessions and len(second.launches) == 1
    runner.max_sessions = 1
    answer = await client.post("/api/v1/sessions", json={"game_id": "game-2"})
    assert (answer.status_code, answer.json()["code"]) == (429, "exhausted")
    assert all(f"{name_of(one)}: {said}" in answer.text for one, said in ((runner, "full"), (second, "no sandbox")))
    runner.does_wait = True
    assert (await play(client, "game-3"))["session_id"] in runner.sessions, "it waits in the line of who has one"
    assert runner.launches[-1].when_full is None and runner.launches[-2].when_full == "refuse"


async def test_one_runner_away_is_its_own_sessions_trouble_alone(
    client: httpx2.AsyncClient, runner: StandInRunner, second: StandInRunner
) -> None:
    runner.max_sessions = second.max_sessions = 1
    near, far = [(await play(client, game_id))["session_id"] for game_id in ("testcard", "game-2")]
    if near in second.sessions:
        near, far = far, near
    assert list(runner.sessions) == [near] and list(second.sessions) == [far]
    for one, session_id in ((runner, near), (second, far)):
        one.change(session_id, SessionState.READY)
        await becomes(client, session_id, "ready")
    await second.vanish()
    await becomes(client, far, "unreachable")
    runner.change(near, SessionState.STREAMING, peers=1)
    await becomes(client, near, "streaming")
    health = (await client.get("/api/v1/health")).json()
    assert health["status"] == "degraded" and health["runner"]["is_reachable"]
    assert "1 of 2 runners" in health["runner"]["message"]
    runner.max_sessions = 16
    assert (await play(client, "game-3"))["session_id"] in runner.sessions
    assert (await client.delete(f"/api/v1/sessions/{far}")).status_code == 202
    await second.appear()
    await until(lambda: second.stops == [(far, "user_stop")], within_s=WITHIN_S)
    second.end(far, EndReason.USER_STOP)
    await becomes(client, far, "ended")


async def test_who_played_on_a_runner_finds_the_saves_there(
    client: httpx2.AsyncClient, runner: StandInRunner, second: StandInRunner
) -> None:
    second.saves["admin", "game-2"] = b"restored before anybody played"
    assert (await play(client, "game-2"))["session_id"] in second.sessions
    first = (await play(client))["session_id"]
    home, other = (second, runner) if first in second.sessions else (runner, second)
    other.free_memory_bytes *= 4
    home.end(first, EndReason.USER_STOP)
    await becomes(client, first, "ended")
    again = (await play(client))["session_id"]
    assert again in home.sessions
    home.saves["admin", "testcard"] = b"12345"
    assert (await client.get("/api/v1/games/testcard/saves")).json()["used_bytes"] == 5
    home.end(again, EndReason.USER_STOP)
    await becomes(client, again, "ended")
    await home.vanish()
    answer = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
    assert answer.status_code == 503 and f"saves of this game are with the runner {name_of(home)}" in answer.text
    await home.appear()


async def test_where_saves_are_shared_any_runner_takes_it(
    both: CoreSettings, runner: StandInRunner, second: StandInRunner
) -> None:
    async with lived_in(changed(both, runner_saves="shared"), runner) as (_, client):
        for one, other in ((second, runner), (runner, second)):
            one.free_memory_bytes, other.free_memory_bytes = 2 << 30, 1 << 30
            session_id = (await play(client))["session_id"]
            assert session_id in one.sessions
            one.end(session_id, EndReason.USER_STOP)
            await becomes(client, session_id, "ended")


async def test_the_proxy_reaches_each_runner(
    client: httpx2.AsyncClient, runner: StandInRunner, second: StandInRunner
) -> None:
    second.free_memory_bytes *= 2
    session_id = (await play(client))["session_id"]

    async def listed(query: str) -> list[str]:
        found = (await client.get(f"/api/runner/sessions{query}")).json()["sessions"]
        return [one["sessionId"] for one in found]

    assert await listed("") == await listed(f"?runner={name_of(runner)}") == []
    assert await listed(f"?runner={name_of(second)}") == [session_id]
    unknown = await client.get("/api/runner/sessions?runner=elsewhere:80")
    assert unknown.status_code == 404 and name_of(second) in unknown.json()["hint"]


async def test_a_runner_that_moved_keeps_its_sessions_and_one_that_is_listed_no_more_loses_them(
    both: CoreSettings, runner: StandInRunner, second: StandInRunner
) -> None:
    second.free_memory_bytes *= 2
    async with lived_in(both, runner) as (_, client):
        session_id = (await play(client))["session_id"]
        second.change(session_id, SessionState.READY)
        await becomes(client, session_id, "ready")
    urls = f"http://127.0.0.1:{runner.port},http://localhost:{second.port}"
    async with lived_in(changed(both, runner_urls=urls), runner) as (house, client):
        await becomes(client, session_id, "ready")
        assert list((await house.parts.sessions.live_by_runner()).items()) == [
            (f"localhost:{second.port}", [session_id])
        ]
    async with lived_in(changed(both, runner_urls=f"http://127.0.0.1:{runner.port}"), runner) as (_, client):
        assert (await client.delete(f"/api/v1/sessions/{session_id}")).json()["state"] == "ended"


async def test_runners_are_found_by_name_and_kept_while_they_have_sessions(
    settings: CoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name service is the one thing here that is not real."""
    addresses: set[str] = {"127.0.0.1", "127.0.0.2"}
    real = asyncio.get_running_loop().getaddrinfo

    async def look_up(host: str, port: int, **options: Any) -> Any:
        if host != "runners.example":
            return await real(host, port, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    with listening() as free:
        port = free.getsockname()[1]
    found = changed(settings, runner_lookup_url=f"http://runners.example:{port}")
    async with Runners(found) as runners:
        assert runners.all() == () and not runners.is_any_reachable
        assert await runners.look_up(in_use=()) == []
        assert [one.name for one in runners.all()] == [f"127.0.0.1:{port}", f"127.0.0.2:{port}"]
        addresses.clear()
        kept = f"127.0.0.2:{port}"
        assert [one.name for one in await runners.look_up(in_use=[kept])] == [f"127.0.0.1:{port}"]
        assert [one.name for one in runners.all()] == [kept]
        [gone] = await runners.look_up(in_use=())
        assert gone.name == kept and runners.all() == ()
        assert await runners.look_up(in_use=[kept, "no address:80"]) == [], "sessions of before core's start"
        assert runners.find(kept) is not None and len(runners.all()) == 1


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"urls": "http://a:1,http://a:1/"}, "listed twice"),
        ({"urls": "http://a:1,nonsense"}, "URL"),
        ({"urls": "http://user:word@a:1"}, "nothing else"),
        ({"urls": "http://a:1,http://b:1", "key_files": "/k"}, "1 files for the 2 runners"),
        ({"key_files": "/k"}, "1 files for the 0 runners"),
        ({"urls": "http://a:1", "lookup_url": "http://b:1"}, "one of the two"),
        ({"lookup_url": "http://b:1", "command": "start it"}, "runner_command"),
        ({"lookup_url": "https://b:1"}, "http://NAME:PORT"),
        ({"saves": "somewhere"}, "own"),
    ],
)
def test_settings_that_make_no_sense_are_refused(told: dict[str, str], complaint: str, tmp_path: Path) -> None:
    environment = {f"DILLINGER_CORE_RUNNER_{name.upper()}": value for name, value in told.items()}
    with pytest.raises(Invalid, match=complaint):
        load(CoreSettings, section="core", environment={"DILLINGER_CORE_STATE_DIR": str(tmp_path), **environment})
