"""What the browser's compositor puts on the screen, as its screencast tells it: a second eye, outside the page.

A page that reads a video element gets the frame that the compositor shows at its next refresh, while a canvas that a
worker draws is read about when it is shown. So reading in the page flatters a video by up to a refresh; the times of
the screencast are those of the composed picture, whatever it was made of. It costs the browser a small JPEG a picture,
the same for all. Blocking; events come only while the page is waited for.
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

from dillinger_bench.measure import Case
from dillinger_bench.testcard import guest

_SCALE = 4
_QUALITY = 50
_WHITE = 127


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
            is_white = key_block_is_white(data)
            if last is not None and is_white != last:
                found.append(at_ms)
            last = is_white
        return found


def key_block_is_white(jpeg: bytes) -> bool:
    """Whether the block that a key flips is white in a picture scaled down."""
    with av.open(io.BytesIO(jpeg), mode="r", format="mjpeg") as container:
        luma = next(container.decode(video=0)).to_ndarray(format="gray")
    x, y = guest.FLIPS["key"]
    middle = guest.FLIP_PX // 2
    return bool(luma[(y + middle) // _SCALE, (x + middle) // _SCALE] > _WHITE)


@contextmanager
def open_screen(page: Page, case: Case) -> Iterator[Screen]:
    """The screencast of a page whose picture fills its window; it ends with the block."""
    screen = Screen()
    session = page.context.new_cdp_session(page)

    def on_frame(event: dict[str, Any]) -> None:
        screen.frames.append((event["metadata"]["timestamp"] * 1000, base64.b64decode(event["data"])))
        with contextlib.suppress(BrowserError):  # a picture that was on its way when the screencast ended
            session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    session.on("Page.screencastFrame", on_frame)
    size = {"maxWidth": case.width_px // _SCALE, "maxHeight": case.height_px // _SCALE}
    session.send("Page.startScreencast", {"format": "jpeg", "quality": _QUALITY, "everyNthFrame": 1, **size})
    try:
        yield screen
    finally:
        session.send("Page.stopScreencast")
        session.detach()
