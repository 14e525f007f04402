"""The house of the fault tests, with sessions in containers and an engine that can be cut off."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import container_engine
from tests.faults.docker.container_house import container_house
from tests.faults.docker.engine_cable import EngineCable

from dillinger_bench.house import House
from dillinger_runner.backends.docker_spec import Role

ROLES: tuple[Role, ...] = ("seat", "cell")


@pytest.fixture(scope="session")
def cable() -> Iterator[EngineCable]:
    container_engine.require()
    with tempfile.TemporaryDirectory(prefix="dl-") as folder:
        cable = EngineCable(Path(folder) / "engine.sock", container_engine.HOST)
        yield cable
        cable.close()


@pytest.fixture(scope="session")
def lasting_house(pages: Path, cable: EngineCable) -> Iterator[House]:
    with container_house(pages, f"unix://{cable.path}") as house:
        yield house


@pytest.fixture
def containers() -> Callable[[str], dict[str, str]]:
    """Role → id of a session's containers, as the engine has them."""

    def look(session_id: str) -> dict[str, str]:
        return {role: found.id for role in ROLES if (found := container_engine.box(session_id, role)) is not None}

    return look
