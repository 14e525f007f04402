"""The seat's side of a Wayland desktop: its connections to the cell's compositor, made before the game starts.

The compositor is a window manager too, so nothing is fitted or focused here. It tells nobody whether a program has
taken the pointer, or looks at its events. On the loop, where only connecting waits, in a thread.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.game import DisplayConfiguration, Size
from dillinger_stream.capture.base import CaptureError, CaptureSource
from dillinger_stream.capture.wayland import WaylandCapture
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.clipboard.wayland import WaylandClipboard
from dillinger_stream.input.base import InputSink
from dillinger_stream.input.wayland import WaylandInput
from dillinger_stream.wayland.connection import DEADLINE_S
from dillinger_stream.wayland.desk import Desk

from .connections import close_each, connected


class WaylandDesktop:
    """What the seat holds of a running compositor."""

    def __init__(self, connect: Callable[[], Coroutine[Any, Any, socket.socket]], *, rate_hz: float) -> None:
        """`connect` brings a new connection to the compositor."""
        self._connect = connect
        self._rate_hz = rate_hz
        self._loop = asyncio.get_running_loop()
        self._desk: Desk | None = None
        self._input: WaylandInput | None = None
        self._first_capture: WaylandCapture | None = None
        self._clipboard: WaylandClipboard | None = None
        self.on_copied: Callable[[Clip], None] = lambda clip: None
        """A program copied something; called on the loop."""

    async def connect(self, wanted: DisplayConfiguration) -> None:
        """Connects control, input, capture and clipboard, and sets the size that the game wants; raises
        `CaptureError`."""
        self._desk = await asyncio.to_thread(Desk, self._dial)
        self._desk.attach()
        await self.resize(Size(width_px=wanted.width_px, height_px=wanted.height_px))
        self._input = await asyncio.to_thread(WaylandInput, self._dial)
        self._first_capture = await asyncio.to_thread(WaylandCapture, self._dial)
        self._clipboard = await asyncio.to_thread(
            WaylandClipboard, self._dial, on_copied=lambda clip: self.on_copied(clip)
        )
        self._clipboard.attach()

    def _dial(self) -> socket.socket:
        """On another thread than the loop's."""
        dialling = asyncio.run_coroutine_threadsafe(self._connect(), self._loop)
        try:
            return dialling.result(DEADLINE_S)
        except (TimeoutError, Unavailable) as error:
            dialling.cancel()
            raise CaptureError(f"The compositor can't be reached: {error}") from error

    @property
    def has_windows(self) -> bool:
        """Whether anything shows."""
        return self._desk is not None and bool(self._desk.windows())

    async def first_window(self) -> None:
        """Returns when a window shows."""
        while not self._up().windows():
            await self._up().changed()

    async def keep_fitted(self) -> None:
        """The compositor does."""

    async def resize(self, size: Size) -> Size:
        """The desktop takes `size`, and so does the window."""
        width_px, height_px = await self._up().resize(size.width_px, size.height_px, rate_hz=self._rate_hz)
        return Size(width_px=width_px, height_px=height_px)

    def set_layout(self, layout: str) -> None:
        """Of the keyboard; raises `Unsupported` or `Unavailable`, and leaves it as it was."""
        if self._input is not None:
            self._input.set_layout(layout)

    async def silent_s(self) -> float:
        """Can't be told."""
        return 0.0

    async def is_pointer_taken(self) -> bool:
        """Can't be told: who plays takes it by the page's own button."""
        return False

    def open_capture(self) -> CaptureSource:
        """The capture that was connected before the game, the first time; a new one later."""
        first, self._first_capture = self._first_capture, None
        return first or WaylandCapture(self._dial)

    def sink(self) -> InputSink:
        """A sink for one peer."""
        return connected(self._input).sink()

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        if self._clipboard is not None:
            self._clipboard.give(clip, on_taken)

    async def close(self) -> None:
        """Closes the seat's connections."""
        close_each(self._clipboard, self._input, self._first_capture, self._desk)
        self._clipboard = self._input = self._first_capture = self._desk = None

    def _up(self) -> Desk:
        return connected(self._desk)
