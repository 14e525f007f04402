"""What can be copied and pasted, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dillinger_contracts.clips import MOST_CLIP_BYTES, ClipKind
from dillinger_contracts.errors import Invalid

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Clip:
    """Text in UTF-8, or a picture as PNG."""

    kind: ClipKind
    data: bytes


def checked(kind: ClipKind, data: bytes) -> Clip:
    """The clip of `data`; raises `Invalid` where that is too much, or not what it is said to be."""
    if len(data) > MOST_CLIP_BYTES[kind]:
        raise Invalid(f"Copied {kind} has at most {MOST_CLIP_BYTES[kind]} bytes")
    if kind == "image":
        if not data.startswith(PNG_MAGIC):
            raise Invalid("A copied image is a PNG")
        return Clip(kind, data)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("Copied text is UTF-8") from error
    return Clip(kind, data)


class Clipboard(Protocol):
    """The clipboard of a desktop. Used from the loop; never blocks."""

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        ...
