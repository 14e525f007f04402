"""Hostile input through core and at the runner: refused with a reason, and the house stands."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import time
from collections.abc import Callable, Iterator

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.stream_client import StreamClient
from dillinger_contracts.errors import Denied, DillingerError
from dillinger_contracts.input import Key

TEN_MB = 10 * 1024 * 1024
JSON = {"Content-Type": "application/json"}
SECRET = b"this is nobody's picture"
SOON_S = 60.0
NO_SESSION = "a" * 20


@pytest.fixture(autouse=True)
def stands(house: House, core: CoreClient) -> Iterator[None]:
    """After each test the same core and the same runner answer, and a game can be played."""
    before = {part: process.pid for part, process in house.processes.items()}
    yield
    assert {part: process.pid for part, process in house.processes.items() if process.poll() is None} == before
    assert core.call("GET", "/health")["status"] == "ok"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"game_id": "no-such-game"}, 404),
        ({"game_id": "testcard", "speed": 3}, 422),
        ({}, 422),
        ({"game_id": 5}, 422),
        ({"game_id": None}, 422),
        ({"game_id": ["testcard"]}, 422),
        ({"game_id": "../../etc"}, 422),
        ({"game_id": "testcard/../testcard"}, 422),
        ({"game_id": "testcard\x00"}, 422),
        ({"game_id": "x" * 5000}, 422),
        ({"game_id": "testcard", "profile": {"width_px": -1}}, 422),
        ({"game_id": "testcard", "profile": {"rate_hz": 1e300}}, 422),
        ({"game_id": "testcard", "profile": "best"}, 422),
        ([], 422),
        ("testcard", 422),
        (None, 422),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_a_wish_that_makes_no_sense_is_refused(body: object, status: int, core: CoreClient) -> None:
    answer = core.http.post("/sessions", json=body)
    assert answer.status_code == status
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"] and problem["code"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 50_000, b'{"game_id": "a", "game_id": }', b""])
def test_a_body_that_is_no_json_is_refused(content: bytes, core: CoreClient) -> None:
    answer = core.http.post("/sessions", content=content, headers=JSON)
    assert answer.status_code == 422


def is_refused_as_too_large(send: Callable[[], httpx2.Response]) -> bool:
    """Whether the server answered 413, or hung up before it had all; 422 would mean that it had read all of it."""
    try:
        answer = send()
    except (httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError):
        return True
    return answer.status_code == 413


def in_pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("path", ["/sessions", "/login", "/me/password"])
@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "in pieces"])
def test_ten_megabytes_are_not_taken_in(path: str, is_announced: bool, core: CoreClient) -> None:
    body = json.dumps({"game_id": "x" * TEN_MB, "name": "y", "password": "z"}).encode()
    content = body if is_announced else in_pieces(body)
    assert is_refused_as_too_large(lambda: core.http.post(path, content=content, headers=JSON))


@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "in pieces"])
def test_ten_megabytes_are_not_taken_in_by_the_runner(is_announced: bool, house: House) -> None:
    body = b'{"gameId": "' + b"x" * TEN_MB + b'"}'
    with house.runner_client() as runner:
        content = body if is_announced else in_pieces(body)
        assert is_refused_as_too_large(lambda: runner.http.post("/sessions", content=content, headers=JSON))


@pytest.fixture
def secrets_beside(house: House) -> Iterator[None]:
    """Pictures that a path may not lead to: beside the library, and behind links in it."""
    secret = house.state_dir / "secret.png"
    secret.write_bytes(SECRET)
    art = house.library_dir / "testcard/art"
    art.mkdir(exist_ok=True)
    (art / "link.png").symlink_to(secret)
    (house.library_dir / "linked").mkdir(exist_ok=True)
    (house.library_dir / "linked/art").symlink_to(house.state_dir)
    yield
    shutil.rmtree(art)
    shutil.rmtree(house.library_dir / "linked")
    secret.unlink()


@pytest.mark.usefixtures("secrets_beside")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/games/../../../etc/passwd/art/x",
        "/api/v1/games/testcard/art/../game.toml",
        "/api/v1/games/testcard/art/..%2fgame.toml",
        "/api/v1/games/testcard/art/..%2f..%2f..%2fsecret.png",
        "/api/v1/games/testcard/art/%2e%2e%2f%2e%2e%2f%2e%2e%2fcore%2fdillinger.db",
        "/api/v1/games/testcard/art/link.png",
        "/api/v1/games/linked/art/secret.png",
        "/api/v1/games/testcard/art//etc/passwd",
        "/api/v1/games/../art/secret.png",
        "/api/v1/games/..%2f..%2fcore/art/dillinger.db",
        "/api/v1/sessions/..%2f..%2fgames",
        "/api/v1/sessions/../../../../etc/passwd",
        "/../../../../etc/passwd",
        "/assets/../../../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/s/core/dillinger.db",
        "/assets/..%5c..%5cx",
        "/\x00",
    ],
    ids=repr,
)
def test_no_path_leaves_its_folder(path: str, house: House, core: CoreClient) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in core.http.cookies.items())
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{house.ports['core']}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.ports["core"]), SOON_S) as raw:
        raw.sendall(request.encode("latin1"))
        answer = b""
        while chunk := raw.recv(65_536):
            answer += chunk
    for secret in (SECRET, b"root:", b"SQLite format", b"[launch]"):
        assert secret not in answer
    assert b" 500 " not in answer.split(b"\r\n", 1)[0]


def test_nothing_is_told_to_who_is_not_logged_in(house: House) -> None:
    with CoreClient(house.core_url) as stranger:
        for method, path in (
            ("GET", "/games"), ("GET", "/sessions"), ("POST", "/sessions"), ("GET", "/events"),
            ("DELETE", f"/sessions/{NO_SESSION}"), ("POST", f"/sessions/{NO_SESSION}/tickets"),
        ):  # fmt: skip
            assert stranger.http.request(method, path, json={}).status_code in (401, 403), (method, path)


def test_a_change_without_the_csrf_header_is_refused(house: House, core: CoreClient) -> None:
    for headers in ({"X-Dillinger-CSRF": ""}, {"X-Dillinger-CSRF": "wrong"}, {"Origin": "http://evil.example"}):
        answer = core.http.post("/sessions", json={"game_id": "testcard"}, headers=headers)
        assert answer.status_code == 403, headers
    assert not [view for view in core.sessions() if view["state"] != "ended"]


@pytest.mark.parametrize("key", ["", "wrong", "x" * 5000], ids=["none", "wrong", "long"])
def test_the_runner_asks_for_its_key(key: str, house: House) -> None:
    with house.runner_client(key) as runner:
        for method, path in (("GET", "/sessions"), ("POST", "/sessions"), ("GET", "/events"), ("POST", "/shutdown")):
            assert runner.http.request(method, path, json={}).status_code in (401, 403)
        assert runner.http.get("/health").status_code == 200


def refused_code(core: CoreClient, session_id: str, ticket: str) -> int:
    """The close code that a hello with this ticket gets."""
    with StreamClient(core, session_id) as viewer:
        viewer.hello(ticket)
        code = viewer.wait_close(SOON_S)
        assert not any(message["type"] == "welcome" for message in viewer.messages) and not viewer.pictures
        return code


def test_wrong_expired_replayed_and_foreign_tickets_are_refused(
    house: House, core: CoreClient, play: Callable[[str], str]
) -> None:
    session_id = play("ready")
    other = core.play("testcard-idle")["session_id"]
    core.wait_state(other, {"ready"})
    good = core.ticket(session_id)
    header, claims, signature = good.split(".")
    spec = json.loads((house.target.session_dir(session_id) / "spec.json").read_text())
    now = int(time.time())
    key = OctKey.import_key(base64.urlsafe_b64decode(spec["ticket_key"] + "="))
    payload = {"jti": "j" * 20, "sub": "admin", "sid": session_id, "role": "player"}
    expired = jwt.encode({"alg": "HS256"}, {**payload, "iat": now - 600, "exp": now - 500}, key)
    eternal = jwt.encode({"alg": "HS256"}, {**payload, "iat": now, "exp": now + 10**8}, key)
    own_key = jwt.encode({"alg": "HS256"}, {**payload, "iat": now, "exp": now + 60}, OctKey.import_key("k" * 32))
    for name, ticket in {
        "nonsense": "nonsense", "empty": "", "changed": f"{header}.{claims}.{signature[::-1]}", "expired": expired,
        "eternal": eternal, "another key": own_key, "no signature": f"{header}.{claims}.",
        "of another session": core.ticket(other),
    }.items():  # fmt: skip
        assert refused_code(core, session_id, ticket) == 4403, name
    good = core.ticket(session_id)  # the first may have expired by now
    with StreamClient(core, session_id) as viewer:
        viewer.hello(good)
        viewer.wait_message("welcome")
    assert refused_code(core, session_id, good) == 4403, "replayed"


def test_garbage_before_hello_closes(core: CoreClient, play: Callable[[str], str]) -> None:
    session_id = play("ready")
    for garbage in (
        "{",
        '{"type": "bye"}',
        b"\x00" * 20,
        "x" * 70_000,
        '{"type": "hello", "version": 99, "ticket": ""}',
    ):
        with StreamClient(core, session_id) as viewer:
            viewer.send(garbage)
            assert viewer.wait_close(SOON_S) in (4422, 4409, 1009), garbage[:30]


def test_garbage_after_hello_is_told_and_then_closes(core: CoreClient, play: Callable[[str], str]) -> None:
    session_id = play("ready")
    with StreamClient(core, session_id) as viewer:
        viewer.hello(core.ticket(session_id))
        viewer.wait_message("welcome")
        viewer.send('{"type": "nonsense"}')
        assert viewer.wait_message("notice")["level"] == "error"
        viewer.wait_pictures(3)
        for number in range(10):
            viewer.send(b"\xff" * number)
        assert viewer.wait_close(SOON_S) == 4422


def test_a_flood_of_input_harms_nobody_else(core: CoreClient, play: Callable[[str], str]) -> None:
    session_id = play("ready")
    with StreamClient(core, session_id) as bystander, StreamClient(core, session_id) as flooder:
        for viewer in (bystander, flooder):
            viewer.hello(core.ticket(session_id))
            viewer.wait_message("welcome")
        for number in range(5000):
            flooder.send(Key(code=30, is_down=bool(number % 2)))
        bystander.wait_pictures(60)


def test_a_stranger_s_stream_is_refused(house: House, core: CoreClient, play: Callable[[str], str]) -> None:
    session_id = play("ready")
    with CoreClient(house.core_url) as stranger, pytest.raises(Denied):
        StreamClient(stranger, session_id)
    with pytest.raises(Denied):
        StreamClient(core, NO_SESSION)


def test_guessing_passwords_is_slowed_down(house: House) -> None:
    with CoreClient(house.core_url) as stranger:
        seen: set[str] = set()
        for number in range(40):
            try:
                stranger.login("nobody", f"guess {number}")
            except Denied:
                seen.add("denied")
            except DillingerError as error:
                seen.add(error.code)
                break
        assert seen == {"denied", "exhausted"}
