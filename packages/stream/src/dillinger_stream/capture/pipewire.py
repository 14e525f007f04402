"""Capture of a screen that somebody else draws and hands out by PipeWire, as GNOME and KDE do.

GStreamer's `pipewiresrc` in a child process (`gst.child`) holds the newest picture. It tells when there is one, and
puts it into memory that is ours when it is asked for: so nothing queues up, older pictures are never copied, and what
the compositor's memory does can't harm this process. What changed is found by comparing (`damage.py`), since
`pipewiresrc` does not hand on what a compositor says of it. Owned by the pipeline's thread; only `abort` and `size` may
be used from another.
"""

from __future__ import annotations

import os
import select
import time
from typing import Any

import numpy as np

from dillinger_contracts.media import Box
from dillinger_stream.frames import Frame, PointerSeen
from dillinger_stream.gst import child
from dillinger_stream.gst.process import GstProcess

from .base import CaptureError
from .damage import changed_box
from .geometry import EMPTY_BOX, even
from .geometry import whole as everything
from .sealed import sealed_memory

_SMALLEST_PX = 16
_LARGEST_PX = 16_384
MEMORY_BYTES = 8192 * 8192 * 4
"""For the largest picture; of what smaller ones leave there is nothing but addresses."""
_PIXEL_BYTES = 4
_DEADLINE_S = 5.0
_QUIET_S = 5.0
"""A child that has said nothing for so long is asked whether it is there."""
_HINT = "apt-get install python3-gi gir1.2-gst-plugins-base-1.0 gstreamer1.0-plugins-base gstreamer1.0-pipewire"


def pipeline_of(node_id: int) -> str:
    """The pictures of PipeWire's node `node_id`, as GStreamer is told; what is in another order is put into ours."""
    return (
        f"pipewiresrc name=remote path={node_id} ! video/x-raw,format=(string){{BGRx,BGRA,RGBx,RGBA}}"
        " ! videoconvert ! video/x-raw,format=(string){BGRx,BGRA}"
        " ! appsink name=out sync=false emit-signals=true max-buffers=1 drop=true"
    )


def form_of(told: bytes) -> tuple[int, int, int] | None:
    """Width, height and bytes from row to row of a picture in the memory; None where there is none. Pure; raises
    `CaptureError` for what does not fit."""
    if len(told) != child.PICTURE_FIELDS.size:
        raise CaptureError("PipeWire's picture has no form")
    width, height, stride = child.PICTURE_FIELDS.unpack(told)
    if width == 0:
        return None
    is_sane = (
        _SMALLEST_PX <= width <= _LARGEST_PX
        and _SMALLEST_PX <= height <= _LARGEST_PX
        and width * _PIXEL_BYTES <= stride <= _LARGEST_PX * _PIXEL_BYTES
        and stride % _PIXEL_BYTES == 0
        and stride * height <= MEMORY_BYTES
    )
    if not is_sane:
        raise CaptureError(f"A picture of {width}x{height} pixels in rows of {stride} bytes can't be streamed")
    return width, height, stride


