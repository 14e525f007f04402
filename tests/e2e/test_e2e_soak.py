"""Half an hour of full motion with sound, over either transport: nothing grows, and nothing falls behind.

`DILLINGER_SOAK_S` shortens it. The first fifth is for warming up; then the last fifth is compared with the second.
"""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from statistics import median

import psutil
import pytest

from dillinger_bench.house import House
from dillinger_bench.metering import processes, pss_bytes, seat_pid, split
from dillinger_bench.viewer import Viewer

pytestmark = [pytest.mark.browser, pytest.mark.full]

SOAK_S = float(os.environ.get("DILLINGER_SOAK_S", "1800"))
LOOKS = 100
MOST_GROWTH_BYTES = 12e6
"""Of seat, cell and display together, of core, and of runner: less than 400 KB a minute."""
MOST_FILES = 3
"""A descriptor or two come and go with what is under way."""
MOST_DELAY_MS = 60.0
"""More than the first figure; a queue that grows passes that soon."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the processes hold and what the viewer sees."""

    memory_bytes: tuple[int, ...]
    files: tuple[int, ...]
    latency_ms: float | None
    frames: int


def look(viewer: Viewer, groups: list[list[int]]) -> Look:
    state = viewer.player() or {}
    latency_ms = (state.get("stats") or {}).get("latency_ms")
    files = tuple(sum(psutil.Process(pid).num_fds() for pid in group) for group in groups)
    return Look(tuple(pss_bytes(group) for group in groups), files, latency_ms, state["framesShown"])


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_nothing_grows_while_a_game_is_played_for_long(house: House, viewer: Viewer, transport: str) -> None:
    viewer.play("testcard-motion")
    viewer.choose_transport(transport)
    ours = sorted(split(processes(), seat_pid(viewer.session_id)).ours)
    groups = [ours, *([process.pid] for process in house.processes.values())]
    began_s = time.monotonic()
    looks: list[Look] = []
    for number in range(LOOKS):
        due_s = began_s + (number + 1) * SOAK_S / LOOKS
        viewer.page.wait_for_timeout(max(0.0, due_s - time.monotonic()) * 1000)
        looks.append(look(viewer, groups))
    for name, one in {"first": looks[0], "middle": looks[LOOKS // 2], "last": looks[-1]}.items():
        print(f"{transport}, {name}: {one}")
    early, late = looks[LOOKS // 5 : 2 * LOOKS // 5], looks[-LOOKS // 5 :]
    for place in range(len(groups)):
        before, after = (median(one.memory_bytes[place] for one in some) for some in (early, late))
        assert after - before < MOST_GROWTH_BYTES, (place, before, after)
        before, after = (max(one.files[place] for one in some) for some in (early, late))
        assert after - before <= MOST_FILES, (place, before, after)
    before, after = (median(one.latency_ms for one in some if one.latency_ms is not None) for some in (early, late))
    assert after - before < MOST_DELAY_MS
    assert all(one.frames < other.frames for one, other in itertools.pairwise(looks))
