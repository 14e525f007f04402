"""The binary input protocol, read from `input.toml`: browser → seat, one small message an event.

Pure; `decode` is fed with hostile bytes and raises `Invalid` for whatever is not exactly one well-formed message.
"""

from __future__ import annotations

import struct
import sys
import tomllib
import unicodedata
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, ClassVar

from .errors import Invalid

_STRUCT_CODES = {"u8": "B", "u16": "H", "u32": "I", "i16": "h", "bool": "B"}
_HEADER = struct.Struct("<BBHI")
HEADER_BYTES = _HEADER.size


@cache
def definition() -> dict[str, Any]:
    """The whole of `input.toml`."""
    return tomllib.loads(resources.files(__package__).joinpath("input.toml").read_text("utf-8"))


KEY_CODES: dict[str, int] = dict(definition()["keys"])
"""`KeyboardEvent.code` → Linux evdev key number."""
KNOWN_KEYS = frozenset(KEY_CODES.values())
KNOWN_BUTTONS = frozenset({1, 2, 3, 8, 9})
MOST_PADS: int = definition()["pads"]["most"]
"""Gamepads of one browser, and of one session."""
PAD_BUTTONS: tuple[str, ...] = tuple(definition()["pads"]["buttons"])
"""Bit of `Pad.buttons` → its name."""
MOST_TURN, MOST_PITCH = 18_000, 9_000
"""How far a head turns and tilts, and how far it looks up and down, in hundredths of a degree."""
_HALF_CLOCK = 1 << 31
_NO_CHARACTERS = range(0xFDD0, 0xFDF0)
"""Besides the last two of each plane (Unicode, section 23.7)."""


def is_late(time_ms: int, newest_ms: int) -> bool:
    """Whether a message of this `client_time_ms`, which wraps, was sent before the newest that has arrived: messages
    may overtake each other where the stream changes its way."""
    return (time_ms - newest_ms) & 0xFFFFFFFF >= _HALF_CLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class InputEvent:
    """What every message starts with: a wrapping number per channel and the sender's clock."""

    name: ClassVar[str]
    seq: int = 0
    client_time_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(InputEvent):
    """A key, by evdev number."""

    name: ClassVar[str] = "key"
    code: int
    is_down: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Button(InputEvent):
    """A pointer button, by X11 number."""

    name: ClassVar[str] = "button"
    button: int
    is_down: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(InputEvent):
    """The pointer's place, 0 to 65535 across the picture."""

    name: ClassVar[str] = "move"
    x: int
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveBy(InputEvent):
    """The pointer's step in desktop pixels."""

    name: ClassVar[str] = "move_by"
    dx: int
    dy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel(InputEvent):
    """The wheel's turn, 120 a notch."""

    name: ClassVar[str] = "wheel"
    dx: int
    dy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAll(InputEvent):
    """Let go of everything."""

    name: ClassVar[str] = "release_all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown(InputEvent):
    """The browser has drawn a frame."""

    name: ClassVar[str] = "shown"
    frame: int
    decode_us: int
    draw_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(InputEvent):
    """A gamepad as it is now. All of it, so that no message that is lost or late leaves a button down."""

    name: ClassVar[str] = "pad"
    pad: int
    buttons: int = 0
    left_x: int = 0
    left_y: int = 0
    right_x: int = 0
    right_y: int = 0
    left_trigger: int = 0
    right_trigger: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PadGone(InputEvent):
    """A gamepad was unplugged."""

    name: ClassVar[str] = "pad_gone"
    pad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(InputEvent):
    """How the player's head is turned, in hundredths of a degree: right, up, and tilted right are positive."""

    name: ClassVar[str] = "look"
    yaw: int = 0
    pitch: int = 0
    roll: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(InputEvent):
    """A character, by its Unicode scalar value."""

    name: ClassVar[str] = "text"
    code_point: int


def is_typeable(code_point: int) -> bool:
    """Whether this is a character that can be typed: a Unicode scalar value, and none that controls or stands for
    nothing."""
    if not 0 <= code_point < sys.maxunicode + 1 or code_point & 0xFFFE == 0xFFFE or code_point in _NO_CHARACTERS:
        return False
    return unicodedata.category(chr(code_point)) not in {"Cc", "Cs"}


