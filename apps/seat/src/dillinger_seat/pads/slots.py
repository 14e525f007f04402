"""Whose gamepad is which of the session's: several browsers with several gamepads each, a few devices for the game.

A browser's gamepad takes the lowest free device when it first says something. When its browser goes (a reload, a
network that breaks), everything on the device is let go, and for some seconds it stays plugged in for whoever comes
next: games take a pad that vanishes for the player's leaving. On the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import MOST_PADS, InputEvent, Pad, PadGone, ReleaseAll, is_late
from dillinger_contracts.signaling import FromSeat, Rumble

from .base import PadDevice, PadDevices
from .layout import REST, device_state

log = structlog.get_logger()

LINGER_S = 10.0


@dataclass(slots=True, eq=False)
class _Slot:
    number: int
    device: PadDevice
    sink: PadSink | None
    pad: int
    """The browser's own number for it."""
    leaving: asyncio.TimerHandle | None = None


class PadSlots:
    """The devices of one session."""

    def __init__(self, devices: PadDevices | None, problem: str = "", *, linger_s: float = LINGER_S) -> None:
        """`problem` is why there are no devices."""
        self._devices = devices
        self._problem = problem
        self._linger_s = linger_s
        self._slots: dict[int, _Slot] = {}

    @property
    def variables(self) -> dict[str, str]:
        """What a game needs to find them."""
        return {} if self._devices is None else self._devices.variables

    def sink(self, say: Callable[[FromSeat], None]) -> PadSink:
        """For one peer; `say` reaches its browser."""
        return PadSink(self, say)

    def take(self, sink: PadSink, pad: int) -> _Slot:
        """A device for `pad` of `sink`; raises `Unavailable`."""
        orphan = min((slot for slot in self._slots.values() if slot.sink is None), key=_number, default=None)
        if orphan is not None:
            if orphan.leaving is not None:
                orphan.leaving.cancel()
            orphan.sink, orphan.pad, orphan.leaving = sink, pad, None
            return orphan
        if self._devices is None:
            raise Unavailable(f"The game can't have gamepads here: {self._problem}")
        number = min(set(range(MOST_PADS)) - self._slots.keys(), default=None)
        if number is None:
            raise Unavailable(f"All {MOST_PADS} gamepads of this session are taken")
        device = self._devices.plug(number, lambda *rumble: self._on_rumble(number, *rumble))
        slot = self._slots[number] = _Slot(number, device, sink, pad)
        log.info("pad_plugged", pad=number)
        return slot

    def leave(self, slot: _Slot) -> None:
        """Its browser is gone; the device stays for a while."""
        slot.device.show(REST)
        slot.sink = None
        slot.leaving = asyncio.get_running_loop().call_later(self._linger_s, self.unplug, slot)

    def unplug(self, slot: _Slot) -> None:
        """The device goes."""
        del self._slots[slot.number]
        slot.device.close()
        log.info("pad_unplugged", pad=slot.number)

    def _on_rumble(self, number: int, strong: float, weak: float, duration_ms: int) -> None:
        slot = self._slots.get(number)
        if slot is not None and slot.sink is not None:
            slot.sink.say(Rumble(pad=slot.pad, strong=round(strong, 3), weak=round(weak, 3), duration_ms=duration_ms))

    def close(self) -> None:
        """Unplugs all; idempotent."""
        for slot in list(self._slots.values()):
            if slot.leaving is not None:
                slot.leaving.cancel()
            self.unplug(slot)
        if self._devices is not None:
            self._devices.close()


def _number(slot: _Slot) -> int:
    return slot.number


class PadSink:
    """One peer's gamepads."""

    def __init__(self, slots: PadSlots, say: Callable[[FromSeat], None]) -> None:
        self.say = say
        self._slots = slots
        self._held: dict[int, _Slot] = {}
        self._newest_ms: dict[int, int] = {}
        self._refused: set[int] = set()

    def handle(self, event: InputEvent) -> None:
        """Takes what concerns gamepads; raises `Unavailable`, once for each, where there can be none."""
        match event:
            case Pad() if self._is_news(event.pad, event.client_time_ms):
                self._show(event)
            case PadGone() if self._is_news(event.pad, event.client_time_ms):
                self._refused.discard(event.pad)
                slot = self._held.pop(event.pad, None)
                if slot is not None:
                    self._slots.unplug(slot)
            case ReleaseAll():
                self.release_all()
            case _:
                pass

    def _show(self, event: Pad) -> None:
        slot = self._held.get(event.pad)
        if slot is None and event.pad not in self._refused:
            try:
                slot = self._held[event.pad] = self._slots.take(self, event.pad)
            except Unavailable:
                self._refused.add(event.pad)
                raise
        if slot is not None:
            slot.device.show(device_state(event))

    def _is_news(self, pad: int, time_ms: int) -> bool:
        if is_late(time_ms, self._newest_ms.get(pad, time_ms)):
            return False
        self._newest_ms[pad] = time_ms
        return True

    def release_all(self) -> None:
        """Every button up, every stick at rest."""
        for slot in self._held.values():
            slot.device.show(REST)

    def close(self) -> None:
        """The peer is gone."""
        held, self._held = self._held, {}
        for slot in held.values():
            self._slots.leave(slot)
