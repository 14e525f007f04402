"""Playing: from the click to the end, with a runner that refuses, vanishes and comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from apps.core.tests.core_house import (
    House,
    StandInRunner,
    add_game,
    add_user,
    open_house,
    until,
    until_async,
)
from joserfc import jwt
from joserfc.jwk import OctKey

from dillinger_contracts import EndReason, RunnerSession, SessionEnd, SessionState, StartStep
from dillinger_contracts.tickets import TicketClaims, TicketGate
from dillinger_core.sessions import Feed
from dillinger_core.sessions.feed import RING_EVENTS, Afresh, FeedEvent
from dillinger_core.sessions.reconcile import Action, Apply, Ask, GiveUp, Place, Stop, reconcile
from dillinger_core.settings import CoreSettings
from dillinger_core.store import Database, SessionRow, SessionRows, User, Users
from dillinger_core.tickets import key_bytes

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


async def play(client: httpx2.AsyncClient, game_id: str = "testcard", **body: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/sessions", json={"game_id": game_id, **body})
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def session(client: httpx2.AsyncClient, session_id: str) -> dict[str, Any]:
    view: dict[str, Any] = (await client.get(f"/api/v1/sessions/{session_id}")).json()
    return view


async def becomes(client: httpx2.AsyncClient, session_id: str, state: str) -> dict[str, Any]:
    async def is_there() -> bool:
        return bool((await session(client, session_id))["state"] == state)

    await until_async(is_there)
    return await session(client, session_id)


async def test_from_click_to_end(house: House) -> None:
    async with house.admin() as client:
        view = await play(client, profile={"rate_hz": 30})
        session_id = view["session_id"]
        assert (view["state"], view["game_title"], view["user_name"]) == ("starting", "Test Card", "admin")
        assert view["steps"] == [{"name": "placed", "duration_ms": 3.5, "share_done": None}]
        [launch] = house.runner.launches
        assert launch.session_id == session_id and launch.profile is not None and launch.profile.rate_hz == 30
        steps = (StartStep(name="placed", duration_ms=3.5), StartStep(name="window", duration_ms=120))
        house.runner.change(session_id, SessionState.STREAMING, peers=1, steps=steps)
        view = await becomes(client, session_id, "streaming")
        assert view["peers"] == 1 and [step["name"] for step in view["steps"]] == ["placed", "window"]
        house.runner.end(session_id, EndReason.GAME_CRASHED, signal="SIGSEGV", message="It crashed", log_tail=("bye",))
        view = await becomes(client, session_id, "ended")
        assert view["end"]["reason"] == "game_crashed" and view["end"]["signal"] == "SIGSEGV"
        assert view["end"]["log_tail"] == ["bye"] and view["ended_at"] == view["end"]["ended_at"]
        assert (await client.get("/api/v1/sessions")).json()["sessions"] == [view]


async def test_two_clicks_at_once_are_one_session(house: House) -> None:
    house.runner.holds = asyncio.Event()
    async with house.admin() as client:
        clicks = [asyncio.create_task(client.post("/api/v1/sessions", json={"game_id": "testcard"})) for _ in range(6)]
        await until(lambda: sum(click.done() for click in clicks) == 5)
        house.runner.holds.set()
        answers = await asyncio.gather(*clicks)
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
        assert len({answer.json()["session_id"] for answer in answers}) == 1
        assert len(house.runner.launches) == 1
        again = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
        assert again.status_code == 200
        add_game(house.settings.library, "other")
        await house.parts.library.look(is_forced=True)
        assert (await play(client, "other"))["game_id"] == "other"


async def test_unknown_games(house: House) -> None:
    async with house.admin() as client:
        for game_id in ("nothing", "..", "../testcard", "a/b", "UPPER", "x" * 65, "", 5, None):
            answer = await client.post("/api/v1/sessions", json={"game_id": game_id})
            assert answer.status_code == (404 if game_id == "nothing" else 422), game_id
        assert house.runner.launches == []


async def test_refusal_of_the_runner_reaches_the_user(house: House) -> None:
    house.runner.refusal = (429, {"code": "exhausted", "detail": "All 16 places are taken", "title": "x"})
    async with house.admin() as client:
        answer = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
        assert answer.status_code == 429 and "16 places" in answer.json()["detail"]
        [view] = (await client.get("/api/v1/sessions")).json()["sessions"]
        assert view["end"]["reason"] == "refused" and "16 places" in view["end"]["message"]
        house.runner.refusal = None
        await play(client)


async def test_stop(house: House) -> None:
    async with house.admin() as client:
        session_id = (await play(client))["session_id"]
        answer = await client.delete(f"/api/v1/sessions/{session_id}")
        assert (answer.status_code, answer.json()["state"]) == (202, "stopping")
        assert house.runner.stops == [(session_id, "user_stop")]
        house.runner.end(session_id, EndReason.USER_STOP)
        await becomes(client, session_id, "ended")
        assert (await client.delete(f"/api/v1/sessions/{session_id}")).json()["state"] == "ended"
        assert (await client.delete(f"/api/v1/sessions/{'z' * 20}")).status_code == 404


async def test_runner_away_and_back(house: House) -> None:
    async with house.admin() as client:
        session_id = (await play(client))["session_id"]
        house.runner.change(session_id, SessionState.READY)
        await becomes(client, session_id, "ready")
        await house.runner.vanish()
        await becomes(client, session_id, "unreachable")
        health = (await client.get("/api/v1/health")).json()
        assert health["status"] == "degraded" and health["runner"]["is_reachable"] is False
        add_game(house.settings.library, "other")
        await house.parts.library.look(is_forced=True)
        refused = await client.post("/api/v1/sessions", json={"game_id": "other"})
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        stopped = await client.delete(f"/api/v1/sessions/{session_id}")
        assert stopped.status_code == 202
        await house.runner.appear()
        await until(lambda: house.runner.stops == [(session_id, "user_stop")])
        house.runner.end(session_id, EndReason.USER_STOP)
        assert (await becomes(client, session_id, "ended"))["end"]["reason"] == "user_stop"


async def test_session_that_the_runner_lost_ends(house: House) -> None:
    async with house.admin() as client:
        session_id = (await play(client))["session_id"]
        await house.runner.vanish()
        house.runner.sessions.clear()
        await house.runner.appear()
        view = await becomes(client, session_id, "ended")
        assert view["end"]["reason"] == "seat_lost"


async def test_others_see_and_stop_nothing_of_mine(house: House) -> None:
    await add_user(house.settings, "guest", "user")
    async with house.admin() as admin, house.logged_in("guest") as guest:
        mine = (await play(admin))["session_id"]
        theirs = (await play(guest))["session_id"]
        assert mine != theirs
        for call in (guest.get(f"/api/v1/sessions/{mine}"), guest.delete(f"/api/v1/sessions/{mine}")):
            assert (await call).status_code == 404
        ticket = await guest.post(f"/api/v1/sessions/{mine}/tickets", json={"role": "viewer"})
        assert ticket.status_code == 404
        assert [view["session_id"] for view in (await guest.get("/api/v1/sessions")).json()["sessions"]] == [theirs]
        assert len((await admin.get("/api/v1/sessions")).json()["sessions"]) == 2
        assert (await guest.get("/api/runner/sessions")).status_code == 403
        await admin.delete(f"/api/v1/sessions/{theirs}")
        assert house.runner.stops == [(theirs, "admin_stop")]


async def test_ticket_opens_this_seat_only(house: House) -> None:
    add_game(house.settings.library, "other")
    async with house.admin() as client:
        await house.parts.library.look(is_forced=True)
        mine, other = (await play(client))["session_id"], (await play(client, "other"))["session_id"]
        answer = (await client.post(f"/api/v1/sessions/{mine}/tickets", json={"role": "player"})).json()
        keys = {launch.session_id: launch.ticket_key for launch in house.runner.launches}
        assert keys[mine] != keys[other]
        key = keys[mine]
        assert key is not None
        token = jwt.decode(answer["ticket"], OctKey.import_key(key_bytes(key)), algorithms=["HS256"])
        claims = TicketClaims.model_validate(token.claims)
        assert (claims.sub, claims.role, claims.exp - claims.iat) == ("admin", "player", 60)
        TicketGate(mine).admit(claims, now_s=claims.iat + 1)
        bad = await client.post(f"/api/v1/sessions/{mine}/tickets", json={"role": "king"})
        assert bad.status_code == 422


async def _events(client: httpx2.AsyncClient, last_id: str | None = None) -> AsyncIterator[dict[str, str]]:
    headers = {"last-event-id": last_id} if last_id else {}
    async with client.stream("GET", "/api/v1/events", headers=headers, timeout=60) as response:
        event: dict[str, str] = {}
        async for line in response.aiter_lines():
            if not line and "event" in event:
                yield event
                event = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value


async def test_events_tell_changes_and_go_on_after_a_break(house: House) -> None:
    async with house.admin() as client:
        session_id = (await play(client))["session_id"]
        feed = _events(client)
        first = await anext(feed)
        assert json.loads(first["data"])["session_id"] == session_id, "what lives is told at once"
        marker = await anext(feed)
        assert marker["event"] == "library"
        house.runner.change(session_id, SessionState.READY)
        ready = await anext(feed)
        assert json.loads(ready["data"])["state"] == "ready"
        await feed.aclose()  # type: ignore[attr-defined]
        house.runner.end(session_id, EndReason.GAME_EXITED, exit_code=0)
        await becomes(client, session_id, "ended")
        again = _events(client, ready["id"])
        assert json.loads((await anext(again))["data"])["end"]["exit_code"] == 0
        await again.aclose()  # type: ignore[attr-defined]


async def _take(feed: Feed, last_id: str | None, count: int) -> list[FeedEvent | Afresh | None]:
    taken: list[FeedEvent | Afresh | None] = []
    async for item in feed.follow(last_id, beat_s=0.01):
        taken.append(item)
        if len(taken) == count:
            break
    return taken


async def test_feed_is_bounded_and_says_when_it_lost_something() -> None:
    feed = Feed()
    [start] = await _take(feed, None, 1)
    assert isinstance(start, Afresh)
    for number in range(3):
        feed.publish("library", str(number))
    taken = await _take(feed, start.event_id, 4)
    assert [item.data for item in taken if isinstance(item, FeedEvent)] == ["0", "1", "2"] and taken[3] is None
    for number in range(RING_EVENTS + 10):
        feed.publish("library", str(number))
    [late] = await _take(feed, start.event_id, 1)
    assert isinstance(late, Afresh)
    for foreign in ("ffffffff-1", "nonsense", f"{start.event_id.split('-')[0]}-x", ""):
        assert isinstance((await _take(feed, foreign, 1))[0], Afresh)
    feed.close()
    assert await _take(feed, None, 1) == []


def row(state: SessionState, *, stop: EndReason | None = None, age_s: float = 0) -> SessionRow:
    end = SessionEnd(reason=EndReason.USER_STOP, ended_at=NOW) if state is SessionState.ENDED else None
    created_at = NOW - timedelta(seconds=age_s)
    return SessionRow("a" * 20, "admin", "game", "Game", state, created_at, stop_reason=stop, end=end)


def seen(state: SessionState) -> RunnerSession:
    return RunnerSession(session_id="a" * 20, game_id="game", user_id="admin", state=state, created_at=NOW)


READY, ENDED, REQUESTED = SessionState.READY, SessionState.ENDED, SessionState.REQUESTED
USER_STOP = EndReason.USER_STOP


@pytest.mark.parametrize(
    ("wish", "found", "actions"),
    [
        (row(REQUESTED), None, [Place(row(REQUESTED))]),
        (row(REQUESTED, age_s=999), None, [GiveUp(row(REQUESTED, age_s=999), EndReason.PLACEMENT_FAILED)]),
        (row(REQUESTED, stop=USER_STOP), None, [GiveUp(row(REQUESTED, stop=USER_STOP), USER_STOP)]),
        (row(REQUESTED), seen(READY), [Apply(seen(READY))]),
        (row(READY), None, [Ask(row(READY))]),
        (row(READY), seen(ENDED), [Apply(seen(ENDED))]),
        (row(READY, stop=USER_STOP), seen(READY), [Apply(seen(READY)), Stop("a" * 20, USER_STOP)]),
        (row(READY, stop=USER_STOP), seen(ENDED), [Apply(seen(ENDED))]),
        (row(ENDED), seen(READY), [Stop("a" * 20, EndReason.INTERNAL)]),
        (row(ENDED), seen(SessionState.STOPPING), []),
        (row(ENDED), None, []),
    ],
)
def test_reconcile(wish: SessionRow, found: RunnerSession | None, actions: list[Action]) -> None:
    listed = {found.session_id: found} if found else {}
    lifetime = timedelta(seconds=120)
    assert reconcile([wish], listed, now=NOW, wish_lifetime=lifetime, being_placed=set()) == actions


def test_reconcile_leaves_wishes_of_this_moment_alone() -> None:
    wish = row(REQUESTED)
    assert reconcile([wish], {}, now=NOW, wish_lifetime=timedelta(120), being_placed={wish.session_id}) == []


async def test_wish_that_was_cut_short_is_placed_at_the_next_start(
    settings: CoreSettings, runner: StandInRunner
) -> None:
    """As a kill between writing the wish down and asking the runner leaves it."""
    database = await Database.open(settings.database)
    await Users(database).add(User("admin", "admin", "x", must_change_password=False), now=NOW)
    rows = SessionRows(database)
    fresh = SessionRow("f" * 20, "admin", "testcard", "T", REQUESTED, datetime.now(UTC))
    await rows.add(fresh)
    await rows.add(SessionRow("0" * 20, "admin", "older", "O", REQUESTED, NOW - timedelta(days=2)))
    async with open_house(settings, runner) as house:
        await until(lambda: house.parts.sessions.is_runner_reachable)
        assert [launch.session_id for launch in runner.launches] == ["f" * 20]
        old, new = await rows.get("0" * 20), await rows.get("f" * 20)
        assert new is not None and new.state is SessionState.STARTING
        assert old is not None and old.end is not None and old.end.reason is EndReason.PLACEMENT_FAILED
    await database.close()


async def test_only_an_admin_has_a_game_on_the_machine_s_own_display(house: House) -> None:
    await add_user(house.settings, "guest", "user")
    wish = {"game_id": "testcard", "show": "host"}
    async with house.admin() as admin, house.logged_in("guest") as guest:
        answer = await guest.post("/api/v1/sessions", json=wish)
        assert answer.status_code == 403 and "admin" in answer.json()["detail"]
        assert house.runner.launches == []
        answer = await admin.post("/api/v1/sessions", json=wish)
        assert answer.status_code == 201 and answer.json()["show"] == "host"
        [launch] = house.runner.launches
        assert launch.show == "host"
        session_id = answer.json()["session_id"]
        house.runner.change(session_id, SessionState.STREAMING, peers=1)
        await becomes(admin, session_id, "streaming")
        ticket = await admin.post(f"/api/v1/sessions/{session_id}/tickets", json={"role": "player"})
        assert ticket.status_code == 409 and "own display" in ticket.json()["detail"]
        assert (await admin.post("/api/v1/sessions", json=wish)).json()["session_id"] == session_id
        other = await admin.post("/api/v1/sessions", json={"game_id": "testcard"})
        assert other.status_code == 409 and "own display" in other.json()["detail"]
        assert len(house.runner.launches) == 1
