"""Force feedback as a game asks for it: effects that are uploaded, played and forgotten. Pure; time is an argument.

What a game says comes as records, a struct input_event that it wrote to the device or the interposer's struct record in
its place, and may be anything at all: what makes no sense is left out, and what it can make the seat keep is bounded.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .layout import EV_FF, FF_GAIN, MOST_EFFECTS

RECORD = struct.Struct("<4HQHHi")
RECORD_32_BYTES = 16
"""What a 32-bit program's has: the same without what is unused."""
_EFFECT, _FORGET, _CLOCK = 0x8001, 0x8002, 0x8003
_MOST = 0xFFFF
CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME = 0, 1, 7
_FOREVER_MS = 1 << 40


def effect_record(number: int, strong: int, weak: int, length_ms: int, delay_ms: int) -> bytes:
    """A record that uploads an effect."""
    return RECORD.pack(length_ms, delay_ms, strong, weak, 0, _EFFECT, number, 0)


def forget_record(number: int) -> bytes:
    """A record that takes one back."""
    return RECORD.pack(0, 0, 0, 0, 0, _FORGET, number & 0xFFFF, 0)


def widened(record: bytes) -> bytes:
    """A 32-bit program's record as one of the others'."""
    return record[:8] + bytes(8) + record[8:]


@dataclass(slots=True)
class _Effect:
    strong: int
    weak: int
    length_ms: int
    delay_ms: int
    plays_from_ms: int = 0
    plays_until_ms: int = 0


@dataclass(frozen=True, slots=True)
class Strength:
    """Both motors, 0 to 1, and when that may change next."""

    strong: float
    weak: float
    until_ms: int | None


class ForceFeedback:
    """What one program has asked of one device."""

    def __init__(self) -> None:
        self.clock = CLOCK_REALTIME
        """What it wants its events stamped by."""
        self._effects: dict[int, _Effect] = {}
        self._gain = _MOST

    def take(self, record: bytes, now_ms: int) -> None:
        """One record."""
        length_ms, delay_ms, strong, weak, _, kind, code, value = RECORD.unpack(record)
        if kind == _EFFECT and code < MOST_EFFECTS:
            before = self._effects.get(code)
            effect = self._effects[code] = _Effect(strong, weak, length_ms, delay_ms)
            if before is not None and before.plays_until_ms > now_ms:
                effect.plays_from_ms = before.plays_from_ms
                effect.plays_until_ms = now_ms + (length_ms or _FOREVER_MS)
        elif kind == _FORGET:
            self._effects.pop(code, None)
        elif kind == _CLOCK and value in (CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME):
            self.clock = value
        elif kind == EV_FF and code == FF_GAIN:
            self._gain = max(0, min(value, _MOST))
        elif kind == EV_FF and code in self._effects:
            self._play(self._effects[code], value, now_ms)

    @staticmethod
    def _play(effect: _Effect, times: int, now_ms: int) -> None:
        if times <= 0:
            effect.plays_until_ms = 0
            return
        effect.plays_from_ms = now_ms + effect.delay_ms
        effect.plays_until_ms = effect.plays_from_ms + (effect.length_ms * times or _FOREVER_MS)

    def strength(self, now_ms: int) -> Strength:
        """What its effects come to."""
        strong = weak = 0
        edges = []
        for effect in self._effects.values():
            if effect.plays_until_ms > now_ms:
                is_late = effect.plays_from_ms > now_ms
                edges.append(effect.plays_from_ms if is_late else effect.plays_until_ms)
                strong += 0 if is_late else effect.strong
                weak += 0 if is_late else effect.weak
        gain = self._gain / _MOST
        return Strength(min(strong / _MOST, 1.0) * gain, min(weak / _MOST, 1.0) * gain, min(edges) if edges else None)
