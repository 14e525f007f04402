"""A house whose sessions are in containers, with games that do wrong."""

from __future__ import annotations

from pathlib import Path

from tests import container_engine

from dillinger_bench.house import House
from dillinger_bench.testcard.install import VARIANTS, Variant

MIB = 1 << 20
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


def container_house(pages: Path, host: str, *, native: str = "games") -> House:
    """Not started yet; `host` is the engine's address, `native` names the image that its games run in."""
    settings = container_engine.settings(native=native) | {
        "DILLINGER_RUNNER_DOCKER_HOST": host,
        "DILLINGER_RUNNER_STOP_GRACE_S": "3",
        "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": "",
    }
    return House(web_dir=pages, variants=(*VARIANTS, *FAULTS), settings=settings)
