"""What a viewer saw and what the link carried, over time, turned into figures. Pure.

Times are seconds on one clock; the caller brings the page's clock and the link's together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dillinger_bench.figures import percentile

from .link import BIN_S, Bin, LinkProfile

FREEZE_S = 0.2
KEY_DEADLINE_S = 5.0
RECOVERED_SHARE = 0.8
LONG_QUEUE_MS = 150.0
_SMOOTH_S = 0.5
_PRESS_WRAP = 256


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when."""

    start_s: float
    end_s: float

    def holds(self, at_s: float) -> bool:
        """Whether a moment lies in it."""
        return self.start_s <= at_s < self.end_s


def freezes(shown_s: Sequence[float], window: Window) -> list[float]:
    """How long each stretch without a new picture was that is longer than `FREEZE_S`; also one that never ended."""
    moments = [window.start_s, *(at_s for at_s in shown_s if window.holds(at_s)), window.end_s]
    return [gap_s for before, after in pairwise(moments) if (gap_s := after - before) > FREEZE_S]


def key_delays(pressed_s: Sequence[float], presses: Sequence[tuple[float, int]], first: int) -> list[float]:
    """Key → the picture that says it has arrived, for each key; `presses` are changes of the card's counter (8 bits).

    `first` is the counter before the first key. A key that never shows counts as the deadline.
    """
    seen: list[tuple[float, int]] = []
    total = 0
    last = first
    for at_s, count in presses:
        total += (count - last) % _PRESS_WRAP
        last = count
        seen.append((at_s, total))
    delays = []
    for number, at_s in enumerate(pressed_s, start=1):
        shown_s = next((moment for moment, count in seen if count >= number), None)
        delays.append(KEY_DEADLINE_S if shown_s is None else min(KEY_DEADLINE_S, max(0.0, shown_s - at_s)))
    return delays


def rate_bps(bins: Sequence[Bin], window: Window) -> float:
    """What the link delivered."""
    carried = sum(step.delivered_bytes for step in bins if window.holds(step.at_s))
    return carried * 8 / (window.end_s - window.start_s)


def recovery_s(bins: Sequence[Bin], since: Window, goal_bps: float) -> float:
    """From the start of `since` until half a second carries `RECOVERED_SHARE` of the goal; its length if never."""
    at_s = since.start_s
    while at_s + _SMOOTH_S <= since.end_s:
        if rate_bps(bins, Window(at_s, at_s + _SMOOTH_S)) >= RECOVERED_SHARE * goal_bps:
            return at_s - since.start_s
        at_s += 0.1
    return since.end_s - since.start_s


def queue_ms(bins: Sequence[Bin], window: Window, share: float) -> float:
    """How long packets waited for the transmitter: over a share of the time it was no longer than this."""
    steps = [step.queue_ms for step in bins if window.holds(step.at_s)]
    return percentile(steps, share) if steps else 0.0


def queue_floor_ms(before_bps: float, narrow: LinkProfile, round_trip_s: float) -> float:
    """How long a queue gets that nobody can prevent, when a link narrows under a stream.

    Until the sender can know of it, one round trip, it sends as before; what is more than the link takes waits, as far
    as the link's buffer goes. Zero where the link carries it all.
    """
    if not narrow.rate_bps:
        return 0.0
    more_bits = max(0.0, before_bps - narrow.rate_bps) * round_trip_s
    return 1000 * min(more_bits, narrow.queue_bytes * 8) / narrow.rate_bps


def drained_s(bins: Sequence[Bin], since: Window) -> float:
    """From the start of `since` until half a second in which nothing waits longer than `LONG_QUEUE_MS`; its length if
    that never comes, and zero if the queue was never as long."""
    long_s = [step.at_s for step in bins if since.holds(step.at_s) and step.queue_ms > LONG_QUEUE_MS]
    if not long_s:
        return 0.0
    for last_s, next_s in pairwise([*long_s, since.end_s + _SMOOTH_S]):
        if next_s - (last_s + BIN_S) >= _SMOOTH_S:
            return min(last_s + BIN_S, since.end_s) - since.start_s
    return since.end_s - since.start_s


def loss_ratio(bins: Sequence[Bin], window: Window) -> float:
    """What the link lost, of what was offered."""
    steps = [step for step in bins if window.holds(step.at_s)]
    offered = sum(step.offered for step in steps)
    return sum(step.lost + step.overflowed for step in steps) / offered if offered else 0.0
