"""The desktop of a Wayland compositor made with wlroots (sway, labwc, Wayfire, …): captured by wlr-screencopy, played
by a virtual keyboard and pointer, its clipboard shared by wlr-data-control.

GNOME and KDE have none of these: there a desktop is handed out by the portal (`portal.py`). On the loop, where only
connecting waits, in threads. A connection of its own tells when the compositor ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from dillinger_contracts.errors import DillingerError, Invalid, Unsupported
from dillinger_stream.capture.base import CaptureError, CaptureSource
from dillinger_stream.capture.wayland import WaylandCapture
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.clipboard.wayland import WaylandClipboard
from dillinger_stream.input.base import InputSink
from dillinger_stream.input.wayland import WaylandInput
from dillinger_stream.wayland.connection import WaylandConnection, connect

from .end_watch import EndWatch

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_HINT = "Desktops of other kinds are handed out by their portal: --source portal"


def socket_path(name: str, environment: Mapping[str, str]) -> Path:
    """Where the compositor `wayland-1` listens, or one named by its whole path; raises `Invalid`."""
    if name.startswith("/"):
        return Path(name)
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no Wayland display", field="capture.display", hint="It is like wayland-0")
    runtime = environment.get("XDG_RUNTIME_DIR")
    if not runtime:
        raise Invalid(
            f"XDG_RUNTIME_DIR is not set, in which the display {name} is",
            field="capture.display", hint="Name the socket's whole path: --display /run/user/1000/wayland-0",
        )  # fmt: skip
    return Path(runtime) / name


class WaylandSource:
    """One compositor."""

    kind = "wayland"
    question: str | None = None

    def __init__(self, name: str, environment: Mapping[str, str], *, has_clipboard: bool) -> None:
        """Raises `Invalid` for a name that is no display."""
        self._path = socket_path(name, environment)
        self.name = self._path.name
        whole = str(self._path.resolve())
        self.key = f"wayland-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"
        self.on_copied: Callable[[Clip], None] = lambda clip: None
        self.on_pointer_moved: Callable[[], None] = lambda: None
        self.set_keyboard: Callable[[str], Awaitable[None]] | None = self._set_keyboard
        self.shares_clipboard = has_clipboard
        self._watch: WaylandConnection | None = None
        self._input: WaylandInput | None = None
        self._first_capture: WaylandCapture | None = None
        self._clipboard: WaylandClipboard | None = None
        self._end: EndWatch | None = None

    async def connect(self) -> None:
        """Raises `CaptureError` where there is no compositor, `Unsupported` where it can't be captured or played."""
        try:
            self._watch = await asyncio.to_thread(lambda: WaylandConnection(self._dial()))
        except CaptureError as error:
            raise CaptureError(
                f"There is no Wayland compositor at {self._path}, or it refuses: {error.message}",
                hint="Run it as the user of the desktop; `echo $WAYLAND_DISPLAY` in a terminal there tells the name",
            ) from error
        self._end = EndWatch(self.name, self._watch.fileno(), self._look)
        try:
            self._first_capture = await asyncio.to_thread(WaylandCapture, self._dial)
            self._input = await asyncio.to_thread(WaylandInput, self._dial)
            if self.shares_clipboard:
                self._clipboard = await asyncio.to_thread(
                    WaylandClipboard, self._dial, on_copied=lambda clip: self.on_copied(clip)
                )
        except CaptureError as error:
            raise Unsupported(
                f"The desktop of {self.name} can't be streamed: {error.message}", hint=f"{error.hint or _HINT}. {_HINT}"
            ) from error
        if self._clipboard is not None:
            self._clipboard.attach()

    def _dial(self) -> socket.socket:
        return connect(str(self._path))

    def open_capture(self) -> CaptureSource:
        """The capture that was tried at the start, the first time; a new one later."""
        first, self._first_capture = self._first_capture, None
        return first or WaylandCapture(self._dial)

    def sink(self) -> InputSink:
        """For one peer."""
        if self._input is None:
            raise CaptureError(f"The display {self.name} is not connected")
        return self._input.sink()

    async def _set_keyboard(self, layout: str) -> None:
        if self._input is not None:
            self._input.set_layout(layout)

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        if self._clipboard is not None:
            self._clipboard.give(clip, on_taken)

    async def ended(self) -> CaptureError:
        """Returns when the compositor has closed its connections."""
        assert self._end is not None
        return await self._end.ended()

    def _look(self) -> None:
        """The compositor said something that was not asked for, or goodbye."""
        assert self._watch is not None
        self._watch.read()
        self._watch.flush()

    async def close(self) -> None:
        """Closes the connections; idempotent."""
        if self._end is not None:
            self._end.close()
        for held in (self._clipboard, self._input, self._first_capture, self._watch):
            if held is not None:
                with contextlib.suppress(DillingerError):
                    held.close()
        self._clipboard = self._input = self._first_capture = self._watch = None
