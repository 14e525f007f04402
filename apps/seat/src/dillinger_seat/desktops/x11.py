"""The seat's side of an X11 desktop: its connections to the cell's display server, made before the game starts.

There is no window manager: whatever becomes the main window is fitted to the desktop, or the desktop to it, and the
keyboard goes to the window that came last or was clicked. On the loop; the blocking `Display` lives on one thread of
its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dillinger_contracts.game import DisplayConfiguration, Size
from dillinger_stream.capture.base import CaptureError, CaptureSource
from dillinger_stream.capture.display import Display, Window
from dillinger_stream.capture.windows import largest
from dillinger_stream.capture.x11 import X11Capture
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.clipboard.x11 import X11Clipboard
from dillinger_stream.input.base import InputSink
from dillinger_stream.input.x11 import XTestInput

from .connections import close_each, connected

T = TypeVar("T")

_CLICK_SETTLES_S = 0.05
_FIT_PAUSE_S = 0.1
"""Between two fittings: a game that fights for its own size shall not keep us busy."""


class X11Desktop:
    """What the seat holds of a running X server."""

    def __init__(self, socket_path: str, cookie: bytes, *, on_pointer_moved: Callable[[], None]) -> None:
        self._socket_path = socket_path
        self._cookie = cookie
        self._on_pointer_moved = on_pointer_moved
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="display")
        self._display: Display | None = None
        self._input: XTestInput | None = None
        self._first_capture: X11Capture | None = None
        self._clipboard: X11Clipboard | None = None
        self.on_copied: Callable[[Clip], None] = lambda clip: None
        """A program copied something; called on the loop."""
        self._windows: list[Window] = []
        self._wished = (0, 0)
        """What the desktop measures when no window has a size of its own."""
        self._following_click: asyncio.Future[None] | None = None

    async def connect(self, wanted: DisplayConfiguration) -> None:
        """Connects control, input and capture, and sets the size that the game wants; raises `CaptureError`."""
        loop = asyncio.get_running_loop()
        await self._on_thread(lambda: self._connect(wanted, loop))

    def _connect(self, wanted: DisplayConfiguration, loop: asyncio.AbstractEventLoop) -> None:
        path, cookie = self._socket_path, self._cookie
        self._display = Display(path, auth_cookie=cookie)
        self._display.offer_modes()
        self._wished = (wanted.width_px, wanted.height_px)
        self._display.resize(*self._wished)
        self._display.show_pointer()
        self._input = XTestInput(
            path, auth_cookie=cookie, on_pointer_moved=self._on_pointer_moved, on_pressed=self._on_pressed
        )
        self._first_capture = X11Capture(path, auth_cookie=cookie)
        self._clipboard = X11Clipboard(
            path, auth_cookie=cookie, on_copied=lambda clip: _call(loop, lambda: self.on_copied(clip))
        )

    @property
    def has_windows(self) -> bool:
        """Whether anything shows, as of the last change."""
        return bool(self._windows)

    async def first_window(self) -> None:
        """Returns when a window shows, fitted."""
        await self._settle()
        while not self._windows:
            await self._up().changed()
            await self._settle()

    async def keep_fitted(self) -> None:
        """Fits whatever becomes the main window, until cancelled or the display is gone (which others notice too)."""
        with contextlib.suppress(CaptureError):
            while True:
                await self._settle()
                await asyncio.sleep(_FIT_PAUSE_S)
                await self._up().changed()

    async def _settle(self) -> None:
        self._windows = await self._on_thread(self._look_and_fit)

    def _look_and_fit(self) -> list[Window]:
        """The windows as they were before: one that changed meanwhile is then no longer known, and is fitted again."""
        display = self._up()
        seen = display.windows()
        main = largest(seen)
        if main is not None and (main not in self._windows or display.is_fitting):
            display.fit(main, wished=self._wished)
        display.give_keyboard()
        return seen

    def _on_pressed(self) -> None:
        """A mouse button went down, by a viewer; the input does not wait for what follows."""
        if self._following_click is None or self._following_click.done():
            self._following_click = asyncio.ensure_future(self._follow_clicks())

    async def _follow_clicks(self) -> None:
        """Twice, since the server may answer before it has moved the pointer, asked to on another connection."""
        await self._on_thread(self._follow_click)
        await asyncio.sleep(_CLICK_SETTLES_S)
        await self._on_thread(self._follow_click)

    def _follow_click(self) -> None:
        with contextlib.suppress(CaptureError):
            self._up().give_keyboard_to_clicked()

    async def resize(self, size: Size) -> Size:
        """The desktop takes `size` where its main window is not of a fixed one; the window follows."""
        width_px, height_px = await self._on_thread(lambda: self._resize(size))
        return Size(width_px=width_px, height_px=height_px)

    def _resize(self, size: Size) -> tuple[int, int]:
        display, self._wished = self._up(), (size.width_px, size.height_px)
        main = display.main_window()
        return display.resize(*self._wished) if main is None else display.fit(main, wished=self._wished)

    async def silent_s(self) -> float:
        """For how long the game has not looked at its window's events; raises `CaptureError`."""
        return await self._on_thread(lambda: self._up().silent_s(time.monotonic()))

    async def is_pointer_taken(self) -> bool:
        """Whether the game has taken the pointer for itself; raises `CaptureError`."""
        return await self._on_thread(lambda: self._up().is_pointer_taken())

    def open_capture(self) -> CaptureSource:
        """The capture that was connected before the game, the first time; a new one later."""
        first, self._first_capture = self._first_capture, None
        return first or X11Capture(self._socket_path, auth_cookie=self._cookie)

    def sink(self) -> InputSink:
        """A sink for one peer."""
        return connected(self._input).sink()

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        if self._clipboard is not None:
            loop = asyncio.get_running_loop()
            self._clipboard.give(clip, lambda: _call(loop, on_taken))

    async def close(self) -> None:
        """Closes the seat's connections, after whatever its thread is busy with (a server that hangs: 5 s)."""
        if self._following_click is not None:
            self._following_click.cancel()
        await self._on_thread(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        close_each(self._clipboard, self._input, self._first_capture, self._display)
        self._clipboard = self._input = self._first_capture = self._display = None

    def _up(self) -> Display:
        return connected(self._display)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _call(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to hear it
        loop.call_soon_threadsafe(work)
