"""How much a path carries: the encoder's target, steered by how long what is sent waits on its way. Pure.

Delay tells of a thin path before it loses anything: what waits above the base round trip waits in a queue that this
stream fills. The idea is that of GCC (draft-ietf-rmcat-gcc-02), with the queue itself instead of its gradient, since
both transports measure it: TCP's own figures (`tcp_path.py`), or arrival times of packets (`arrivals.py`).

    queue long ──▶ below what arrives, until it has drained ──▶ just below it ──▶ careful steps up, ever larger
                                    ▲                                                      │
                                    └───────────────────── queue long ─────────────────────┘

What drains of a queue when a path has become wide again arrives faster than the path was: then there is no reason to be
careful.

Steps that grow find a path that has become wide again within three seconds; the first are small, so that one that has
not is filled for tens of milliseconds only. What to do about loss without a queue (radio) is `duplication.py`'s to say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .duplication import PACKET_BITS, Duplication

FLOOR_BPS = 300_000
LONG_QUEUE_MS = 60.0
"""More than frames of uneven size make at any bitrate that fits."""
SHORT_QUEUE_MS = 30.0
PATIENCE_S = 0.15
"""A queue counts once it has been long for so long: TCP's slow start after a pause makes one that is soon gone."""
HUGE_QUEUE_MS = 100.0
"""This one counts at once, and no picture is taken until it is shorter: what is not sent can't wait."""
MAX_PAUSE_S = 0.3
"""Then it is looked at again: a path on which nothing goes tells nothing."""
GRACE_S = 1.0
"""From the first measure on: a new connection has yet to learn the path's width."""
HEAVY_LOSS = 0.2
"""Retransmits double what so lossy a path has to carry; less than that is repaired."""
LOSS_STEP = 0.06
"""A step up that costs so much more loss was too much for a path with a short queue."""
DRAIN_S = 0.8
"""A queue is to be gone after about so long."""
DRAINING_SHARE = 0.8
"""A queue that has shrunk to this since the last fall is on its way out."""
LEAST_SHARE = 0.4
"""One fall leaves so much of the target."""
LOSS_SHARE = 0.7
"""One that loss brings: what arrives in spite of it is no measure."""
START_BPS = 2_000_000
HOLD_S = 1.0
REST_SHARE = 0.88
"""Of what the path carried when it was full: what it is given once the queue is gone."""
STEPS = (1.15, 1.3, 1.5)
"""The last one again and again; around the rate at which the path was full last, the first."""
AROUND = 1.3
FULL_MEMORY_S = 10.0
"""After that nobody knows any more: what was full may have been another's doing, or that of a busy machine."""
STEP_GAP_S = 0.15
"""On top of the round trip: until a step's effect has been measured."""
FULL_SHARE = 0.55
"""What arrives is this much of the target at least, or else it is no proof that the path carries the target."""


@dataclass(frozen=True, slots=True)
class PathState:
    """What a path does now."""

    queue_ms: float
    """How much longer than at best things are on their way."""
    carried_bps: float
    """What arrives, media and all."""
    rtt_ms: float
    loss_ratio: float = 0.0
    """Of what was sent, in the last second or so."""
    takes_duplicates: bool = False
    """Whether what receives it knows a packet that comes twice for the same."""


