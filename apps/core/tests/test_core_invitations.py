"""Invitations: they open one session's stream to people without an account, and every other use is refused."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apps.core.tests.core_house import House, add_user, until, until_async
from apps.core.tests.test_core_relay import echo, play, seat_at
from sqlalchemy import update
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from dillinger_contracts import EndReason, SessionState
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_core.sessions import guests
from dillinger_core.sessions.guests import guest_name
from dillinger_core.settings import CoreSettings
from dillinger_core.store.tables import InvitationTable

FACT_TIMEOUT_S = 30.0


@pytest.fixture
def settings(settings: CoreSettings) -> CoreSettings:
    """A machine that is busy with something else is no runner that is away."""
    return settings.model_copy(update={"runner_timeout_s": FACT_TIMEOUT_S})


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """Waits for the close; what it said."""
    with pytest.raises(ConnectionClosed) as error:
        async with asyncio.timeout(FACT_TIMEOUT_S):
            while True:
                await socket.recv()
    frame = error.value.rcvd
    assert frame is not None
    return frame.code, frame.reason


async def invite(client: httpx2.AsyncClient, session_id: str, **wishes: Any) -> tuple[str, str]:
    """The path of an invitation, and its token."""
    answer = await client.post(f"/api/v1/sessions/{session_id}/invitations", json=wishes)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    return f"/api/v1/invitations/{made['invitation']['invitation_id']}", made["token"]


def guest_stream(house: House, path: str, cookie: str | None, **extra: Any) -> connect:
    options: dict[str, Any] = {
        "subprotocols": [Subprotocol(SUBPROTOCOL)],
        "origin": house.url,
        "additional_headers": {"Cookie": f"dillinger_guest={cookie}"} if cookie else {},
        "proxy": None,
        **extra,
    }
    return connect(house.url.replace("http", "ws") + path + "/stream", **options)


def claims_of(ticket: str) -> dict[str, Any]:
    body = ticket.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


async def test_a_guest_comes_in_watches_and_is_seen(house: House, tmp_path: Path) -> None:
    async with house.admin() as client, house.client() as guest, seat_at(house, tmp_path, echo):
        session_id = await play(client)
        path, token = await invite(client, session_id)
        answer = await guest.post(path, json={"token": token})
        facts = answer.json()
        assert (facts["game_title"], facts["host_name"], facts["role"]) == ("Test Card", "admin", "viewer")
        cookie = answer.headers["set-cookie"]
        assert f"Path={path}" in cookie and "HttpOnly" in cookie and "SameSite=strict" in cookie
        answer = await guest.post(f"{path}/tickets", json={"token": token, "name": " Ben\n\x1b[31m "})
        claims = claims_of(answer.json()["ticket"])
        assert (claims["role"], claims["rank"], claims["name"]) == ("viewer", "guest", "Ben [31m")
        listed = f"/api/v1/sessions/{session_id}/invitations"
        async with guest_stream(house, path, token) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            [shown] = (await client.get(listed)).json()["invitations"]
            assert shown["guests"] == 1 and "token" not in json.dumps(shown)

        async def nobody() -> bool:
            return bool((await client.get(listed)).json()["invitations"][0]["guests"] == 0)

        await until_async(nobody, within_s=FACT_TIMEOUT_S)


async def test_owners_and_admins_have_their_rank_in_their_tickets(house: House, settings: CoreSettings) -> None:
    await add_user(settings, "ann", "user")
    async with house.logged_in("ann") as ann, house.admin() as admin:
        session_id = await play(ann)
        for client, rank in ((ann, "owner"), (admin, "admin")):
            answer = await client.post(f"/api/v1/sessions/{session_id}/tickets", json={"role": "player"})
            assert claims_of(answer.json()["ticket"])["rank"] == rank


async def test_only_its_owner_and_admins_invite_list_and_revoke(house: House, settings: CoreSettings) -> None:
    await add_user(settings, "ann", "user")
    await add_user(settings, "ben", "user")
    async with house.logged_in("ann") as ann, house.logged_in("ben") as ben, house.client() as nobody:
        session_id = await play(ann)
        path, token = await invite(ann, session_id)
        listed = f"/api/v1/sessions/{session_id}/invitations"
        one = f"{listed}/{path.rsplit('/', 1)[1]}"
        for client, status in ((ben, 404), (nobody, 403)):
            assert (await client.post(listed, json={})).status_code == status
            assert (await client.get(listed)).status_code == status
            assert (await client.delete(one)).status_code == status
        ann.headers.pop("x-dillinger-csrf")
        assert (await ann.post(listed, json={})).status_code == 403
        assert (await nobody.post(path, json={"token": token})).status_code == 200, "it holds"


async def test_nothing_else_opens_with_it(house: House) -> None:
    async with house.admin() as client, house.client() as guest:
        session_id = await play(client)
        path, token = await invite(client, session_id, role="player")
        await guest.post(path, json={"token": token})
        ticket = (await guest.post(f"{path}/tickets", json={"token": token})).json()["ticket"]
        for cookie in (f"dillinger_guest={token}", f"dillinger_login={token}"):
            for method, where in (
                ("GET", "/api/v1/sessions"), ("GET", f"/api/v1/sessions/{session_id}"), ("GET", "/api/v1/games"),
                ("POST", f"/api/v1/sessions/{session_id}/tickets"), ("DELETE", f"/api/v1/sessions/{session_id}"),
                ("POST", f"/api/v1/sessions/{session_id}/invitations"), ("GET", "/api/v1/events"),
                ("GET", "/api/runner/sessions"), ("GET", "/api/v1/runners"),
            ):  # fmt: skip
                answer = await guest.request(method, where, headers={"Cookie": cookie}, json={"role": "player"})
                assert answer.status_code == 403, (method, where, answer.text)
            with pytest.raises(InvalidStatus) as refusal:
                await guest_stream(house, f"/api/v1/sessions/{session_id}", token)
            assert refusal.value.response.status_code == 403
        bearer = {"Authorization": f"Bearer {ticket}", "Content-Type": "application/sdp"}
        answer = await guest.post(f"/whep/{session_id}", headers=bearer, content=b"v=0\r\n")
        assert answer.status_code == 403 and "its own page" in answer.text


async def test_a_token_that_is_forged_foreign_or_revoked_is_refused_in_the_same_words(house: House) -> None:
    async with house.admin() as client, house.client() as guest:
        session_id = await play(client)
        path, token = await invite(client, session_id)
        other_path, other_token = await invite(client, session_id)
        gone_path, gone_token = await invite(client, session_id)
        revoked = await client.delete(f"/api/v1/sessions/{session_id}/invitations/{gone_path.rsplit('/', 1)[1]}")
        assert revoked.status_code == 204
        wrong = [
            (path, other_token), (other_path, token), (gone_path, gone_token), (path, token[:-1]),
            ("/api/v1/invitations/aaaaaaaaaaaa", token),
        ]  # fmt: skip
        answers = [await guest.post(where, json={"token": text}) for where, text in wrong]
        assert {answer.status_code for answer in answers} == {403}
        assert len({answer.json()["detail"] for answer in answers}) == 1
        for where, text in wrong[:3]:
            with pytest.raises(InvalidStatus) as refusal:
                await guest_stream(house, where, text)
            assert refusal.value.response.status_code == 403
        answer = await guest.post(path, json={"token": token})
        assert answer.status_code == 429, "whoever guesses has to wait"


async def test_what_has_expired_is_refused_and_its_guests_are_gone(house: House) -> None:
    async with house.admin() as client, house.client() as guest:
        session_id = await play(client)
        path, token = await invite(client, session_id, lifetime_s=60)
        invitations = house.parts.invitations
        row, _ = await invitations.open(path.rsplit("/", 1)[1], token, address="here")
        assert row.expires_at is not None and row.expires_at - row.created_at == timedelta(seconds=60)
        now = datetime.now(UTC)
        with invitations.stay(replace(row, expires_at=now + timedelta(seconds=0.1))) as staying:
            async with asyncio.timeout(FACT_TIMEOUT_S):
                await staying.over.wait()
        async with invitations._rows._database.transaction() as session:
            await session.execute(update(InvitationTable).values(expires_at=now))
        assert not await invitations.holds(row)
        assert (await guest.post(path, json={"token": token})).status_code == 403
        with pytest.raises(InvalidStatus) as refusal:
            await guest_stream(house, path, token)
        assert refusal.value.response.status_code == 403
        listed = (await client.get(f"/api/v1/sessions/{session_id}/invitations")).json()
        assert listed == {"invitations": []}


async def test_who_is_revoked_is_gone_at_once_and_nobody_else(house: House, tmp_path: Path) -> None:
    async with house.admin() as client, seat_at(house, tmp_path, echo):
        session_id = await play(client)
        path, token = await invite(client, session_id)
        other_path, other_token = await invite(client, session_id)
        async with guest_stream(house, path, token) as socket, guest_stream(house, other_path, other_token) as other:
            await client.delete(f"/api/v1/sessions/{session_id}/invitations/{path.rsplit('/', 1)[1]}")
            assert await closed(socket) == (4403, "the invitation is over")
            await other.send("still here")
            assert await other.recv() == "still here"


async def test_it_ends_with_its_session(house: House) -> None:
    async with house.admin() as client, house.client() as guest:
        session_id = await play(client)
        path, token = await invite(client, session_id)
        house.runner.end(session_id, EndReason.GAME_EXITED)

        async def is_over() -> bool:
            return bool((await guest.post(path, json={"token": token})).json()["state"] == SessionState.ENDED)

        await until_async(is_over, within_s=FACT_TIMEOUT_S)
        assert (await guest.post(f"{path}/tickets", json={"token": token})).status_code == 409
        with pytest.raises(InvalidStatus) as refusal:
            await guest_stream(house, path, token)
        assert refusal.value.response.status_code == 409
        late = await client.post(f"/api/v1/sessions/{session_id}/invitations", json={})
        assert late.status_code == 409


async def test_there_are_never_too_many(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "MOST_GUESTS", 2)
    async with house.admin() as client, seat_at(house, tmp_path, echo):
        session_id = await play(client)
        made = [await invite(client, session_id) for _ in range(guests.MOST_INVITATIONS)]
        answer = await client.post(f"/api/v1/sessions/{session_id}/invitations", json={})
        assert answer.status_code == 429
        path, token = made[0]
        async with guest_stream(house, path, token), guest_stream(house, made[1][0], made[1][1]):
            with pytest.raises(InvalidStatus) as refusal:
                await guest_stream(house, path, token)
            assert refusal.value.response.status_code == 429
        await until(lambda: not house.parts.invitations._guests, within_s=FACT_TIMEOUT_S)
        async with guest_stream(house, path, token):
            await asyncio.sleep(0)


@pytest.mark.parametrize("body", [{"role": "admin"}, {"lifetime_s": 1}, {"lifetime_s": 10**9}, {"x": 1}], ids=str)
async def test_strange_wishes_are_refused(house: House, body: dict[str, Any]) -> None:
    async with house.admin() as client:
        session_id = await play(client)
        answer = await client.post(f"/api/v1/sessions/{session_id}/invitations", json=body)
        assert answer.status_code == 422


async def test_another_site_s_page_opens_no_invitation(house: House) -> None:
    async with house.admin() as client, house.client() as guest:
        path, token = await invite(client, await play(client))
        evil = {"Origin": "https://evil.example"}
        assert (await guest.post(path, json={"token": token}, headers=evil)).status_code == 403
        with pytest.raises(InvalidStatus) as refusal:
            await guest_stream(house, path, token, origin="https://evil.example")
        assert refusal.value.response.status_code == 403


@pytest.mark.parametrize(
    ("wish", "name"),
    [("", "Guest"), ("  Ben  ", "Ben"), ("a\u202eb\nc", "a b c"), ("x" * 40, "x" * 24), ("\t", "Guest"), ("Ü", "Ü")],
)
def test_a_guest_s_name_is_one_short_line(wish: str, name: str) -> None:
    assert guest_name(wish) == name
