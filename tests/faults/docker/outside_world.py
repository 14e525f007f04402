"""An internet in small for the engine's machine: a container behind a cable of its own, with addresses of all kinds.

The machine gets a cable and routes to it, laid by a container that may; they go with the container at the other end.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import container_engine

from dillinger_runner.backends.docker_engine import Engine

NAME = f"dillinger-test-{os.getpid()}-world"
CABLE = f"dlw{os.getpid()}"
MACHINE, WORLD = "10.99.7.1", "10.99.7.7"
INTERNET, METADATA = "11.22.33.44", "169.254.169.254"
PORT, NAMES_PORT = 7777, 53
PLACES = {
    "internet": (INTERNET, PORT),
    "metadata": (METADATA, PORT),
    "private": (WORLD, PORT),
    "private_names": (WORLD, NAMES_PORT),
}

SERVER = """
import socket, sys, threading
def serve(port):
    server = socket.create_server(("0.0.0.0", port))
    while True:
        link, _ = server.accept()
        link.sendall(sys.argv[1].encode())
        link.close()
for port in sys.argv[2:]:
    threading.Thread(target=serve, args=(int(port),)).start()
"""


def lay_cable(pid: int) -> str:
    """What a shell has to do, in the machine's own namespaces, for the container whose first process is `pid`."""
    inside = f"nsenter -t {pid} -n ip"
    steps = [
        f"ip link add {CABLE} type veth peer name {CABLE}w",
        f"ip link set {CABLE}w netns {pid}",
        f"ip addr add {MACHINE}/24 dev {CABLE}",
        f"ip link set {CABLE} up",
        f"{inside} addr add {WORLD}/24 dev {CABLE}w",
        *(f"{inside} addr add {address}/32 dev lo" for address in (INTERNET, METADATA)),
        f"{inside} link set lo up",
        f"{inside} link set {CABLE}w up",
        f"{inside} route add default via {MACHINE}",
        *(f"ip route add {address}/32 via {WORLD}" for address in (INTERNET, METADATA)),
    ]
    return " && ".join(steps)


@contextlib.contextmanager
def world(token: str) -> Iterator[dict[str, Any]]:
    """Servers at `PLACES` that say `token`."""
    ports = [str(port) for port in (PORT, NAMES_PORT)]
    config = {
        "Image": container_engine.image("games"),
        "User": "0:0",
        "Entrypoint": ["/usr/bin/python3", "-I", "-u", "-c", SERVER, token, *ports],
        "Cmd": [],
        "HostConfig": {"NetworkMode": "none"},
    }

    async def begin(engine: Engine) -> int:
        await engine.remove(NAME)
        await engine.create(NAME, config)
        await engine.start(NAME)
        found = await engine.inspect(NAME)
        assert found is not None and found.is_running, await engine.said(NAME)
        return found.pid

    try:
        pid = container_engine.asked(begin)
        command = ["/usr/sbin/chroot", "/machine", "/bin/sh", "-c", f"PATH=/usr/sbin:/usr/bin; {lay_cable(pid)}"]
        container_engine.run_without_walls(command, folders=[Path("/")])
        yield json.loads(json.dumps(PLACES))
    finally:
        container_engine.asked(lambda engine: engine.remove(NAME))
