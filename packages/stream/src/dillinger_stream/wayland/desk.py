"""The desktop itself: its size, its windows. For the one who starts the compositor.

A connection of its own, apart from capture and input. Made in a thread, since the first questions wait for answers;
from `attach` on it lives on the loop and waits for nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dillinger_stream.errors import CaptureError, RequestRefusedError

from .connection import DEADLINE_S, Proxy, WaylandConnection

_CURRENT = 1
_ATTEMPTS = 3
"""A change of the desktop is cancelled when another came between; thrice in a row it is not."""
_MOST_WINDOWS = 256
_TITLE_CHARACTERS = 256
_HINT = "Use a compositor made with wlroots, such as sway"


@dataclass(slots=True)
class Window:
    """One that shows, or is about to."""

    title: str = ""
    is_told: bool = False
    """Whether the compositor has told all of it once: then it shows."""


class Desk:
    """A compositor with one output."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """Over the socket that `connect` brings; blocks for 5 s at most, then raises `CaptureError`."""
        self._connection = WaylandConnection(connect())
        try:
            connection = self._connection
            self._serial = 0
            self._size = (0, 0)
            self._heads: list[Proxy] = []
            self._windows: dict[int, Window] = {}
            self._answers: list[asyncio.Future[str]] = []
            self._lost: CaptureError | None = None
            connection.bind("wl_output", on=self._on_output)
            self._outputs = connection.bind("zwlr_output_manager_v1", hint=_HINT, on=self._on_outputs)
            connection.bind("zwlr_foreign_toplevel_manager_v1", hint=_HINT, on=self._on_toplevel)
            connection.roundtrip()
        except BaseException:
            self._connection.close()
            raise
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self) -> None:
        """From now on it lives on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection.fileno(), self._on_readable)

    def size(self) -> tuple[int, int]:
        """Width and height of the desktop."""
        return self._size

    def windows(self) -> list[Window]:
        """Those that show, in the order in which they came."""
        return [window for window in self._windows.values() if window.is_told]

    async def changed(self) -> None:
        """Returns when something came, went or changed since the last call; raises `CaptureError`."""
        self._raise_lost()
        await self._news.wait()
        self._news.clear()
        self._raise_lost()

    async def resize(self, width_px: int, height_px: int, *, rate_hz: float) -> tuple[int, int]:
        """Returns what was really set; raises `RequestRefusedError`, or `CaptureError` without a compositor."""
        for _ in range(_ATTEMPTS):
            answer = await self._configure(width_px, height_px, rate_hz)
            if answer == "succeeded":
                return self._size
            if answer == "failed":
                break
        raise RequestRefusedError(f"The compositor refused a desktop of {width_px}x{height_px}")

    async def _configure(self, width_px: int, height_px: int, rate_hz: float) -> str:
        """What the compositor said to it."""
        self._raise_lost()
        if not self._heads:
            raise CaptureError("The compositor has no output")
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        wish = self._outputs.make(
            "create_configuration",
            "zwlr_output_configuration_v1",
            self._serial,
            on=lambda event, _: None if answered.done() else answered.set_result(event),
        )
        head = wish.make("enable_head", "zwlr_output_configuration_head_v1", self._heads[0])
        head.call("set_custom_mode", width_px, height_px, round(rate_hz * 1000))
        wish.call("apply")
        self._connection.flush()
        self._answers.append(answered)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await answered
        except TimeoutError:
            raise CaptureError(f"The compositor has not answered for {DEADLINE_S:g} s") from None
        finally:
            self._answers.remove(answered)
            wish.destroy()

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        self._connection.abort()

    def close(self) -> None:
        """Ends the connection; idempotent."""
        self._detach()
        self._connection.close()

    def _detach(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._connection.fileno())
            self._loop = None

    def _raise_lost(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _on_readable(self) -> None:
        try:
            self._connection.read()
            self._connection.flush()
        except CaptureError as error:
            self._lost = error
            self._detach()
            for answered in [answered for answered in self._answers if not answered.done()]:
                answered.set_exception(error)
        self._news.set()

    def _on_output(self, event: str, arguments: list[Any]) -> None:
        if event == "mode" and arguments[0] & _CURRENT:
            self._size = (arguments[1], arguments[2])

    def _on_outputs(self, event: str, arguments: list[Any]) -> None:
        if event == "head":
            head: Proxy = arguments[0]
            head.on = lambda told, words: self._on_head(head, told, words)
            self._heads.append(head)
        elif event == "done":
            self._serial = arguments[0]

    def _on_head(self, head: Proxy, event: str, arguments: list[Any]) -> None:
        if event == "mode":
            mode: Proxy = arguments[0]
            mode.on = lambda told, _: mode.destroy() if told == "finished" else None
        elif event == "finished":
            self._heads.remove(head)
            head.destroy()

    def _on_toplevel(self, event: str, arguments: list[Any]) -> None:
        if event != "toplevel":
            return
        handle: Proxy = arguments[0]
        if len(self._windows) >= _MOST_WINDOWS:
            handle.destroy()
            return
        window = self._windows[handle.number] = Window()
        handle.on = lambda told, words: self._on_window(handle, window, told, words)

    def _on_window(self, handle: Proxy, window: Window, event: str, arguments: list[Any]) -> None:
        match event:
            case "title":
                window.title = arguments[0][:_TITLE_CHARACTERS]
            case "done":
                window.is_told = True
            case "closed":
                del self._windows[handle.number]
                handle.destroy()
