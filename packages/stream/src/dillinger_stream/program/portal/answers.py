"""What a portal says, read as if it were anybody's: a type, a size or a key that is not what the interface has is one
`CaptureError`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dillinger_stream.errors import CaptureError


class Value(NamedTuple):
    """A variant of D-Bus: its type's signature, and what it holds; the variants inside are `Value`s again."""

    type: str
    value: Any


Results = Mapping[str, Value]

_PATH = re.compile(r"/(?:[A-Za-z0-9_]+(?:/[A-Za-z0-9_]+)*)?", re.ASCII)
_MOST_PATH = 255
_MOST_TOKEN = 4096
MOST_SCREENS = 8
_MOST_EXTENT = 65_535
_NO_NODE = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class ScreenStream:
    """One screen that was granted."""

    node_id: int
    """PipeWire's."""
    extent: tuple[int, int] | None
    """Width and height of the coordinates that input is told in; None where the portal does not say."""
    place: tuple[int, int] | None = None
    """Of its upper left corner on the desktop, in the same coordinates; None where the portal does not say."""


@dataclass(frozen=True, slots=True)
class Started:
    """What a session was granted."""

    screens: tuple[ScreenStream, ...]
    """At least one."""
    devices: int
    has_clipboard: bool
    """Whether what is copied and pasted may be shared."""
    token: str | None
    """Brings the same back the next time, without a question; it serves once."""


def handle(found: object, what: str) -> str:
    """An object's path."""
    if not isinstance(found, str) or len(found) > _MOST_PATH or not _PATH.fullmatch(found):
        raise CaptureError(f"The portal's {what} is no object's path")
    return found


def session_handle(results: Results) -> str:
    """Of the answer to CreateSession; a string there, for reasons of history."""
    return handle(_value(results, "session_handle", ("s", "o")), "session_handle")


def started(results: Results) -> Started:
    """Of the answer to Start."""
    streams = _value(results, "streams", ("a(ua{sv})",))
    if not 0 < len(streams) <= MOST_SCREENS:
        raise CaptureError(
            f"The portal grants {len(streams)} screens", hint=f"Choose a screen, or several, but {MOST_SCREENS} at most"
        )
    devices = _value(results, "devices", ("u",)) if "devices" in results else 0
    has_clipboard = "clipboard_enabled" in results and _value(results, "clipboard_enabled", ("b",))
    token = _value(results, "restore_token", ("s",)) if "restore_token" in results else None
    if token is not None and (not 0 < len(token) <= _MOST_TOKEN or not token.isprintable()):
        raise CaptureError("The portal's restore_token can't be kept")
    return Started(tuple(_stream(*stream) for stream in streams), devices, bool(has_clipboard), token)


def mask(found: object, what: str) -> int:
    """A property of flags."""
    if not isinstance(found, Value) or found.type != "u" or not isinstance(found.value, int):
        raise CaptureError(f"The portal's {what} is no number")
    return found.value


def _stream(node_id: int, properties: Mapping[str, Value]) -> ScreenStream:
    if node_id == _NO_NODE:
        raise CaptureError("The portal grants a screen that PipeWire does not have")
    size, place = _pair(properties, "size"), _pair(properties, "position")
    if size is not None and not (0 < size[0] <= _MOST_EXTENT and 0 < size[1] <= _MOST_EXTENT):
        raise CaptureError(f"The portal's screen has a size of {size[0]}x{size[1]}")
    if place is not None and not (abs(place[0]) <= _MOST_EXTENT and abs(place[1]) <= _MOST_EXTENT):
        raise CaptureError(f"The portal's screen is at {place[0]},{place[1]}")
    return ScreenStream(node_id, size, place)


def _pair(properties: Mapping[str, Value], name: str) -> tuple[int, int] | None:
    found = properties.get(name)
    if found is None:
        return None
    if found.type != "(ii)":
        raise CaptureError(f"The portal's {name} of the screen is a ({found.type})")
    first, second = found.value
    return first, second


def _value(results: Results, name: str, types: tuple[str, ...]) -> Any:
    found = results.get(name)
    if found is None:
        raise CaptureError(f"The portal's answer lacks its {name}")
    if found.type not in types:
        raise CaptureError(f"The portal's {name} is a ({found.type}) where ({types[0]}) was due")
    return found.value