class PipeWireCapture:
    """The pictures of one node."""

    def __init__(self, pipeline: str, remote: int) -> None:
        """`remote` is PipeWire's socket, which stays the caller's; raises `CaptureError` after 30 s at most."""
        self._picture: Any = None
        """(height, width) of uint32: all of the newest picture that was grabbed."""
        self._news_ns = 0
        """When the picture came that is to be fetched; 0 while there is none."""
        self._heard_s = time.monotonic()
        self._pinged_s: float | None = None
        """When it was asked whether it is there, and has not said so yet."""
        descriptor, self._memory = sealed_memory(MEMORY_BYTES)
        try:
            self._child = GstProcess("PipeWire's picture", CaptureError)
            self._child.open(child.WATCH, {"pipeline": pipeline, "memory_bytes": MEMORY_BYTES}, (descriptor, remote))
        except CaptureError as error:
            raise CaptureError(error.message, hint=error.hint or _HINT) from error
        finally:
            os.close(descriptor)

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the last picture that was grabbed; from any thread."""
        picture = self._picture
        return None if picture is None else (picture.shape[1], picture.shape[0])

    def fileno(self) -> int:
        """Readable when something may have changed."""
        return self._child.fileno()

    def wait(self, timeout_s: float | None, wake_fd: int) -> bool:
        """Blocks until there is a new picture (True), or `wake_fd` is readable or the time is up (False)."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._read()
            if self._news_ns:
                return True
            now_s = time.monotonic()
            left_s = _QUIET_S if until is None else min(until - now_s, _QUIET_S)
            if left_s <= 0:
                self._ask_whether_it_lives()
                return False
            poll = select.poll()
            poll.register(self._child.fileno(), select.POLLIN)
            if wake_fd >= 0:
                poll.register(wake_fd, select.POLLIN)
            ready = {descriptor for descriptor, _ in poll.poll(left_s * 1000)}
            if wake_fd in ready:
                self._read()
                return bool(self._news_ns)
            if not ready:
                self._ask_whether_it_lives()

    @property
    def pointer(self) -> PointerSeen | None:
        """Nobody tells how it looks."""
        return None

    def draw_pointer(self, *, is_drawn: bool) -> None:
        """It always is."""

    def pointer_moved(self) -> bool:
        """The compositor draws the pointer, and its picture is new then."""
        return False

    def grab(self, *, whole: bool = False) -> Frame:
        """The present picture; only the changed box is given, or all of it where `whole` or where the size changed."""
        self._read()
        captured_at_ns = self._news_ns or time.monotonic_ns()
        box: Box | None = None
        if self._news_ns or self._picture is None:
            if not self._news_ns and not self.wait(_DEADLINE_S, -1):
                raise CaptureError(f"There has been no picture for {_DEADLINE_S:g} s")
            captured_at_ns = self._news_ns
            box = self._take(self._fetch())
        assert self._picture is not None
        width, height = self._picture.shape[1], self._picture.shape[0]
        box = everything(width, height) if whole else even(box) if box is not None else EMPTY_BOX
        pixels = self._picture.view(np.uint8).reshape(height, width, _PIXEL_BYTES)
        return Frame(pixels[box.y : box.y + box.height, box.x : box.x + box.width], width, height, box, captured_at_ns)

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        self._child.abort()

    def close(self) -> None:
        """Frees everything; idempotent."""
        self._child.close()
        self._picture = None

    def _read(self) -> None:
        """Hears what the child said by itself."""
        while select.select((self._child.fileno(),), (), (), 0)[0]:
            self._hear(*self._child.receive())

    def _hear(self, kind: int, payload: bytes) -> None:
        self._heard_s, self._pinged_s = time.monotonic(), None
        if kind == child.NEWS and len(payload) == child.NEWS_FIELDS.size:
            # Whatever it says, a picture is not of the future.
            self._news_ns = max(1, min(child.NEWS_FIELDS.unpack(payload)[0], time.monotonic_ns()))
        elif kind != child.PONG:
            raise CaptureError(f"PipeWire's picture says something unheard of ({kind})")

    def _ask_whether_it_lives(self) -> None:
        now_s = time.monotonic()
        if self._pinged_s is None and now_s - self._heard_s >= _QUIET_S:
            self._pinged_s = now_s
            self._child.send(child.PING)
        elif self._pinged_s is not None and now_s - self._pinged_s >= _DEADLINE_S:
            raise CaptureError(f"PipeWire's picture has not answered for {_DEADLINE_S:g} s")

    def _fetch(self) -> Any:
        """The newest picture, as it lies in the memory; None where there is none after all."""
        self._news_ns = 0
        self._child.send(child.FETCH)
        while (found := self._child.receive())[0] != child.PICTURE:
            self._hear(*found)
        form = form_of(found[1])
        if form is None:
            return None
        width, height, stride = form
        picture: Any = np.ndarray((height, width), np.uint32, self._memory, strides=(stride, _PIXEL_BYTES))
        return picture[: height & ~1, : width & ~1]  # even, as video has it

    def _take(self, picture: Any) -> Box | None:
        """Copies what is new of it; says where that is."""
        if picture is None:
            if self._picture is None:
                raise CaptureError("PipeWire's picture was promised and is not there")
            return None
        if self._picture is None or self._picture.shape != picture.shape:
            self._picture = picture.copy()
            return everything(picture.shape[1], picture.shape[0])
        box = changed_box(self._picture, picture)
        if box is not None:
            place = np.s_[box.y : box.y + box.height, box.x : box.x + box.width]
            self._picture[place] = picture[place]
        return box
