"""A TURN server of Debian's (coturn) on the loopback, with a secret that its users' names are signed by."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dillinger_bench.ports import free_port

HOST = "127.0.0.1"
WAIT_S = 30.0


@contextmanager
def coturn(folder: Path) -> Iterator[tuple[str, str]]:
    """The server's URL and its secret; `folder` is for what it writes."""
    secret = secrets.token_hex(16)
    port = free_port(socket.SOCK_DGRAM)
    program = shutil.which("turnserver")
    assert program is not None, "turnserver is missing: ./dillinger test installs coturn"
    settings = {
        "listening-ip": HOST, "listening-port": port, "relay-ip": HOST,
        "realm": "dillinger", "static-auth-secret": secret,
        "pidfile": folder / "pid", "db": folder / "db", "log-file": folder / "log",
    }  # fmt: skip
    switches = ("use-auth-secret", "allow-loopback-peers", "no-tls", "no-dtls", "no-cli", "simple-log")
    (folder / "conf").write_text("\n".join([*(f"{name}={value}" for name, value in settings.items()), *switches]))
    with subprocess.Popen([program, "-c", folder / "conf"], stdout=subprocess.DEVNULL) as server:
        try:
            deadline_s = time.monotonic() + WAIT_S
            while not _answers(port):
                assert time.monotonic() < deadline_s, "the TURN server does not answer"
            yield f"turn:{HOST}:{port}?transport=udp", secret
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    """Whether a STUN request is answered there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.settimeout(0.2)
        probe.sendto(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + secrets.token_bytes(12), (HOST, port))
        return probe.recv(100)[:2] == b"\x01\x01"
    return False
