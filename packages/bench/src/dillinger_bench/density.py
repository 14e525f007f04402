"""How many seats one machine carries: test cards in full motion, one more at a time, each with a viewer that takes its
stream and does not decode it, until a viewer gets fewer than 95 of 100 pictures.

A browser on the same cores would be counted as a cost of Dillinger, so there is none. Blocking; one thread a viewer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from dillinger_contracts.errors import DillingerError, Unavailable
from dillinger_contracts.session import StreamProfile

from .client import CoreClient
from .house import House
from .report import Cases
from .stream_client import StreamClient
from .testcard.install import Variant

ENOUGH = 95.0
"""Percent of the pictures that count as carried."""
MOST_SEATS = 16
_SETTLE_S = 2.0
_MEMORY_BYTES = 1 << 29
"""The test card's limit, so that memory that is only promised to it does not end the count."""


_BURNER = Variant(
    "burner", "Burns processors", command=("/bin/sh", "-c", "for _ in 1 2 3 4; do while :; do :; done & done; wait"),
    needs_window=False, resources=(("memory_bytes", _MEMORY_BYTES),),
)  # fmt: skip


def variants() -> list[Variant]:
    """As many games as there may be seats, since a player has one session of a game; and a bad neighbour."""
    seats = [
        Variant(f"seat-{number}", f"Seat {number}", ("--mode", "motion"), resources=(("memory_bytes", _MEMORY_BYTES),))
        for number in range(MOST_SEATS)
    ]
    return [*seats, _BURNER]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be counted."""

    rate_hz: float
    window_s: float
    most: int
    """No more seats than these."""
    limit_s: float
    """Nothing is added after so long."""
    has_burner: bool = False
    """Whether a game that takes all processors it gets plays beside them."""


def measure(house: House, wish: Wish, tell: Callable[[str], None], after: Callable[[Cases], None]) -> Cases:
    """A case for each number of seats, the last one being that which was too much, or the most that were wished, or for
    which there was time. What is found is handed to `after` as it comes."""
    cases: Cases = {}
    rate_hz, deadline_s = wish.rate_hz, time.monotonic() + wish.limit_s
    with house.client() as core, ExitStack() as stack:
        viewers: list[_Viewer] = []
        if wish.has_burner:
            stack.enter_context(core.playing(_BURNER.game_id))
        for count in range(1, wish.most + 1):
            if time.monotonic() > deadline_s:
                tell(f"{wish.limit_s:g} s are over; {count} seats were not tried")
                break
            try:
                viewers.append(stack.enter_context(_watching(core, f"seat-{count - 1}", rate_hz)))
            except DillingerError as error:
                tell(f"{count} seats: {error.message}")
                break
            time.sleep(_SETTLE_S)
            figures = _look(house, viewers, rate_hz, wish.window_s)
            cases[f"{rate_hz:g} a second, {count} seats"] = figures
            after(cases)
            tell(f"{count} seats at {rate_hz:g} Hz: {figures['pictures_worst']:.1f} % of the pictures at worst")
            if figures["pictures_worst"] < ENOUGH:
                break
    return cases


def carried(cases: Cases) -> int:
    """How many seats got their pictures."""
    return sum(figures["pictures_worst"] >= ENOUGH for figures in cases.values())


class _Viewer:
    """Counts the pictures of one stream, on a thread of its own."""

    def __init__(self, session_id: str, stream: StreamClient) -> None:
        self.session_id = session_id
        self._stream = stream
        self._is_ending = False
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    @property
    def pictures(self) -> int:
        """So far; raises `Unavailable` when the stream has ended."""
        if not self._thread.is_alive():
            raise Unavailable("A stream ended while its pictures were counted")
        return self._stream.pictures

    def end(self) -> None:
        """Lets go of the stream."""
        self._is_ending = True
        self._thread.join()
        self._stream.close()

    def _take(self) -> None:
        try:
            while not self._is_ending:
                self._stream.wait_pictures(1, timeout_s=5)
        except DillingerError:
            return


@contextmanager
def _watching(core: CoreClient, game_id: str, rate_hz: float) -> Iterator[_Viewer]:
    with core.playing(game_id) as session_id:
        stream = StreamClient(core, session_id)
        stream.hello(core.ticket(session_id), StreamProfile(rate_hz=rate_hz))
        stream.wait_pictures(1)
        viewer = _Viewer(session_id, stream)
        try:
            yield viewer
        finally:
            viewer.end()


def _look(house: House, viewers: Sequence[_Viewer], rate_hz: float, window_s: float) -> dict[str, float]:
    before, used_before = [viewer.pictures for viewer in viewers], _used(house, viewers, "cpuS")
    start_s = time.monotonic()
    time.sleep(window_s)
    passed_s = time.monotonic() - start_s
    counts = [viewer.pictures - count for viewer, count in zip(viewers, before, strict=True)]
    figures = {
        "seats": float(len(viewers)),
        "pictures_worst": min(100.0, 100 * min(counts) / (rate_hz * passed_s)),
    }
    used, memory_bytes = _used(house, viewers, "cpuS"), _used(house, viewers, "memoryBytes")
    if used is not None and used_before is not None:
        figures["cpu_seat"] = 100 * (used - used_before) / passed_s / len(viewers)
    if memory_bytes is not None:
        figures["memory_seat"] = memory_bytes / 1e6 / len(viewers)
    return figures


def _used(house: House, viewers: Sequence[_Viewer], name: str) -> float | None:
    """A figure's sum over all seats, games included; None where the machine does not count it."""
    with house.runner_client() as runner:
        usages: list[Any] = [runner.call("GET", f"/sessions/{viewer.session_id}/usage")[name] for viewer in viewers]
    return None if None in usages else float(sum(usages))
