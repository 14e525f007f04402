"""The gamepad that games see, a wired Xbox 360 pad as Linux has it, and its state in the kernel's numbers. Pure.

Every library of games knows that pad without being told. Numbers are those of linux/input-event-codes.h, structs those
of linux/input.h and linux/joystick.h.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dillinger_contracts.input import PAD_BUTTONS, Pad

NAME = "Microsoft X-Box 360 pad"
BUS, VENDOR, PRODUCT, VERSION = 0x03, 0x045E, 0x028E, 0x0114

EV_SYN, EV_KEY, EV_ABS, EV_FF = 0x00, 0x01, 0x03, 0x15
FF_RUMBLE, FF_PERIODIC, FF_SQUARE, FF_TRIANGLE, FF_SINE, FF_GAIN = 0x50, 0x51, 0x58, 0x59, 0x5A, 0x60
EFFECTS = (FF_RUMBLE, FF_PERIODIC, FF_SQUARE, FF_TRIANGLE, FF_SINE, FF_GAIN)
MOST_EFFECTS = 16

KEYS = {
    "south": 0x130, "east": 0x131, "west": 0x133, "north": 0x134, "left_shoulder": 0x136, "right_shoulder": 0x137,
    "select": 0x13A, "start": 0x13B, "home": 0x13C, "left_stick": 0x13D, "right_stick": 0x13E,
}  # fmt: skip
"""Button → BTN_… number, ascending, which is how joydev counts them."""
_KEY_BITS = tuple((1 << PAD_BUTTONS.index(name), code) for name, code in KEYS.items())
_TRIGGERS = tuple(1 << PAD_BUTTONS.index(name) for name in ("left_trigger", "right_trigger"))
_UP, _DOWN, _LEFT, _RIGHT = (1 << PAD_BUTTONS.index(name) for name in ("up", "down", "left", "right"))


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis and how far it goes."""

    code: int
    least: int
    most: int
    fuzz: int = 0
    flat: int = 0


_STICK = (-32768, 32767, 16, 128)
AXES = (
    Axis(0x00, *_STICK), Axis(0x01, *_STICK), Axis(0x02, 0, 255), Axis(0x03, *_STICK), Axis(0x04, *_STICK),
    Axis(0x05, 0, 255), Axis(0x10, -1, 1), Axis(0x11, -1, 1),
)  # fmt: skip
"""Left x, y, left trigger, right x, y, right trigger, directions x, y: ABS_X to ABS_HAT0Y, ascending."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """What is down, and where each of `AXES` stands."""

    keys: frozenset[int] = frozenset()
    axes: tuple[int, ...] = (0,) * len(AXES)


REST = DeviceState()


def device_state(pad: Pad) -> DeviceState:
    """A browser's gamepad as the device's state."""
    triggers = [
        value or (255 if pad.buttons & bit else 0)
        for value, bit in zip((pad.left_trigger, pad.right_trigger), _TRIGGERS, strict=True)
    ]
    directions = [
        bool(pad.buttons & forth) - bool(pad.buttons & back) for back, forth in ((_LEFT, _RIGHT), (_UP, _DOWN))
    ]
    return DeviceState(
        keys=frozenset(code for bit, code in _KEY_BITS if pad.buttons & bit),
        axes=(pad.left_x, pad.left_y, triggers[0], pad.right_x, pad.right_y, triggers[1], *directions),
    )


def changes(before: DeviceState, now: DeviceState) -> Iterator[tuple[int, int, int]]:
    """Type, code and value of each event that leads from `before` to `now`."""
    for code in sorted(before.keys ^ now.keys):
        yield EV_KEY, code, int(code in now.keys)
    for axis, old, new in zip(AXES, before.axes, now.axes, strict=True):
        if old != new:
            yield EV_ABS, axis.code, new


_EVENT, _EVENT_32 = struct.Struct("<qqHHi"), struct.Struct("<IIHHi")


def evdev_events(before: DeviceState, now: DeviceState, time_ns: int, *, is_32_bit: bool = False) -> bytes:
    """The struct input_events from `before` to `now`, SYN_REPORT last; empty where nothing changed."""
    seconds, micros = divmod(time_ns // 1000, 1_000_000)
    event, stamp = (_EVENT_32, (seconds & 0xFFFFFFFF, micros)) if is_32_bit else (_EVENT, (seconds, micros))
    events = [event.pack(*stamp, *change) for change in changes(before, now)]
    return b"".join([*events, event.pack(*stamp, EV_SYN, 0, 0)]) if events else b""


_JS_EVENT = struct.Struct("<IhBB")
_JS_BUTTON, _JS_AXIS, _JS_INIT = 0x01, 0x02, 0x80
_JS_NUMBER = {code: number for number, code in enumerate(KEYS.values())}


def _js_value(axis: Axis, value: int) -> int:
    """As joydev corrects it: -32767 to 32767."""
    middle = (axis.least + axis.most) / 2
    return max(-32767, min(32767, round((value - middle) * 32767 * 2 / (axis.most - axis.least))))


def joydev_events(before: DeviceState | None, now: DeviceState, time_ms: int) -> bytes:
    """The struct js_events from `before` to `now`; None is a program that has just opened the device."""
    stamp, init = time_ms & 0xFFFFFFFF, _JS_INIT if before is None else 0
    events = []
    for code, number in _JS_NUMBER.items():
        if before is None or (code in before.keys) != (code in now.keys):
            events.append(_JS_EVENT.pack(stamp, int(code in now.keys), _JS_BUTTON | init, number))
    for number, axis in enumerate(AXES):
        if before is None or before.axes[number] != now.axes[number]:
            events.append(_JS_EVENT.pack(stamp, _js_value(axis, now.axes[number]), _JS_AXIS | init, number))
    return b"".join(events)


_ABSINFO = struct.Struct("<6i")
_ABS_COUNT, _KEY_BYTES, _JS_BUTTONS = 64, 96, 512
_MAGIC = b"DLPAD\0\0\1"


def _bits(numbers: frozenset[int] | tuple[int, ...], size_bytes: int) -> bytes:
    return sum(1 << number for number in numbers).to_bytes(size_bytes, "little")


def description(state: DeviceState) -> bytes:
    """What `interposer.c` answers for the device from: its struct description."""
    values = {
        axis.code: _ABSINFO.pack(value, axis.least, axis.most, axis.fuzz, axis.flat, 0)
        for axis, value in zip(AXES, state.axes, strict=True)
    }
    keys = tuple(KEYS.values())
    return b"".join(
        (
            _MAGIC,
            struct.pack("<4H80s", BUS, VENDOR, PRODUCT, VERSION, NAME.encode()),
            _bits((EV_SYN, EV_KEY, EV_ABS, EV_FF), 8),
            _bits(keys, _KEY_BYTES),
            _bits(tuple(axis.code for axis in AXES), 8),
            _bits(EFFECTS, 16),
            _bits(state.keys, _KEY_BYTES),
            *(values.get(code, bytes(_ABSINFO.size)) for code in range(_ABS_COUNT)),
            bytes(axis.code for axis in AXES).ljust(_ABS_COUNT, b"\0"),
            struct.pack(f"<{_JS_BUTTONS}H", *keys, *([0] * (_JS_BUTTONS - len(keys)))),
            bytes((len(AXES), len(KEYS), 0, 0)),
        )
    )
