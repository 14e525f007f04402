"""What the browser's compositor puts on the screen, as its screencast tells it: a second eye, outside the page.

A page that reads a video element gets the frame that the compositor shows at its next refresh, while a canvas that a
worker draws is read about when it is shown. So reading in the page flatters a video by up to a refresh; and where
frames come just when the page looks it misses up to a third of those that are shown. The times of the screencast are
those of the composed picture, whatever it was made of. It costs the browser a small JPEG a picture, the same for all.
Blocking; events come only while a page of the browser is waited for.
"""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import av
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page

from .testcard import read

_SCALE = 4
_QUALITY = 50


@dataclass(slots=True)
class Screen:
    """The screencast so far."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)
    """Wall-clock milliseconds and JPEG of each composed picture."""

    def flips(self) -> list[float]:
        """When the key's block was seen to change, ms."""
        found: list[float] = []
        last: bool | None = None
        for at_ms, data in self.frames:
            is_white = card_of(data).key_flip
            if last is not None and is_white != last:
                found.append(at_ms)
            last = is_white
        return found

    def shown_fps(self) -> float:
        """Different pictures of the card a second, from when nothing covers it; 0 where there are fewer than two."""
        cards = [(at_ms, card_of(data).frame) for at_ms, data in self.frames]
        seen = [(at_ms, number) for at_ms, number in cards if number is not None]
        if len(seen) < 2:
            return 0.0
        return 1000 * (len({number for _, number in seen}) - 1) / (seen[-1][0] - seen[0][0])


def card_of(jpeg: bytes) -> read.Reading:
    """What the card says in a picture scaled down."""
    with av.open(io.BytesIO(jpeg), mode="r", format="mjpeg") as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgba")
    height, width, _ = pixels.shape
    return read.read(read.Picture(pixels.tobytes(), width, height), read.Placement(scale=1 / _SCALE))


@contextmanager
def open_screen(page: Page, width_px: int, height_px: int) -> Iterator[Screen]:
    """The screencast of a page whose picture fills its window; it ends with the block."""
    screen = Screen()
    session = page.context.new_cdp_session(page)

    def on_frame(event: dict[str, Any]) -> None:
        screen.frames.append((event["metadata"]["timestamp"] * 1000, base64.b64decode(event["data"])))
        with contextlib.suppress(BrowserError):  # a picture that was on its way when the screencast ended
            session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", on_frame)
    size = {"maxWidth": width_px // _SCALE, "maxHeight": height_px // _SCALE}
    session.send("Page.startScreencast", {"format": "jpeg", "quality": _QUALITY, "everyNthFrame": 1, **size})
    try:
        yield screen
    finally:
        session.send("Page.stopScreencast")
        session.detach()
