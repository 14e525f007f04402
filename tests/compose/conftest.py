"""One stack for all tests of it: it takes seconds to come up, and its images minutes to build the first time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import container_engine
from tests.compose import stack as compose

from dillinger_bench.ports import free_port

FILES = ("compose.yaml", "compose.proxy.yaml", "compose.webrtc.yaml")
NAMES = ("core", "runner", "postgres", "proxy", "seat", "games")


@pytest.fixture(scope="session")
def image_tag() -> Iterator[str]:
    """A tag that all images of this tree have, while the tests run."""
    container_engine.require()
    if (problem := compose.problem()) is not None:
        pytest.skip(problem)
    tag = f"test-{os.getpid()}"
    built = [container_engine.image(name) for name in NAMES]
    tagged = [f"{name.partition(':')[0]}:{tag}" for name in built]
    for name, other in zip(built, tagged, strict=True):
        subprocess.run(("docker", "tag", name, other), check=True)
    yield tag
    subprocess.run(("docker", "rmi", *tagged), check=False, capture_output=True)


@pytest.fixture(scope="session")
def stack(image_tag: str) -> Iterator[compose.Stack]:
    """The production stack, healthy, with PostgreSQL, WebRTC, a seat that waits, and a proxy on the loopback."""
    host = container_engine.HOST
    if not host.startswith("unix://"):
        pytest.skip("no container engine: the runner of compose.yaml is given a socket, and this one has none")
    environment = {
        "COMPOSE_PROFILES": "postgres",
        "DILLINGER_DATABASE_URL": "postgresql+psycopg://dillinger@/dillinger?host=/run/postgresql",
        "DILLINGER_IMAGE_TAG": image_tag,
        "DILLINGER_PROXY_ADDRESS": "127.0.0.1",
        "DILLINGER_PROXY_HTTPS_PORT": str(free_port()),
        "DILLINGER_PROXY_HTTP_PORT": str(free_port()),
        "DILLINGER_MEDIA_PORTS": "43200-43249",
        "DILLINGER_POOL_SIZE": "1",
        "DILLINGER_DOCKER_SOCKET": host.removeprefix("unix://"),
        "DILLINGER_DOCKER_GROUP": str(Path(host.removeprefix("unix://")).stat().st_gid),
        "DILLINGER_API_KEY": f"a key of the tests {os.getpid()}".replace(" ", "-"),
    }
    stack = compose.Stack(f"dltest{os.getpid()}", environment, files=FILES)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


@pytest.fixture
def told(stack: compose.Stack, has_failed: Callable[[], bool]) -> Iterator[None]:
    """What the stack and its sessions said last is in the report of a test that failed."""
    yield
    if has_failed():
        print(stack.logs(), stack.logs_of_sessions(), sep="\n")
