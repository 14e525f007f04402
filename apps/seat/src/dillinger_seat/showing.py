"""A session on the machine's own display, instead of a stream: a window there that mirrors the cell's desktop.

The game stays where it is, with its own display and sound servers in its cell; what goes to the machine's display are
the pixels that it drew, and what comes from there is input, by the same ways as a viewer's. On the loop; the mirror has
a thread of its own and reports through `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from dillinger_contracts.errors import DillingerError, Invalid, Unsupported
from dillinger_contracts.game import DisplayConfiguration, Size
from dillinger_contracts.input import InputEvent
from dillinger_contracts.session import HostScreen, SeatSpec, SeatStats, SessionEnd
from dillinger_contracts.stages import StreamTrace
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.program.sources.wayland import socket_path
from dillinger_stream.program.sources.x11 import display_number
from dillinger_stream.program.sources.xauthority import find_cookie
from dillinger_stream.wayland.connection import connect
from dillinger_stream.window.base import WindowError
from dillinger_stream.window.mirror import Mirror, MirrorEvents
from dillinger_stream.window.wayland import WaylandWindow
from dillinger_stream.window.x11 import X11Window

from .host_sound import HostSound

if TYPE_CHECKING:
    from .desktops.base import Desktop
    from .streaming import CellEnds

log = structlog.get_logger()

_POINTER_LOOK_S = 0.25
"""How often the display is asked whether the game has taken the pointer."""
_HINT = "`dillinger doctor` tries it; docs/how-to/play-at-the-machine.md tells how it is allowed"


@dataclass(frozen=True, slots=True)
class ShowingEvents:
    """What it tells its seat, on the loop."""

    peers_changed: Callable[[int], None]
    closed: Callable[[], None]
    """The person who sits there closed the window."""
    screen_lost: Callable[[DillingerError], None]
    picture_failed: Callable[[DillingerError], None]
    silent: Callable[[str], None]


class Showing:
    """One session's window."""

    def __init__(self, spec: SeatSpec, screen: HostScreen, events: ShowingEvents) -> None:
        self._title = spec.session.game.title
        self._display = spec.session.game.display
        self._rate_hz = spec.session.profile.rate_hz
        self._screen = screen
        self._events = events
        self._loop = asyncio.get_running_loop()
        self._window: X11Window | WaylandWindow | None = None
        self._mirror: Mirror | None = None
        self._wanted: Size | None = None
        self._resized = asyncio.Event()
        self._counted = (0, time.monotonic())
        self._sound_fd = -1

    async def connect(self) -> None:
        """Makes the window, which does not show yet; raises `Unsupported` where the display is not to be had."""
        self._window = await asyncio.to_thread(open_window, self._screen, self._title)

    def first_display(self) -> DisplayConfiguration:
        """The desktop to start with: as large as the display that it is to fill."""
        if self._window is None or not (self._display.resizable and self._screen.is_full_screen):
            return self._display
        return self._display.model_copy(update=Size.nearest(*self._window.display_px).model_dump())

    async def open(self, desktop: Desktop, ends: CellEnds) -> None:
        """Shows the desktop; raises `CaptureError` and `WindowError`. `run` has to run beside it. Takes over the
        sound's descriptor, which keeps the pipe while players come and go."""
        assert self._window is not None
        self._sound_fd, window, sink = ends.sound_fd, self._window, desktop.sink()

        def take(event: InputEvent) -> None:
            with contextlib.suppress(DillingerError):  # a display that is gone is told of by others
                sink.handle(event)

        events = MirrorEvents(
            input=lambda event: self._call(take, event),
            resized=lambda width_px, height_px: self._call(self._follow, width_px, height_px),
            closed=lambda: self._call(self._events.closed),
            failed=lambda error: self._call(self._fail, error),
        )
        window.show(self._display.width_px, self._display.height_px)
        capture = await asyncio.to_thread(desktop.open_capture)
        self._window, self._mirror = None, Mirror(window, capture, events, rate_hz=self._rate_hz)
        self._mirror.start()
        if window.layout is not None:
            try:
                await ends.set_keyboard(window.layout)
            except DillingerError as error:
                log.warning("keyboard_layout_left", layout=window.layout, error=error.message)
        self._events.peers_changed(1)

    async def run(self, desktop: Desktop, fifo: Path) -> None:
        """Keeps pointer, size and sound as they are wished, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_pointer(desktop))
            if self._display.resizable:
                group.create_task(self._follow_sizes(desktop))
            sound = HostSound(fifo, self._screen.sound_server)
            group.create_task(sound.keep(on_silent=self._events.silent))

    @property
    def peers(self) -> int:
        """Who sits there counts as one."""
        return int(self._mirror is not None)

    def pointer_moved(self) -> None:
        """The pointer is part of the picture."""
        if self._mirror is not None:
            self._mirror.pointer_moved()

    def notify(self, code: str, message: str, *, hint: str | None = None) -> None:
        """There is no place for words on somebody else's desktop: the log has them."""
        log.warning("notice", code=code, message=message, hint=hint)

    def stats(self) -> SeatStats:
        """Since they were asked for last."""
        pictures, now_s = (self._mirror.pictures if self._mirror else 0), time.monotonic()
        before, before_s = self._counted
        self._counted = (pictures, now_s)
        width_px, height_px = self._mirror.size_px if self._mirror else (0, 0)
        return SeatStats(
            measured_at=datetime.now(UTC),
            peers=self.peers,
            capture_fps=round((pictures - before) / max(now_s - before_s, 1e-3), 1),
            width_px=width_px or None,
            height_px=height_px or None,
        )

    def trace(self) -> StreamTrace:
        """Nothing: no picture travels."""
        return StreamTrace()

    async def interrupt(self, message: str) -> None:
        """The window goes with its seat, and comes back with the next one."""

    async def end(self, end: SessionEnd) -> None:
        """The window goes, and that is seen."""

    async def close(self) -> None:
        """Takes the window away; idempotent."""
        if self._mirror is not None:
            await asyncio.to_thread(self._mirror.stop)
        if self._window is not None:
            self._window.close()
            self._window = None
        if self._sound_fd >= 0:
            os.close(self._sound_fd)
            self._sound_fd = -1

    async def _watch_pointer(self, desktop: Desktop) -> None:
        was_taken = False
        with contextlib.suppress(CaptureError):
            while True:
                await asyncio.sleep(_POINTER_LOOK_S)
                is_taken = await desktop.is_pointer_taken()
                if is_taken != was_taken and self._mirror is not None:
                    was_taken = is_taken
                    self._mirror.hold_pointer(is_held=is_taken)
                    log.info("host_pointer_held" if is_taken else "host_pointer_given_back")

    def _follow(self, width_px: int, height_px: int) -> None:
        self._wanted = Size.nearest(width_px, height_px)
        self._resized.set()

    async def _follow_sizes(self, desktop: Desktop) -> None:
        """A window that is dragged larger has many sizes: the newest counts."""
        with contextlib.suppress(CaptureError):
            while True:
                await self._resized.wait()
                self._resized.clear()
                if self._wanted is not None:
                    await desktop.resize(self._wanted)

    def _fail(self, error: DillingerError) -> None:
        if isinstance(error, WindowError):
            self._events.screen_lost(error)
        else:
            self._events.picture_failed(error)

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to hear it
            self._loop.call_soon_threadsafe(callback, *arguments)


def open_window(screen: HostScreen, title: str) -> X11Window | WaylandWindow:
    """A window there, not shown yet. Blocks for 5 s at most; raises `Unsupported` with what to do about it."""
    try:
        if screen.display.startswith(":"):
            return _x11_window(screen, title)
        path = socket_path(screen.display, os.environ)
        return WaylandWindow(connect(str(path)), title=title, is_full_screen=screen.is_full_screen)
    except (WindowError, CaptureError, Invalid) as error:
        raise Unsupported(
            f"The machine's display {screen.display} can't be used: {error.message}", hint=error.hint or _HINT
        ) from error


def _x11_window(screen: HostScreen, title: str) -> X11Window:
    number = display_number(screen.display)
    authority = {"XAUTHORITY": screen.authority_file} if screen.authority_file else {"HOME": str(Path.home())}
    cookie = find_cookie(number, authority)
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where X servers of this machine listen
    return X11Window(path, auth_cookie=cookie, title=title, is_full_screen=screen.is_full_screen)
