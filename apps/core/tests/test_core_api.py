"""The API's manners: problems and headers on everything, bounded bodies, the runner's proxy, the pages."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from apps.core.tests.core_house import KEY, House, StandInRunner, open_house

from dillinger_contracts import SessionState
from dillinger_core.api.pages import takes_gzip
from dillinger_core.api.web import openapi_document
from dillinger_core.settings import CoreSettings

REFERENCE = Path(__file__).parents[3] / "docs/reference/core-openapi.json"


def is_problem(answer: httpx2.Response, status: int) -> bool:
    body = answer.json()
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and body["status"] == status
        and bool(body["code"] and body["detail"] and body["title"] and body["type"])
    )


def test_reference_is_up_to_date() -> None:
    """Written by `python -m dillinger_core openapi > docs/reference/core-openapi.json`."""
    assert json.loads(REFERENCE.read_text()) == json.loads(json.dumps(openapi_document()))


async def test_every_failure_is_a_problem(house: House) -> None:
    async with house.admin() as client:
        assert is_problem(await client.get("/api/v1/nothing"), 404)
        assert is_problem(await client.get("/api"), 404)
        assert is_problem(await client.get("/api/v2/games"), 404)
        wrong = await client.put("/api/v1/games")
        assert is_problem(wrong, 405) and "GET" in wrong.headers["allow"]
        assert is_problem(await client.post("/api/v1/sessions", content=b"{", headers=JSON), 422)
        assert is_problem(await client.post("/api/v1/sessions", content=b"\xff\x00", headers=JSON), 422)
        unknown = await client.post("/api/v1/sessions", json={"game_id": "testcard", "surprise": 1})
        assert is_problem(unknown, 422) and unknown.json()["field"] == "surprise"
        wide = await client.post("/api/v1/sessions", json={"game_id": "testcard", "profile": {"width_px": "wide"}})
        assert is_problem(wide, 422) and wide.json()["field"] == "profile.width_px"
        odd = await client.post("/api/v1/sessions", json={"game_id": "testcard", "profile": {"width_px": 1281}})
        assert is_problem(odd, 422)
        assert is_problem(await client.post("/api/v1/sessions", json=[1, 2]), 422)


JSON = {"content-type": "application/json"}


async def test_huge_bodies_are_refused_unread(house: House) -> None:
    async with house.client() as client:
        body = b'{"name": "' + b"a" * (10 << 20) + b'"}'
        assert is_problem(await client.post("/api/v1/login", content=body, headers=JSON), 413)

        async def chunks() -> object:
            for _ in range(200):
                yield b"a" * 1024

        chunked = await client.post("/api/v1/login", content=chunks(), headers=JSON)  # type: ignore[arg-type]
        assert is_problem(chunked, 413)
        assert (await client.get("/api/v1/health")).status_code == 200


async def test_security_headers_are_on_every_answer(house: House) -> None:
    async with house.admin() as client:
        for path in ("/", "/api/v1/health", "/api/v1/nothing", "/api/v1/games", "/missing.js"):
            headers = (await client.get(path)).headers
            assert headers["cross-origin-opener-policy"] == "same-origin", path
            assert headers["cross-origin-embedder-policy"] == "require-corp"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy and "unsafe" not in policy
            assert f"ws://{house.url.removeprefix('http://')}" in policy
        odd = await client.get("/api/v1/health", headers={"host": "a; script-src *"})
        assert "script-src *" not in odd.headers.get("content-security-policy", "")


async def test_health_ca_and_metrics(house: House) -> None:
    async with house.client() as client:
        health = (await client.get("/api/v1/health")).json()
        assert health["status"] == "ok" and health["runner"] == {"is_reachable": True, "message": None}
        root = await client.get("/api/v1/ca.pem")
        assert root.headers["content-type"] == "application/x-x509-ca-cert"
        assert root.text.startswith("-----BEGIN CERTIFICATE-----") and "KEY" not in root.text
        figures = (await client.get("/api/v1/metrics")).text
        assert "dillinger_core_runner_reachable 1.0" in figures and "dillinger_core_sessions_live 0.0" in figures


async def test_runner_proxy_is_for_admins_and_hides_the_key(house: House) -> None:
    async with house.client() as nobody:
        assert is_problem(await nobody.get("/api/runner/sessions"), 403)
    async with house.admin() as client:
        await client.post("/api/v1/sessions", json={"game_id": "testcard"})
        answer = await client.get("/api/runner/sessions")
        [session] = answer.json()["sessions"]
        assert session["gameId"] == "testcard" and KEY not in answer.text + str(answer.headers)
        assert (await client.get(f"/api/runner/sessions/{session['sessionId']}")).json() == session
        assert (await client.get("/api/runner/containers")).json() == {"containers": []}
        missing = await client.get(f"/api/runner/sessions/{'z' * 20}")
        assert missing.status_code == 404 and missing.json()["code"] == "not_found"
        inside = f"sessions/{session['sessionId']}/stream"
        for path in ("seats", "sessions/../seats", "sessions%2f..%2fseats", inside, ""):
            assert is_problem(await client.get(f"/api/runner/{path}"), 404), path
        stopped = await client.delete(f"/api/runner/sessions/{session['sessionId']}?reason=admin_stop")
        assert stopped.json()["state"] == "stopping" and house.runner.stops[0][1] == "admin_stop"
        async with client.stream("GET", "/api/runner/events") as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            async for line in events.aiter_lines():
                if line.startswith("data:"):
                    assert json.loads(line[5:])["session"]["state"] == SessionState.STOPPING
                    break
        del client.headers["x-dillinger-csrf"]
        assert is_problem(await client.delete(f"/api/runner/sessions/{session['sessionId']}"), 403)


async def test_wrong_runner_key_is_cores_trouble_not_the_users(house: House) -> None:
    house.settings.runner_keys.write_text("wrong\n")
    async with house.admin() as client:
        answer = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
        assert is_problem(answer, 503) and "key" in answer.json()["detail"] and "wrong" not in answer.json()["detail"]
        assert is_problem(await client.get("/api/runner/sessions"), 503)


async def test_pages(settings: CoreSettings, runner: StandInRunner, tmp_path: Path) -> None:
    web = tmp_path / "dist"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<title>Dillinger</title>")
    (web / "assets/app-1a2b3c.js").write_text("play()")
    (tmp_path / "secret.txt").write_text("secret")
    (web / "link.txt").symlink_to(tmp_path / "secret.txt")
    async with open_house(settings.model_copy(update={"web_dir": web}), runner) as house, house.client() as client:
        for path in ("/", "/login", f"/play/{'a' * 20}"):
            page = await client.get(path)
            assert page.text == "<title>Dillinger</title>" and page.headers["cache-control"] == "no-cache", path
        script = await client.get("/assets/app-1a2b3c.js")
        assert "immutable" in script.headers["cache-control"] and "javascript" in script.headers["content-type"]
        (web / "assets/app-1a2b3c.js").write_text("play()" * 1000)
        packed = await client.get("/assets/app-1a2b3c.js")
        assert packed.text == "play()" * 1000 and int(packed.headers["content-length"]) < 1000
        plain = await client.get("/assets/app-1a2b3c.js", headers={"accept-encoding": "identity"})
        assert plain.text == packed.text and "content-encoding" not in plain.headers
        assert {answer.headers["vary"] for answer in (packed, plain)} == {"accept-encoding"}
        assert packed.headers["content-type"] == "text/javascript; charset=utf-8", "whatever this machine calls it"
        for path in ("/missing.js", "/link.txt", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/a%00.txt"):
            assert (await client.get(path)).status_code == 404, path


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        ("", False), ("identity", False), ("gzip, deflate, br", True), ("br;q=1.0, GZIP ; q=0.5", True),
        ("gzip;q=0", False), ("gzip; q=0.000, *", False), ("*", True), ("*;q=0", False), ("x-gzip", False),
        ("deflate,gzip;q=0.01", True), (";;,,;q", False),
    ],
)  # fmt: skip
def test_a_browser_gets_packed_what_it_says_it_takes(accepted: str, is_packed: bool) -> None:
    assert takes_gzip(accepted) is is_packed


async def test_pages_that_are_not_built_say_so(house: House) -> None:
    async with house.client() as client:
        page = await client.get("/")
        assert page.status_code == 503 and "not built" in page.text
