"""What is copied and pasted between browser and game, in both directions: part of `dillinger.signal.v1`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .model import Model

ClipKind = Literal["text", "image"]
MOST_CLIP_BYTES: dict[ClipKind, int] = {"text": 1 << 20, "image": 4 << 20}
"""Of UTF-8, and of a PNG."""


class ClipboardOffer(Model):
    """The sender's side has something new to paste; the other asks for its parts when it wants it."""

    type: Literal["clipboard_offer"] = "clipboard_offer"
    serial: int = Field(ge=0, le=1 << 31)
    """Newer ones are larger, and replace older ones."""
    kind: ClipKind
    size_bytes: int = Field(gt=0, le=1 << 31)


class ClipboardWant(Model):
    """Asks for the part of an offered clip that begins at `offset`."""

    type: Literal["clipboard_want"] = "clipboard_want"
    serial: int = Field(ge=0, le=1 << 31)
    offset: int = Field(ge=0, le=1 << 31)


class ClipboardPart(Model):
    """The part that was asked for, of any length over 0."""

    type: Literal["clipboard_part"] = "clipboard_part"
    serial: int = Field(ge=0, le=1 << 31)
    offset: int = Field(ge=0, le=1 << 31)
    data: str = Field(max_length=62_000, repr=False)
    """Base64 (RFC 4648 section 4)."""


class ClipboardTaken(Model):
    """What the browser offered can be pasted from now on."""

    type: Literal["clipboard_taken"] = "clipboard_taken"
    serial: int
