"""The house of the fault tests, with sessions in containers and an engine that can be cut off."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import container_engine
from tests.faults.docker.engine_cable import EngineCable

from dillinger_bench.house import House
from dillinger_bench.testcard.install import VARIANTS, Variant
from dillinger_runner.backends.docker_spec import Role

MIB = 1 << 20
ROLES: tuple[Role, ...] = ("seat", "cell")
FAULTS = (
    Variant("fault-again", "Is started once more", ("--mode", "light"), more=(("restart", "once"),)),
    Variant(
        "fault-memory", "Eats memory", ("--mode", "idle", "--eat-memory"), resources=(("memory_bytes", 256 * MIB),)
    ),
    Variant(
        "fault-disk", "Fills its disk", ("--mode", "idle", "--fill-disk", "~"), resources=(("saves_bytes", 16 * MIB),)
    ),
    Variant(
        "fault-forks", "A fork bomb", command=("/bin/sh", "-c", "bomb() { bomb | bomb & }; bomb; exec sleep 600"),
        needs_window=False, resources=(("pids", 48),),
    ),
    Variant("fault-internet", "Has the internet", ("--mode", "light"), more=(("network.kind", "internet"),)),
    Variant(
        "fault-lan", "Is in a LAN", ("--mode", "light"), more=(("network.kind", "lan"), ("network.name", "friday"))
    ),
)  # fmt: skip


@pytest.fixture(scope="session")
def cable() -> Iterator[EngineCable]:
    container_engine.require()
    with tempfile.TemporaryDirectory(prefix="dl-") as folder:
        cable = EngineCable(Path(folder) / "engine.sock", container_engine.HOST)
        yield cable
        cable.close()


@pytest.fixture(scope="session")
def lasting_house(pages: Path, cable: EngineCable) -> Iterator[House]:
    settings = container_engine.settings() | {
        "DILLINGER_RUNNER_DOCKER_HOST": f"unix://{cable.path}",
        "DILLINGER_RUNNER_STOP_GRACE_S": "3",
        "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": "",
    }
    with House(web_dir=pages, variants=(*VARIANTS, *FAULTS), settings=settings) as house:
        yield house


@pytest.fixture
def containers() -> Callable[[str], dict[str, str]]:
    """Role → id of a session's containers, as the engine has them."""

    def look(session_id: str) -> dict[str, str]:
        return {role: found.id for role in ROLES if (found := container_engine.box(session_id, role)) is not None}

    return look
