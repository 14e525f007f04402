"""Mirrors a desktop in a window: damage → grab → paint, and the window's input back, on a thread of its own.

Nothing is copied while nothing changes. The one thread waits for desktop and window at once, so that neither ever
waits for the other's turn; callbacks run on it.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dillinger_contracts.errors import DillingerError, Internal
from dillinger_contracts.input import InputEvent, Move
from dillinger_stream.capture.base import CaptureSource
from dillinger_stream.pacing import TokenBucket

from .base import Closed, HostWindow, Resized, WindowEvent

log = structlog.get_logger()

_STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class MirrorEvents:
    """What the mirror tells, on its thread."""

    input: Callable[[InputEvent], None]
    resized: Callable[[int, int], None]
    closed: Callable[[], None]
    failed: Callable[[DillingerError], None]
    """The last word: a `WindowError`, or what the capture said."""


class Mirror:
    """One desktop in one window. Every method may be called from any thread; only `stop` waits."""

    def __init__(self, window: HostWindow, capture: CaptureSource, events: MirrorEvents, *, rate_hz: float) -> None:
        """Takes both over; they are closed with it."""
        self._window = window
        self._capture = capture
        self._events = events
        self._bucket = TokenBucket(rate_hz)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wake = select.epoll()
        self._wake.register(self._wake_fd, select.EPOLLIN)
        self._wake.register(window.fileno(), select.EPOLLIN)
        self._lock = threading.Lock()
        self._is_stopping = False
        self._is_pointer_moved = False
        self._is_pointer_held = False
        self._was_pointer_held = False
        self._is_damaged = False
        self._is_closed = False
        self.pictures = 0
        """How many were painted."""
        self.size_px = (0, 0)
        """Of the last one."""
        self._thread = threading.Thread(target=self._main, name="mirror", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def pointer_moved(self) -> None:
        """Input may have moved the pointer: the picture follows."""
        self._is_pointer_moved = True
        self._poke()

    def hold_pointer(self, *, is_held: bool) -> None:
        """The game has taken the pointer, or given it back."""
        self._is_pointer_held = is_held
        self._poke()

    def stop(self) -> None:
        """Ends the thread and waits for it, for 2 s at most; idempotent."""
        self._is_stopping = True
        self._poke()
        self._thread.join(_STOP_S / 2)
        if self._thread.is_alive():
            self._capture.abort()
            self._thread.join(_STOP_S / 2)
        with self._lock:
            if not self._is_closed and not self._thread.is_alive():
                self._is_closed = True
                self._wake.close()
                os.close(self._wake_fd)

    def _poke(self) -> None:
        with self._lock:
            if not self._is_closed:
                os.eventfd_write(self._wake_fd, 1)

    def _main(self) -> None:
        try:
            while not self._is_stopping:
                self._step()
        except DillingerError as error:
            if not self._is_stopping:
                self._events.failed(error)
        except Exception as error:  # the thread's supervision point: whatever it was ends the session by name
            log.exception("mirror_broke")
            self._events.failed(Internal(f"The picture on the machine's display broke: {error!r}"))
        finally:
            self._capture.close()
            self._window.close()

    def _step(self) -> None:
        """Waits for one reason to do something, and does it."""
        self._take_wishes()
        self._tell(self._window.read())
        if self._is_stopping:
            return
        if not (self._is_damaged or self._window.is_stale):
            self._is_damaged = self._capture.wait(None, self._wake.fileno())
            return
        if not self._window.is_ready:
            self._wake.poll()
            return
        wait_ns = self._bucket.wait_ns(time.monotonic_ns())
        if wait_ns:
            self._wake.poll(wait_ns / 1e9)
            return
        self._bucket.take(time.monotonic_ns())
        frame = self._capture.grab(whole=self._window.is_stale)
        self._is_damaged = False
        self._window.paint(frame)
        self.pictures += 1
        self.size_px = (frame.width_px, frame.height_px)

    def _take_wishes(self) -> None:
        with self._lock:
            if not self._is_closed:
                try:
                    os.eventfd_read(self._wake_fd)
                except BlockingIOError:
                    return
        if self._is_pointer_moved:
            self._is_pointer_moved = False
            self._is_damaged |= self._capture.pointer_moved()
        if self._is_pointer_held != self._was_pointer_held:
            self._was_pointer_held = self._is_pointer_held
            self._window.hold_pointer(is_held=self._was_pointer_held)

    def _tell(self, happened: list[WindowEvent]) -> None:
        for at, event in enumerate(happened):
            is_outdated = isinstance(event, Move) and at + 1 < len(happened) and isinstance(happened[at + 1], Move)
            match event:
                case Resized(width_px, height_px):
                    self._events.resized(width_px, height_px)
                case Closed():
                    self._events.closed()
                case _ if not is_outdated:
                    self._events.input(event)
