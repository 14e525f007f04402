"""WHEP at core: who may watch, what a player is told, and how a watch ends; the seat is a small one that answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apps.core.tests.core_house import House, StandInRunner, add_user, open_house, until, until_async
from apps.core.tests.test_core_relay import play, seat_at
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from dillinger_contracts.ice import IceServer
from dillinger_contracts.signaling import Description, Notice, Welcome
from dillinger_core import watches
from dillinger_core.settings import CoreSettings
from dillinger_core.watches import MAX_OFFER_BYTES, MAX_PER_SESSION

WAIT_S = 30.0
OFFER = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
ANSWER = "v=0\r\nanswer\r\n"
SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
TURN = IceServer(urls=("turn:turn.example.org?transport=udp",), username="1:x", credential="pass")
STUN = IceServer(urls=("stun:stun.example.org",))


@dataclass
class AnsweringSeat:
    """Answers offers as a seat does, or refuses them; notes what it hears."""

    refusal: Notice | None = None
    heard: list[dict[str, Any]] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    closed: int = 0

    async def __call__(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                message = json.loads(text)
                self.heard.append(message)
                if message["type"] == "watch":
                    await self._answer(connection)
        self.closed += 1

    async def _answer(self, connection: ServerConnection) -> None:
        if self.refusal is not None:
            await connection.send(self.refusal.model_dump_json())
            await connection.close(4422, "no")
            return
        servers = (STUN, TURN)
        welcome = Welcome(peer_id=1, role="viewer", has_sound=True, is_resizable=True, ice_servers=servers)
        await connection.send(welcome.model_dump_json())
        await connection.send(Description(kind="answer", sdp=ANSWER).model_dump_json())


@dataclass
class Stage:
    """A session that runs, and players that want to watch it."""

    house: House
    seat: AnsweringSeat
    client: httpx2.AsyncClient
    session_id: str
    player: httpx2.AsyncClient

    async def ticket(self, role: str = "viewer") -> dict[str, str]:
        body = {"role": role}
        answer = await self.client.post(f"/api/v1/sessions/{self.session_id}/tickets", json=body)
        return {"Authorization": f"Bearer {answer.json()['ticket']}"}

    async def watch(self, headers: dict[str, str] | None = None, *, offer: str = OFFER) -> httpx2.Response:
        headers = await self.ticket() if headers is None else headers
        return await self.player.post(f"/whep/{self.session_id}", content=offer, headers=SDP | headers)


@contextlib.asynccontextmanager
async def staged(house: House, tmp_path: Path) -> AsyncIterator[Stage]:
    seat = AnsweringSeat()
    player = httpx2.AsyncClient(base_url=house.url, trust_env=False, timeout=WAIT_S)
    async with house.admin() as client, seat_at(house, tmp_path, seat), player:
        yield Stage(house, seat, client, await play(client), player)


@pytest.fixture
async def stage(house: House, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(house, tmp_path) as stage:
        yield stage


def problem(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*", "a page of another site may read why"
    return answer.status_code, answer.json()["code"]


async def test_a_player_is_answered_adds_candidates_and_leaves(stage: Stage) -> None:
    ticket = await stage.ticket()
    answer = await stage.watch(ticket)
    assert (answer.status_code, answer.text) == (201, ANSWER)
    assert answer.headers["content-type"] == "application/sdp"
    location = answer.headers["location"]
    assert location.startswith(f"/whep/{stage.session_id}/")
    assert answer.headers.get_list("link") == [
        '<stun:stun.example.org>; rel="ice-server"',
        '<turn:turn.example.org?transport=udp>; rel="ice-server"; username="1:x"; credential="pass"; '
        'credential-type="password"',
    ]
    heard = stage.seat.heard[0]
    assert (heard["type"], heard["sdp"]) == ("watch", OFFER)
    assert f"Bearer {heard['ticket']}" == ticket["Authorization"]
    assert "dillinger_core_watches 1.0" in (await stage.client.get("/api/v1/metrics")).text

    fragment = "a=ice-ufrag:abcd\r\nm=video 9 x 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
    added = await stage.player.patch(
        location, content=fragment, headers=FRAGMENT | ticket | {"If-Match": answer.headers["etag"]}
    )
    assert added.status_code == 204
    await until(lambda: len(stage.seat.heard) == 2, within_s=WAIT_S)
    assert stage.seat.heard[1]["candidate"] == "candidate:1 1 udp 1 192.0.2.1 9 typ host"

    left = await stage.player.delete(location, headers=ticket)
    assert left.status_code == 200
    await until(lambda: stage.seat.closed == 1, within_s=WAIT_S)
    assert stage.seat.heard[-1]["type"] == "bye"
    assert problem(await stage.player.delete(location, headers=ticket)) == (404, "not_found")


async def test_without_a_good_ticket_no_seat_is_asked(stage: Stage) -> None:
    without = await stage.watch({})
    assert problem(without) == (401, "ticket_required")
    assert without.headers["www-authenticate"] == "Bearer"
    good = (await stage.ticket())["Authorization"]
    other = await stage.client.post(
        "/api/v1/sessions", json={"game_id": "testcard"}
    )  # the same session: one of a game and user
    assert other.json()["session_id"] == stage.session_id
    for bad in ("Basic YTpi", "Bearer", "Bearer x", f"{good}x", f"Bearer {good}", "Bearer " + "x" * 5000):
        status, code = problem(await stage.watch({"Authorization": bad}))
        assert (status, code) in ((401, "ticket_required"), (403, "denied"), (422, "invalid")), bad
    elsewhere = await stage.player.post("/whep/" + 20 * "z", content=OFFER, headers=SDP | {"Authorization": good})
    assert problem(elsewhere) == (403, "denied")
    cookie_only = await stage.client.post(f"/whep/{stage.session_id}", content=OFFER, headers=SDP)
    assert problem(cookie_only) == (401, "ticket_required"), "a login is no ticket: other sites' pages may ask here"
    assert not stage.seat.connections


async def test_bodies_that_are_no_offers_are_refused(stage: Stage) -> None:
    ticket = await stage.ticket()
    url = f"/whep/{stage.session_id}"
    plain = await stage.player.post(url, content=OFFER, headers=ticket | {"Content-Type": "text/plain"})
    assert problem(plain) == (415, "wrong_media_type")
    assert problem(await stage.watch(ticket, offer=OFFER + "x" * MAX_OFFER_BYTES)) == (413, "too_large")
    assert problem(await stage.watch(ticket, offer="v=0\r\n")) == (422, "invalid")
    assert problem(await stage.watch(ticket, offer="")) == (422, "invalid")
    assert problem(await stage.watch(ticket, offer=OFFER + "\x01" * 20_000)) == (422, "invalid")
    binary = await stage.player.post(url, content=b"\xff\xfe" + OFFER.encode(), headers=SDP | ticket)
    assert problem(binary) == (422, "invalid")
    assert not [message for message in stage.seat.heard if message["type"] == "watch"]


async def test_what_the_seat_refuses_is_told_and_one_that_is_silent_is_given_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.seat.refusal = Notice(level="error", code="invalid", message="The offer wants to be sent nothing")
    answer = await stage.watch()
    assert problem(answer) == (422, "invalid")
    assert answer.json()["detail"] == "The offer wants to be sent nothing"
    stage.seat.refusal = Notice(level="error", code="denied", message="This ticket was used before")
    assert problem(await stage.watch()) == (403, "denied")
    monkeypatch.setattr(watches, "_ANSWER_TIMEOUT_S", 0.3)
    release = asyncio.Event()

    async def never(_: AnsweringSeat, __: ServerConnection) -> None:
        await release.wait()

    monkeypatch.setattr(AnsweringSeat, "_answer", never)
    assert problem(await stage.watch()) == (503, "unavailable")
    release.set()


async def test_a_watch_is_its_opener_s_alone_and_ends_with_its_connection(stage: Stage) -> None:
    ticket = await stage.ticket()
    answer = await stage.watch(ticket)
    location, other = answer.headers["location"], await stage.ticket()
    assert problem(await stage.player.delete(location)) == (401, "ticket_required")
    assert problem(await stage.player.delete(location, headers=other)) == (403, "denied")
    patch = await stage.player.patch(location, content="", headers=FRAGMENT | other)
    assert problem(patch) == (403, "denied")
    strange = await stage.player.patch(location, content="", headers=FRAGMENT | ticket | {"If-Match": '"other"'})
    assert problem(strange) == (412, "other_watch")
    restart = await stage.player.patch(
        location, content="a=ice-ufrag:new1\r\n", headers=FRAGMENT | ticket | {"If-Match": "*"}
    )
    assert problem(restart) == (422, "invalid")
    assert "restart" in restart.json()["detail"]
    many = 40 * "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
    assert problem(await stage.player.patch(location, content=many, headers=FRAGMENT | ticket)) == (422, "invalid")
    assert (await stage.player.get(location, headers=ticket)).status_code == 405
    assert len(stage.seat.heard) == 1, "the seat heard of none of it"
    await stage.seat.connections[0].close(4503, "The WebRTC connection is over")

    async def is_gone() -> bool:
        return (await stage.player.patch(location, content="", headers=FRAGMENT | ticket)).status_code == 404

    await until_async(is_gone, within_s=WAIT_S)


async def test_a_page_of_another_site_may_ask_and_no_more_watch_than_there_is_room_for(stage: Stage) -> None:
    answer = await stage.player.options(
        f"/whep/{stage.session_id}",
        headers={"Origin": "https://player.example.org", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["accept-post"] == "application/sdp"
    headers = {"Origin": "https://player.example.org"} | await stage.ticket()
    assert (await stage.watch(headers)).status_code == 201
    for _ in range(MAX_PER_SESSION - 1):
        assert (await stage.watch()).status_code == 201
    assert problem(await stage.watch()) == (429, "exhausted")


async def test_its_time_is_limited_and_it_can_be_switched_off(
    settings: CoreSettings, runner: StandInRunner, tmp_path: Path
) -> None:
    await add_user(settings, "admin", "admin")
    short = settings.model_copy(update={"watch_lifetime_s": 0.3})
    async with open_house(short, runner) as house, staged(house, tmp_path) as stage:
        assert (await stage.watch()).status_code == 201
        await until(lambda: stage.seat.closed == 1, within_s=WAIT_S)
    none = settings.model_copy(update={"max_watches": 0})
    async with open_house(none, runner) as house, staged(house, tmp_path) as stage:
        assert problem(await stage.watch()) == (429, "exhausted")
