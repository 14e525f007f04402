"""The API as its callers see it: a real runner, hostile and honest requests."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import psutil
import pytest
from apps.runner.tests.runner_lab import KEY, RunnerLab

ID = "abcdefghij0123456789"


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, after checking that it is one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["title"]
    assert document["detail"]
    return document


async def test_a_session_from_wish_to_end(shared_lab: RunnerLab) -> None:
    """Placed, ready, measured, watched, ended; each answer in camelCase."""
    shared_lab.add_game("doom", "viewer", memory_bytes=256 << 20)
    async with shared_lab.client() as client:
        answer = await client.post("/sessions", json={"gameId": "doom", "userId": "ann"})
        assert answer.status_code == 201
        session_id = answer.json()["sessionId"]
        view = await shared_lab.until(client, session_id, "streaming")
        assert view["peers"] == 1
        assert view["steps"] == [{"name": "desktop", "durationMs": 12.5, "shareDone": None}]
        usage = (await client.get(f"/sessions/{session_id}/usage")).json()
        assert usage["memoryBytes"] > 1_000_000
        assert usage["cpuS"] > 0
        assert usage["processes"] >= 1
        stream = (await client.get(f"/sessions/{session_id}/stream")).json()
        assert stream["unixPath"].endswith(f"{session_id}/stream.sock")
        containers = (await client.get("/containers")).json()["containers"]
        [container] = [row for row in containers if row["sessionId"] == session_id]
        assert container["phase"] == "running"
        assert container["place"] == f"pid {shared_lab.identity(session_id)['pid']}"
        metrics = (await client.get("/metrics")).text
        assert 'dillinger_runner_sessions{state="streaming"} 1.0' in metrics
        assert f'session_id="{session_id}"' in metrics
        listed = (await client.get("/sessions")).json()["sessions"]
        assert session_id in [row["sessionId"] for row in listed]
        assert (await client.delete(f"/sessions/{session_id}")).status_code == 202
        end = (await shared_lab.until(client, session_id, "ended"))["end"]
        assert end["reason"] == "user_stop"
        assert (await client.delete(f"/sessions/{session_id}")).status_code == 200
        problem(await client.get(f"/sessions/{session_id}/stream"), 409, "conflict")


async def test_the_same_wish_is_placed_once(shared_lab: RunnerLab) -> None:
    """Twenty requests at once with one id are one seat; another game under that id is a conflict."""
    shared_lab.add_game("once", "well")
    shared_lab.add_game("other", "well")
    wish = {"gameId": "once", "userId": "ann", "sessionId": ID}
    async with shared_lab.client() as client:
        answers = await asyncio.gather(*(client.post("/sessions", json=wish) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        containers = (await client.get("/containers")).json()["containers"]
        assert [row["sessionId"] for row in containers].count(ID) == 1
        problem(await client.post("/sessions", json={**wish, "gameId": "other"}), 409, "conflict")
        await client.delete(f"/sessions/{ID}")
        await shared_lab.until(client, ID, "ended")
        again = await client.post("/sessions", json=wish)
        assert again.status_code == 200
        assert again.json()["state"] == "ended"


async def test_a_wish_may_configure_the_launch(shared_lab: RunnerLab) -> None:
    """What its seat gets is the game with that, for this session alone."""
    shared_lab.add_game("set", "well")
    async with shared_lab.client() as client:
        wish = {"gameId": "set", "userId": "ann", "launch": {"directory": "game", "environment": {"LEVEL": "3"}}}
        session_id = (await client.post("/sessions", json=wish)).json()["sessionId"]
        launch = (await shared_lab.spec(client, session_id))["session"]["game"]["launch"]
        assert (launch["directory"], launch["environment"]) == ("game", {"LEVEL": "3"})
        assert launch["command"] == ["standin", "well"]
        await client.delete(f"/sessions/{session_id}")
        await shared_lab.until(client, session_id, "ended")


async def test_wishes_without_an_id_are_each_their_own(shared_lab: RunnerLab) -> None:
    shared_lab.add_game("many", "well")
    async with shared_lab.client() as client:
        views = await asyncio.gather(*(shared_lab.play(client, "many") for _ in range(3)))
        ids = {view["sessionId"] for view in views}
        assert len(ids) == 3
        for session_id in ids:
            await client.delete(f"/sessions/{session_id}")
        for session_id in ids:
            await shared_lab.until(client, session_id, "ended")


@pytest.mark.parametrize("key", [None, "wrong", KEY[:-1], KEY + "x", "é" * 30])
async def test_without_a_good_key_nothing_is_told(shared_lab: RunnerLab, key: str | None) -> None:
    """401 without one, 403 with a wrong one, health for all."""
    async with shared_lab.client(key=None) as client:
        assert (await client.get("/health")).json()["status"] == "ok"
        headers = [] if key is None else [(b"Authorization", f"Bearer {key}".encode())]
        for method, path in (
            ("GET", "/sessions"),
            ("POST", "/sessions"),
            ("GET", "/events"),
            ("GET", "/metrics"),
            ("GET", "/containers"),
            ("POST", "/shutdown"),
            ("DELETE", f"/sessions/{ID}"),
        ):
            answer = await client.request(method, path, headers=headers)
            problem(answer, 403 if key else 401, "denied")
            if not key:
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"gameId": "doom"}, "userId"),
        ({"gameId": "doom", "userId": "ann", "extra": 1}, "extra"),
        ({"gameId": 7, "userId": "ann"}, "gameId"),
        ({"gameId": "../doom", "userId": "ann"}, "gameId"),
        ({"gameId": "doom", "userId": "../ann"}, "userId"),
        ({"gameId": "doom", "userId": "ann", "sessionId": "../../../etc/passwd"}, "sessionId"),
        ({"gameId": "doom", "userId": "ann", "ticketKey": "short"}, "ticketKey"),
        ({"gameId": "doom", "userId": "ann", "profile": {"rate_hz": 1e9}}, "profile.rate_hz"),
        ({"gameId": "doom", "userId": "ann", "resources": {"memoryBytes": 1}}, "resources.memory_bytes"),
        ({"gameId": "doom", "userId": "ann", "resources": {"gold": 1}}, "resources.gold"),
        ({"gameId": "doom", "userId": "ann", "launch": []}, "launch"),
        ({"gameId": "doom", "userId": "ann", "launch": {"gold": 1}}, "launch.gold"),
        ({"gameId": "doom", "userId": "ann", "launch": {"windows_version": "win98"}}, "launch.windows_version"),
        ({"gameId": "doom", "userId": "ann", "launch": {"command": ["/bin/sh"]}}, "launch.command"),
        ({"gameId": "doom", "userId": "ann", "launch": {"kind": "wine"}}, "launch.kind"),
        ({"gameId": "doom", "userId": "ann", "launch": {"environment": {"LD_PRELOAD": "x"}}}, "launch.environment"),
        ({"gameId": "doom", "userId": "ann", "launch": {"environment": {"A B": "x"}}}, "launch.environment.A B.[key]"),
    ],
)
async def test_bad_wishes_name_the_field(shared_lab: RunnerLab, body: dict[str, object], field: str) -> None:
    shared_lab.add_game("doom", "well")
    async with shared_lab.client() as client:
        assert problem(await client.post("/sessions", json=body), 422, "invalid")["field"] == field


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 60_000, b'{"gameId": NaN}'])
async def test_bodies_that_are_no_wish_are_refused(shared_lab: RunnerLab, body: bytes) -> None:
    async with shared_lab.client() as client:
        answer = await client.post("/sessions", content=body, headers={"Content-Type": "application/json"})
        problem(answer, 422, "invalid")


async def test_a_huge_body_is_cut_off(shared_lab: RunnerLab) -> None:
    """10 MB are refused with an answer and without being kept; one that goes on and on is cut off."""
    assert shared_lab.process is not None
    runner = psutil.Process(shared_lab.process.pid)
    async with shared_lab.client() as client:
        problem(await client.post("/sessions", content=b"x"), 422, "invalid")  # what the first request loads is there
        before_bytes = runner.memory_info().rss
        problem(await client.post("/sessions", content=b"x" * 10_000_000), 413, "invalid")
    _, writer = await asyncio.open_connection("127.0.0.1", shared_lab.port)
    head = f"POST /sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    with pytest.raises(ConnectionError):
        for _ in range(10_000):
            writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            await writer.drain()
    writer.close()
    assert runner.memory_info().rss - before_bytes < 8_000_000
    async with shared_lab.client() as client:
        assert (await client.get("/health")).status_code == 200


async def test_a_body_that_trickles_is_not_waited_for(shared_lab: RunnerLab) -> None:
    """A caller that declares a body and does not send it is answered in the end, and harms nobody meanwhile."""
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_lab.port)
    writer.write(
        f"POST /sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Length: 9\r\n\r\n{{".encode()
    )
    async with shared_lab.client() as client:
        assert (await client.get("/sessions")).status_code == 200
    async with asyncio.timeout(60):
        assert b" 408 " in await reader.readline()
    writer.close()


async def test_unknown_things_are_not_found(shared_lab: RunnerLab) -> None:
    async with shared_lab.client() as client:
        for path in (
            f"/sessions/{'z' * 20}",
            "/sessions/..%2f..%2fetc%2fpasswd",
            f"/sessions/{'z' * 20}/usage",
            "/nothing",
        ):
            problem(await client.get(path), 404, "not_found")
        problem(await client.delete("/sessions/none"), 404, "not_found")
        problem(await client.post("/sessions", json={"gameId": "nothere", "userId": "ann"}), 404, "not_found")
        problem(await client.put("/sessions"), 405, "invalid")
        answer = await client.delete(f"/sessions/{'z' * 20}", params={"reason": "because"})
        assert problem(answer, 422, "invalid")["field"] == "reason"


async def test_a_broken_game_file_says_where(shared_lab: RunnerLab) -> None:
    shared_lab.add_game("broken", text='schema = 1\ntitle = "x\n')
    async with shared_lab.client() as client:
        answer = await client.post("/sessions", json={"gameId": "broken", "userId": "ann"})
        assert "line 2" in problem(answer, 422, "invalid")["detail"]


async def test_a_game_of_another_kind_is_unsupported(shared_lab: RunnerLab) -> None:
    shared_lab.add_game("pc", text='schema = 1\ntitle = "PC"\n[launch]\nkind = "qemu"\nimage = "x"\n')
    async with shared_lab.client() as client:
        answer = await client.post("/sessions", json={"gameId": "pc", "userId": "ann"})
        assert problem(answer, 501, "unsupported")["hint"]


async def test_events_go_on_after_the_last_id(shared_lab: RunnerLab) -> None:
    """A reader that was cut off misses nothing and sees nothing twice."""
    shared_lab.add_game("told", "well")
    async with shared_lab.client() as client:
        session_id = (await shared_lab.play(client, "told"))["sessionId"]
        await shared_lab.until(client, session_id, "ready")
        last_id = None
        async for fact in shared_lab.events(client):
            last_id = fact.get("id")
            if last_id:
                break
        await client.delete(f"/sessions/{session_id}")
        await shared_lab.until(client, session_id, "ended")
        seen = []
        ids = [last_id]
        async with asyncio.timeout(60):
            async for fact in shared_lab.events(client, last_id):
                ids.append(fact["id"])
                seen.append((fact["event"], fact["data"]["session"]["state"]))
                if fact["event"] == "session_ended":
                    break
        assert seen[-1] == ("session_ended", "ended") and set(seen[:-1]) == {("session_changed", "stopping")}
        numbers = [int(str(number).rpartition("-")[2]) for number in ids]
        assert numbers == [numbers[0] + step for step in range(len(numbers))], "each once, in order"


async def test_the_openapi_document_knows_all_calls(shared_lab: RunnerLab) -> None:
    async with shared_lab.client() as client:
        document = json.loads((await client.get("/openapi.json")).text)
    assert {"/health", "/sessions", "/sessions/{session_id}", "/containers", "/events", "/metrics"} <= set(
        document["paths"]
    )


async def test_keys_rotate_while_the_runner_runs(lab: RunnerLab) -> None:
    await lab.start()
    new = "another-key-0123456789-abcdef"
    lab.keys_file.write_text(f"{new}\n{KEY}\n")
    for key in (new, KEY):
        async with lab.client(key) as client:
            assert (await client.get("/sessions")).status_code == 200
    lab.keys_file.write_text(f"{new}\n")
    async with lab.client() as client:
        problem(await client.get("/sessions"), 403, "denied")
    async with lab.client(new) as client:
        assert (await client.get("/sessions")).status_code == 200
    lab.keys_file.write_text(f"{KEY}\n")


async def test_the_limit_of_sessions_is_told(lab: RunnerLab) -> None:
    lab.settings = {"max_sessions": "1", "when_full": "refuse"}
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        first = await lab.play(client, "game")
        document = problem(await client.post("/sessions", json={"gameId": "game", "userId": "bob"}), 429, "exhausted")
        assert "no more than 1" in document["detail"]
        await client.delete(f"/sessions/{first['sessionId']}")
        await lab.until(client, first["sessionId"], "ended")
        await lab.play(client, "game")


@pytest.mark.parametrize(("isolation", "status"), [("required", 501), ("none", 201)])
async def test_without_a_sandbox_it_refuses_unless_told(lab: RunnerLab, isolation: str, status: int) -> None:
    """A machine whose sandbox can't run takes no games, and says how to mend it."""
    seat = lab.folder / "no-sandbox"
    standin = lab.environment()["DILLINGER_RUNNER_SEAT_COMMAND"]
    seat.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --probe ]; then\n'
        'echo \'{"ok": false, "isolation": "none", "problem": "no bwrap", "hint": "install it"}\'\n'
        f'else exec {standin} "$@"; fi\n'
    )
    seat.chmod(0o755)
    lab.settings = {"isolation": isolation, "seat_command": str(seat)}
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        answer = await client.post("/sessions", json={"gameId": "game", "userId": "ann"})
        assert answer.status_code == status
        if status == 501:
            assert problem(answer, 501, "unsupported")["hint"] == "install it"
            assert (await client.get("/sessions")).json() == {"sessions": []}
        else:
            await lab.until(client, answer.json()["sessionId"], "ready")
            [container] = (await client.get("/containers")).json()["containers"]
            assert container["isolation"] == "none"
