"""How a browser is told of the desktop's pointer, to draw it itself: apart from the picture, without its delay.

Messages of `signaling`, seat → browser. A shape is sent once, into a numbered slot, and named by that slot when it
comes back; a new one takes the place of what was in its slot, so that both sides keep a bounded number.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .model import Model

MOST_CURSOR_PX = 128
"""Each way; browsers draw no larger one."""
MOST_CURSOR_CHARS = 49_152
"""Of a shape's pixels as text; well below the longest signaling message."""
CURSOR_SLOTS = 64


class CursorShape(Model):
    """How the pointer looks, in pixels of the desktop."""

    width_px: int = Field(ge=1, le=MOST_CURSOR_PX)
    height_px: int = Field(ge=1, le=MOST_CURSOR_PX)
    hot_x: int = Field(ge=0, lt=MOST_CURSOR_PX)
    hot_y: int = Field(ge=0, lt=MOST_CURSOR_PX)
    png: str = Field(max_length=MOST_CURSOR_CHARS, pattern=r"^[A-Za-z0-9+/]+={0,2}$", repr=False)
    """The image, in base64."""


class Cursor(Model):
    """Who draws the pointer from now on; until the first of them the picture does."""

    type: Literal["cursor"] = "cursor"
    drawn: Literal["shape", "nothing", "picture"]
    """`shape`: the browser draws the one in `slot`; `nothing`: the game hides it; `picture`: it is in the picture."""
    slot: int | None = Field(default=None, ge=0, lt=CURSOR_SLOTS)
    shape: CursorShape | None = None
    """What is in `slot` from now on; None where the browser has it already."""


class CursorAt(Model):
    """Where on the desktop the pointer's hot spot is, in pixels; for those whose own mouse is not there."""

    type: Literal["cursor_at"] = "cursor_at"
    x: int = Field(ge=-32_768, le=32_767)
    y: int = Field(ge=-32_768, le=32_767)
