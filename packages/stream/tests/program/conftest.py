"""A place for programs, and displays to stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from packages.stream.tests.engine.conftest import Painter, XServer, start_xvfb
from packages.stream.tests.program.program_house import Shelf, open_shelf


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with open_shelf() as shelf:
        yield shelf


@pytest.fixture
def start_display() -> Iterator[Callable[..., XServer]]:
    servers: list[XServer] = []

    def start(*extra: str) -> XServer:
        servers.append(start_xvfb("640x480", *extra))
        return servers[-1]

    yield start
    for server in servers:
        server.process.terminate()
        server.process.wait(30)


@pytest.fixture
def display(start_display: Callable[..., XServer]) -> XServer:
    return start_display()


@pytest.fixture
def painter(display: XServer) -> Iterator[Painter]:
    """A window over the whole desktop; it dies with its display in some tests, which is nobody's fault."""
    client = Painter(display.name)
    yield client
    client.close()