@dataclass(frozen=True, slots=True)
class _Op:
    number: int
    event: type[InputEvent]
    payload: struct.Struct
    field_names: tuple[str, ...]
    bool_fields: frozenset[str]


def _ops() -> tuple[_Op, ...]:
    events: dict[str, type[InputEvent]] = {
        event.name: event for event in (Key, Button, Move, MoveBy, Wheel, ReleaseAll, Shown, Pad, PadGone, Look, Text)
    }
    table = []
    for name, entry in definition()["ops"].items():
        payload: list[tuple[str, str]] = entry["payload"]
        names = tuple(field for field, _ in payload)
        declared = {field.name for field in fields(events[name])} - {"seq", "client_time_ms"}
        assert declared == set(names), f"input.toml and the dataclass of {name} disagree"
        codec = struct.Struct("<" + "".join(_STRUCT_CODES[kind] for _, kind in payload))
        bools = frozenset(field for field, kind in payload if kind == "bool")
        table.append(_Op(entry["op"], events[name], codec, names, bools))
    return tuple(table)


_BY_NUMBER = {op.number: op for op in _ops()}
_BY_EVENT = {op.event: op for op in _ops()}


def encode(event: InputEvent) -> bytes:
    """The message for `event`; raises `Invalid` when a value does not fit its field."""
    op = _BY_EVENT[type(event)]
    try:
        header = _HEADER.pack(op.number, 0, event.seq & 0xFFFF, event.client_time_ms & 0xFFFFFFFF)
        return header + op.payload.pack(*(getattr(event, name) for name in op.field_names))
    except struct.error as error:
        raise Invalid(f"The input event {event!r} does not fit the protocol: {error}") from error


def decode(message: bytes) -> InputEvent:
    """The event in `message`; raises `Invalid` for an unknown op, flag, key, button or pad, a wrong length, a bad
    bool, a head that is turned further than heads are, or what is no character."""
    if len(message) < HEADER_BYTES:
        raise Invalid(f"An input message has at least {HEADER_BYTES} bytes, this one {len(message)}")
    number, flags, seq, client_time_ms = _HEADER.unpack_from(message)
    op = _BY_NUMBER.get(number)
    if op is None:
        raise Invalid(f"There is no input op {number}")
    if flags:
        raise Invalid(f"Input flags are reserved and must be 0, not {flags}")
    if len(message) != HEADER_BYTES + op.payload.size:
        raise Invalid(
            f"The input op {op.event.name} has {HEADER_BYTES + op.payload.size} bytes, this one {len(message)}"
        )
    values: dict[str, Any] = dict(zip(op.field_names, op.payload.unpack_from(message, HEADER_BYTES), strict=True))
    for name in op.bool_fields:
        if values[name] > 1:
            raise Invalid(f"{name} of the input op {op.event.name} is 0 or 1, not {values[name]}")
        values[name] = bool(values[name])
    event = op.event(seq=seq, client_time_ms=client_time_ms, **values)
    if isinstance(event, Key) and event.code not in KNOWN_KEYS:
        raise Invalid(f"There is no key {event.code}")
    if isinstance(event, Button) and event.button not in KNOWN_BUTTONS:
        raise Invalid(f"There is no pointer button {event.button}")
    if isinstance(event, Text) and not is_typeable(event.code_point):
        raise Invalid(f"{event.code_point:#x} is no character that can be typed")
    if isinstance(event, Pad | PadGone) and event.pad >= MOST_PADS:
        raise Invalid(f"There is no gamepad {event.pad}: they are numbered 0 to {MOST_PADS - 1}")
    if isinstance(event, Pad) and event.buttons >> len(PAD_BUTTONS):
        raise Invalid(f"A gamepad has {len(PAD_BUTTONS)} buttons, and {event.buttons:#x} names others")
    if isinstance(event, Look) and (max(abs(event.yaw), abs(event.roll)) > MOST_TURN or abs(event.pitch) > MOST_PITCH):
        raise Invalid(f"No head is turned by {event.yaw}, {event.pitch}, {event.roll} hundredths of a degree")
    return event
