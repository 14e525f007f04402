"""Logging in, being wrong too often, and requests that other sites' pages make."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from apps.core.tests.core_house import PASSWORD, House, log_in, until_async

from dillinger_contracts import Invalid
from dillinger_core.auth import FailureLimit, Gate, Passwords, TooManyAttempts
from dillinger_core.auth.passwords import check_new, one_time_password
from dillinger_core.store import Database, Logins, Users

NOBODY = {"user": None, "csrf": None}


async def test_first_login_must_change_the_password(new_house: House) -> None:
    first = new_house.first_login()
    assert first["name"] == "admin"
    path = new_house.settings.core_dir / "first-login.json"
    assert path.stat().st_mode & 0o777 == 0o600
    async with new_house.client() as client:
        await log_in(client, first["name"], first["password"])
        assert (await client.get("/api/v1/me")).json()["user"]["must_change_password"] is True
        refused = await client.get("/api/v1/games")
        assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")
        body = {"old_password": first["password"], "new_password": PASSWORD}
        assert (await client.post("/api/v1/me/password", json=body)).status_code == 204
        assert not path.exists()
        assert (await client.get("/api/v1/games")).status_code == 200
        assert (await client.get("/api/v1/me")).json()["user"]["must_change_password"] is False
    async with new_house.client() as client:
        old = await client.post("/api/v1/login", json=first)
        assert (old.status_code, old.json()["code"]) == (403, "login_failed")


async def test_cookie_is_hidden_from_scripts_and_other_sites(new_house: House) -> None:
    first = new_house.first_login()
    async with new_house.client() as client:
        answer = await client.post("/api/v1/login", json=first)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie
        assert first["password"] not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_nothing_without_login(house: House) -> None:
    async with house.client() as client:
        for path in ("/games", "/games/testcard", "/sessions", "/events", "/games/testcard/art/a.png"):
            answer = await client.get(f"/api/v1{path}")
            assert (answer.status_code, answer.json()["code"]) == (403, "login_required"), path
        client.cookies.set("dillinger_login", "x" * 43)
        assert (await client.get("/api/v1/me")).json() == NOBODY
        assert (await client.get("/api/v1/health")).status_code == 200


async def test_logout_ends_the_login(house: House) -> None:
    async with house.admin() as client:
        token = client.cookies["dillinger_login"]
        assert (await client.post("/api/v1/logout")).status_code == 204
        assert "dillinger_login" not in client.cookies
        client.cookies.set("dillinger_login", token)
        assert (await client.get("/api/v1/me")).json() == NOBODY


async def test_password_change_ends_other_logins(house: House) -> None:
    async with house.admin() as client, house.logged_in() as other:
        body = {"old_password": PASSWORD, "new_password": "another horse battery"}
        assert (await client.post("/api/v1/me/password", json=body)).status_code == 204
        assert (await client.get("/api/v1/me")).json()["user"]["name"] == "admin"
        assert (await other.get("/api/v1/me")).json() == NOBODY


async def test_change_needs_csrf_header_and_own_origin(house: House) -> None:
    async with house.admin() as client:
        csrf = client.headers.pop("x-dillinger-csrf")
        for headers, code in (
            ({}, "csrf_failed"),
            ({"x-dillinger-csrf": csrf[:-1] + ("1" if csrf.endswith("0") else "0")}, "csrf_failed"),
            ({"x-dillinger-csrf": csrf, "origin": "https://evil.example"}, "origin_refused"),
            ({"x-dillinger-csrf": csrf, "origin": "null"}, "origin_refused"),
            ({"x-dillinger-csrf": csrf, "origin": house.url.replace("http:", "https:")}, "origin_refused"),
        ):
            answer = await client.post("/api/v1/logout", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, code), headers
        good = await client.post("/api/v1/logout", headers={"x-dillinger-csrf": csrf, "origin": house.url})
        assert good.status_code == 204


async def test_other_sites_cannot_log_a_browser_in(new_house: House) -> None:
    async with new_house.client() as client:
        body = new_house.first_login()
        answer = await client.post("/api/v1/login", json=body, headers={"origin": "https://evil.example"})
        assert answer.json()["code"] == "origin_refused"
        form = await client.post("/api/v1/login", data=body)
        assert form.status_code == 422


async def _wrong(client: httpx2.AsyncClient, name: str) -> httpx2.Response:
    return await client.post("/api/v1/login", json={"name": name, "password": "not the password"})


async def test_lockout_also_for_many_at_once(house: House) -> None:
    limit = house.settings.login_failures_per_name
    async with house.client() as client:
        answers = await asyncio.gather(*(_wrong(client, "admin") for _ in range(limit + 5)))
        assert sorted(answer.status_code for answer in answers) == [403] * limit + [429] * 5
        locked = await client.post("/api/v1/login", json={"name": "admin", "password": PASSWORD})
        assert locked.status_code == 429
        assert 1 <= int(locked.headers["retry-after"]) <= house.settings.login_failure_window_s


async def test_unknown_names_count_and_look_the_same(house: House) -> None:
    async with house.client() as client:
        known, unknown = await _wrong(client, "admin"), await _wrong(client, "nobody")
        assert known.json() == unknown.json()
        for number in range(house.settings.login_failures_per_address):
            await _wrong(client, f"nobody{number}")
        assert (await _wrong(client, "fresh")).status_code == 429


def test_failure_limit_forgets_with_time() -> None:
    limit = FailureLimit(limit=2, window_s=10)
    limit.fail("a", now_s=0)
    limit.fail("a", now_s=4)
    with pytest.raises(TooManyAttempts) as refused:
        limit.check("a", now_s=9)
    assert refused.value.retry_after_s == 1
    limit.check("b", now_s=9)
    limit.check("a", now_s=10)


def test_new_passwords() -> None:
    for bad in ("short", "admin-admin", "the same one"):
        with pytest.raises(Invalid):
            check_new(bad, old="the same one", name="admin")
    check_new("long enough then", old="the same one", name="admin")
    assert one_time_password() != one_time_password()


async def test_expired_login_is_over(house: House) -> None:
    database = await Database.open(house.settings.database)
    try:
        short = house.settings.model_copy(update={"login_lifetime_s": 0.001})
        gate = Gate(short, Users(database), Logins(database), Passwords())
        token, login = await gate.log_in("admin", PASSWORD, address="test")
        await until_async(lambda: _is_over(gate, token))
        assert not await gate.holds(login)
    finally:
        await database.close()


async def _is_over(gate: Gate, token: str) -> bool:
    return await gate.identify(token) is None


async def test_reset_password_ends_logins_and_wants_a_new_one(house: House) -> None:
    async with house.admin() as client:
        password = await house.parts.gate.reset_password("admin")
        assert password is not None
        assert (await client.get("/api/v1/me")).json() == NOBODY
        await log_in(client, "admin", password)
        assert (await client.get("/api/v1/games")).json()["code"] == "password_change_required"
    assert await house.parts.gate.reset_password("nobody") is None
