"""Strangers at the doors of `dillinger-stream`: its port, its control socket, the folder of its sockets."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from packages.stream.tests.engine.conftest import XServer
from packages.stream.tests.program.program_house import PAGE, Program, Shelf, Viewer
from websockets.exceptions import InvalidStatus

from dillinger_contracts.errors import Conflict, Denied, Invalid
from dillinger_stream.program.instance import Claim, ensure_private, runtime_folder, socket_of
from dillinger_stream.program.server import STREAM_PATH
from dillinger_stream.program.web import Pages

SECRET = "a line that nobody outside shall read"


def get(program: Program, target: str, *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """One request: status, headers in lower case, body."""
    place = urlsplit(program.watch_address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_the_port_gives_the_page_and_nothing_else(shelf: Shelf, display: XServer) -> None:
    (shelf.runtime_dir.parent / "secret.json").write_text(SECRET)
    (shelf.web_dir / "link.json").symlink_to(shelf.runtime_dir.parent / "secret.json")
    (shelf.web_dir / "asset.js").write_text("x" * 10_000)
    program = shelf.start("--display", display.name)
    status, headers, body = get(program, "/?whatever=1")
    assert (status, body.decode()) == (200, PAGE)
    assert headers["cross-origin-embedder-policy"] == "require-corp" and headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"] and "server" not in headers
    key = program.address.partition("#")[2]
    for target in ("/", "/desktop.json"):
        assert key not in str(get(program, target)), "the key is never told by the port"
    packed = get(program, "/asset.js", **{"accept-encoding": "gzip"})
    assert packed[1]["content-encoding"] == "gzip" and len(packed[2]) < 1000

    for target in (
        "/../secret.json",
        "/%2e%2e/secret.json",
        "/link.json",
        "//etc/passwd",
        "/%00",
        "/etc/passwd",
        "/run",
    ):
        status, _, body = get(program, target)
        assert status == 404 and SECRET.encode() not in body, target
    assert get(program, "/", method="POST")[0] == 405
    assert get(program, STREAM_PATH)[0] in (400, 426)
    evil = get(program, "/", host='evil.example"; script-src *')
    assert "evil" not in evil[1].get("content-security-policy", "")


def test_a_page_of_another_origin_gets_no_stream(shelf: Shelf, display: XServer) -> None:
    program = shelf.start("--display", display.name)
    place = urlsplit(program.address)
    for origin in ("http://evil.example", "null", f"https://{place.netloc}", f"http://{place.hostname}:1"):
        with pytest.raises(InvalidStatus) as refused:
            Viewer(program.address, origin=origin)
        assert refused.value.response.status_code == 403
    own = Viewer(program.address, origin=f"http://{place.netloc}")
    own.until(lambda seen: seen.size, "a picture")


@pytest.mark.full
def test_it_is_served_by_tls(shelf: Shelf, display: XServer) -> None:
    folder = shelf.runtime_dir.parent
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
         "-keyout", key, "-out", cert], check=True, capture_output=True,
    )  # fmt: skip
    program = shelf.start(
        "--display", display.name, "--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key)
    )
    place = urlsplit(program.address)
    assert place.scheme == "https"
    trusting = ssl.create_default_context(cafile=str(cert))
    trusting.check_hostname = False
    connection = http.client.HTTPSConnection("127.0.0.1", place.port, context=trusting, timeout=30)
    connection.request("GET", "/")
    assert connection.getresponse().read().decode() == PAGE
    connection.close()
    broken = shelf.command("start", "--display", display.name, "--tls-cert", str(key), "--tls-key", str(cert))
    assert broken.returncode == 2 and "can't be used" in broken.stderr


def test_rude_questions_change_nothing(shelf: Shelf, display: XServer) -> None:
    program = shelf.start("--display", display.name)
    assert program.address
    (path,) = (shelf.runtime_dir / "stream").glob("*.sock")
    rude = (b"\n", b"{}\n", b"\xff\xfe\n", b'{"ask": "explode"}\n', b'{"ask": "stop", "x": 1}\n', b"[" * 9999, b"")
    held = []
    for words in (*rude, *[b""] * 12):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(path))
        connection.settimeout(30)
        connection.sendall(words)
        held.append(connection)
    for connection in held[: len(rude) - 1]:
        assert connection.recv(100) == b"", "hung up without an answer"
    for connection in held:
        connection.close()
    (session,) = shelf.status()["sessions"]
    assert session["pid"] == program.process.pid


def test_a_folder_that_is_not_ours_alone_is_refused(tmp_path: Path) -> None:
    private = ensure_private(tmp_path / "deep/er")
    assert private.stat().st_mode & 0o777 == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(private)
    for folder in (tmp_path / "open", tmp_path / "link"):
        with pytest.raises(Denied):
            ensure_private(folder)
    with pytest.raises(Invalid, match="too long"):
        socket_of(Path("/" + "x" * 120), "x11-0")
    assert runtime_folder({}, uid=1000) == Path("/tmp/dillinger-stream-1000")
    assert runtime_folder({"XDG_RUNTIME_DIR": "/run/user/1000"}, uid=1000) == Path("/run/user/1000/dillinger-stream")
    assert runtime_folder({"XDG_RUNTIME_DIR": "/run/user/1000"}, uid=0) == Path("/run/dillinger-stream")


def test_one_at_a_time_has_the_claim(tmp_path: Path) -> None:
    first = Claim.take(tmp_path, "x11-7")
    with pytest.raises(Conflict, match=str(os.getpid())):
        Claim.take(tmp_path, "x11-7")
    other = Claim.take(tmp_path, "x11-8")
    first.release()
    first.release()
    Claim.take(tmp_path, "x11-7").release()
    other.release()
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_goes_while_it_is_asked_for_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "desktop.html").write_text(PAGE)
    pages = Pages(tmp_path, {})
    assert pages.answer("GET", "/", host="h").status == 200
    (tmp_path / "desktop.html").unlink()
    assert pages.answer("GET", "/", host="h").status == 404