class RateControl:
    """The target of one path."""

    def __init__(self) -> None:
        self.path_bps: int | None = None
        """What the path is given, second copies and all; None while it has borne all that was wished."""
        self.bps: int | None = None
        """What of it is the encoder's, likewise."""
        self.paused_until_s = 0.0
        """Until then no picture is to be sent."""
        self._settled_at_s: float | None = None
        """Before that what is measured is not yet the target's doing."""
        self._step = 0
        self._loss_before = 0.0
        self._duplication = Duplication()
        self._long_since_s: float | None = None
        self._fallen_at_queue_ms: float | None = None
        """Until the queue is gone: how long it was at the last fall."""
        self._full_bps: float | None = None
        """What the path carried when it was full last, of late."""
        self._full_at_s = 0.0

    @property
    def is_duplicated(self) -> bool:
        """Whether each packet is to be sent twice."""
        return self._duplication.is_on

    def step(self, now_s: float, path: PathState, *, wish_bps: int) -> None:
        """Takes in what was measured; ten times a second or so."""
        if self._settled_at_s is None:
            self._settled_at_s = now_s + GRACE_S
        if now_s - self._full_at_s > FULL_MEMORY_S:
            self._full_bps = None
        self._weigh_loss(now_s, path, wish_bps)
        most_bps = self._duplication.most_bps
        self._follow(now_s, path, int(min(wish_bps, most_bps)))
        if most_bps < wish_bps:
            self.path_bps = int(most_bps if self.path_bps is None else min(self.path_bps, most_bps))
        self.bps = self.path_bps
        if self.is_duplicated:
            self.bps = max(min(FLOOR_BPS, wish_bps), (self.path_bps or wish_bps) // 2)

    def _weigh_loss(self, now_s: float, path: PathState, wish_bps: int) -> None:
        was_duplicated = self.is_duplicated
        room_bps = wish_bps
        if self._full_bps is not None and self.path_bps is not None:
            room_bps = min(wish_bps, max(self.path_bps, int(REST_SHARE * self._full_bps)))
        self._duplication.take(
            now_s, loss_ratio=path.loss_ratio, rtt_ms=path.rtt_ms, room_bps=room_bps if path.takes_duplicates else None
        )
        if self.is_duplicated and not was_duplicated and self.path_bps is not None:
            # What held the target was loss, as far as the path has room: pictures keep what they had.
            self.path_bps = int(max(self.path_bps, min(2 * self.path_bps, room_bps)))

    def _follow(self, now_s: float, path: PathState, wish_bps: int) -> None:
        assert self._settled_at_s is not None
        target_bps = wish_bps if self.path_bps is None else min(self.path_bps, wish_bps)
        is_settled = now_s >= self._settled_at_s
        if self._is_too_much(now_s, path):
            before_ms = self._fallen_at_queue_ms
            is_draining = before_ms is not None and path.queue_ms < DRAINING_SHARE * before_ms
            if path.queue_ms > HUGE_QUEUE_MS:
                self.paused_until_s = now_s + min(MAX_PAUSE_S, (path.queue_ms - LONG_QUEUE_MS) / 1000)
            if self._step or (is_settled and not is_draining):
                self._fall(now_s, path, target_bps, wish_bps)
        elif self.path_bps is not None and path.queue_ms < SHORT_QUEUE_MS:
            if self._full_bps is not None and path.carried_bps > AROUND * self._full_bps:
                self._widen(now_s, path, target_bps, wish_bps)
            elif is_settled and self._fallen_at_queue_ms is not None:
                self._rest(now_s, target_bps, wish_bps)
            elif is_settled:
                self._rise(now_s, path, target_bps, wish_bps)

    def restart(self) -> None:
        """Another transport takes over: what the one before could not carry says little of this one."""
        self._settled_at_s, self._step = None, 0
        self._long_since_s = self._fallen_at_queue_ms = self._full_bps = None
        self.bps = self.path_bps = None if self.path_bps is None else max(self.path_bps, START_BPS)

    def _is_too_much(self, now_s: float, path: PathState) -> bool:
        if path.queue_ms <= LONG_QUEUE_MS:
            self._long_since_s = None
            chance = 2 * math.sqrt(max(self._loss_before, LOSS_STEP) * PACKET_BITS / max(path.carried_bps, PACKET_BITS))
            is_costly = self._step > 0 and path.loss_ratio > self._loss_before + LOSS_STEP + chance
            return is_costly or path.loss_ratio > HEAVY_LOSS + chance
        if self._long_since_s is None:
            self._long_since_s = now_s
            self._full_bps = path.carried_bps
        self._full_bps, self._full_at_s = min(self._full_bps or path.carried_bps, path.carried_bps), now_s
        return path.queue_ms > HUGE_QUEUE_MS or self._step > 0 or now_s - self._long_since_s >= PATIENCE_S

    def _fall(self, now_s: float, path: PathState, target_bps: int, wish_bps: int) -> None:
        drain = 1 - min(0.5, path.queue_ms / 1000 / DRAIN_S)
        lower_bps = min(target_bps * 0.9, path.carried_bps * 0.95 * drain)
        # One measure may be a hiccup of the other end; a path that narrowed says so again in a moment.
        lower_bps = max(lower_bps, target_bps * (LEAST_SHARE if path.queue_ms > LONG_QUEUE_MS else LOSS_SHARE))
        self.path_bps = int(max(min(FLOOR_BPS, wish_bps), lower_bps))
        self._settled_at_s = now_s + path.rtt_ms / 1000 + STEP_GAP_S
        self._step = 0
        self._fallen_at_queue_ms = path.queue_ms
        if path.queue_ms <= LONG_QUEUE_MS:
            self._full_bps = None  # it was loss: nobody knows what fits

    def _rest(self, now_s: float, target_bps: int, wish_bps: int) -> None:
        """The queue is gone: as much as fits, and some seconds of peace."""
        self._fallen_at_queue_ms = None
        if self._full_bps is not None:
            rested_bps = int(max(target_bps, REST_SHARE * self._full_bps))
            self.path_bps = rested_bps if rested_bps < wish_bps else None
        self._settled_at_s = now_s + HOLD_S

    def _widen(self, now_s: float, path: PathState, target_bps: int, wish_bps: int) -> None:
        """It carries far more than when it was full, and its queue is gone: it is another path now."""
        self._full_bps = path.carried_bps
        self._rest(now_s, target_bps, wish_bps)
        self._full_bps, self._settled_at_s = None, now_s

    def _rise(self, now_s: float, path: PathState, target_bps: int, wish_bps: int) -> None:
        if path.carried_bps < FULL_SHARE * target_bps:
            return
        factor = STEPS[min(self._step, len(STEPS) - 1)]
        full_bps = self._full_bps
        if full_bps is not None and full_bps / AROUND < target_bps * factor and target_bps < AROUND * full_bps:
            factor = STEPS[0]
        self._step += 1
        self._loss_before = path.loss_ratio if self._step == 1 else self._loss_before
        self._settled_at_s = now_s + path.rtt_ms / 1000 + STEP_GAP_S
        self.path_bps = int(target_bps * factor)
        if self.path_bps >= wish_bps:
            self.path_bps, self._step = None, 0
