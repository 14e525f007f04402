"""The desktop itself: its size, its pointer, its windows. For the one who starts the display server.

A connection of its own, apart from capture and input. The calls take well under a millisecond, but a server that
does not answer holds them for 5 s, so `asyncio.to_thread` is the way to call them; a lock makes that safe.
"""

from __future__ import annotations

import asyncio
import threading
import time

import xcffib.xfixes
import xcffib.xproto

from .focus import Focus
from .pings import Pings
from .pointer import fetch_pointer_image
from .randr import Resizer
from .windows import Window, Windows, largest
from .xconnection import XConnection

__all__ = ["Display", "Window"]

_LOOK_AGAIN_S = 1.0
_NOTICES_S = 5.0
"""Windows programs that are busy starting take a while to notice that their window was moved."""
_ARROW = 68
"""XC_left_ptr in the server's font `cursor`; its mask is the next glyph."""
_ANY_BUTTON = 0x1F00
"""Button1Mask to Button5Mask."""


class Display:
    """One X screen."""

    def __init__(self, socket_path: str, *, auth_cookie: bytes | None = None) -> None:
        """Connects; blocks for 5 s at most, then raises `CaptureError`."""
        self._lock = threading.Lock()
        self._connection = XConnection(socket_path, auth_cookie=auth_cookie)
        try:
            with self._connection.translated("described its screens in a way that can't be read"):
                self._root = int(self._connection.raw.setup.roots[0].root)
            self._resizer = Resizer(self._connection, self._root)
            self._windows = Windows(self._connection, self._root)
            self._focus = Focus(self._connection, self._root)
            self._pings = Pings(self._connection, self._root)
            self._fixes = self._connection.extension(xcffib.xfixes.key, "XFIXES")
            self._connection.reply(self._fixes.QueryVersion(5, 0))
            self._connection.flush()
        except BaseException:
            self._connection.close()
            raise
        self._is_changed = False
        self._was_pointer_taken = False
        self._asked = (0, (0, 0))
        """The window that was fitted last, and to which size."""
        self._moved: tuple[int, float] | None = None
        """A window whose program is to notice first that it was put into the corner, and until when that is awaited."""
        self.is_fitting = False
        """Whether `fit` has to be called once more, when something changed."""

    def size(self) -> tuple[int, int]:
        """Width and height of the desktop."""
        with self._lock:
            return self._resizer.size()

    def resize(self, width_px: int, height_px: int, *, rate_hz: float = 60.0) -> tuple[int, int]:
        """To an even size within the server's limits (its first size, with Xvfb); returns what was really set."""
        with self._lock:
            return self._resizer.resize(width_px, height_px, rate_hz)

    def offer_modes(self) -> None:
        """Lets games choose among the sizes that screens have; for a server that is ours and knows one only."""
        with self._lock:
            self._resizer.offer()

    def show_pointer(self) -> None:
        """Gives the desktop an arrow, which windows that set no pointer of their own inherit; Xvfb has none."""
        with self._lock, self._connection.translated("refused the arrow"):
            core = self._connection.raw.core
            font, cursor = self._connection.raw.generate_id(), self._connection.raw.generate_id()
            core.OpenFont(font, len("cursor"), "cursor")
            black, white = (0, 0, 0), (0xFFFF, 0xFFFF, 0xFFFF)
            core.CreateGlyphCursor(cursor, font, font, _ARROW, _ARROW + 1, *black, *white)
            request = core.ChangeWindowAttributes(self._root, xcffib.xproto.CW.Cursor, [cursor], is_checked=True)
            self._connection.check(request)
            core.FreeCursor(cursor)
            core.CloseFont(font)
            self._connection.raw.flush()

    def is_pointer_taken(self) -> bool:
        """Whether a client hides the pointer and has grabbed it, as a shooter does; raises `CaptureError`.

        X11 tells nobody of grabs, so one is tried, and only while the pointer is hidden and no button is down (a held
        button is a grab of its own). A program that shows its own pointer, or grabs for a menu, has not taken it.
        """
        with self._lock:
            if fetch_pointer_image(self._connection, self._fixes).is_visible:
                return False
            with self._connection.translated("can't be asked for the pointer"):
                core = self._connection.raw.core
                where = core.QueryPointer(self._root)
            if self._connection.reply(where).mask & _ANY_BUTTON:
                return self._was_pointer_taken
            with self._connection.translated("can't be asked for the pointer"):
                core.GrabServer()  # in one go: the game must never find its pointer held by us
                grab = core.GrabPointer(
                    False, self._root, 0, xcffib.xproto.GrabMode.Async, xcffib.xproto.GrabMode.Async, 0, 0, 0
                )
                core.UngrabPointer(0)
                core.UngrabServer()
            is_free = self._connection.reply(grab).status == xcffib.xproto.GrabStatus.Success
            self._was_pointer_taken = not is_free
            return self._was_pointer_taken

    def windows(self) -> list[Window]:
        """The mapped top-level windows that show something, lowest first."""
        with self._lock:
            self._read_events()
            return self._windows.all()

    def main_window(self) -> Window | None:
        """The largest of them, the upper one of equals; a dialog only where there is nothing else."""
        return largest(self.windows())

    def fit(self, window: Window, *, wished: tuple[int, int] | None = None, rate_hz: float = 60.0) -> tuple[int, int]:
        """Makes window and desktop one; returns the desktop's size.

        The desktop has the `wished` size (else the one that it has), which a window is asked to take. The desktop takes
        the window's where that has only one size, or was asked already and has another (a game that keeps its
        proportions): call it again whenever windows changed, and as long as `is_fitting`. A size that a game has set,
        and that its window fills, stays.
        """
        own = (window.width_px, window.height_px)
        with self._lock:
            size = self._resizer.size()
            is_set_by_game = self._resizer.is_a_game_s and own == size
            wish = size if wished is None or is_set_by_game else self._resizer.possible(*wished)
            self.is_fitting = False
            has_refused = self._asked == (window.window_id, wish) and own != wish
            if window.is_fixed_size or window.is_unmanaged or has_refused:
                if not self._knows_corner(window):
                    return size
                size = self._resizer.resize(*own, rate_hz=rate_hz)
                self._windows.place(window, *own)
            else:
                size = self._resizer.resize(*wish, rate_hz=rate_hz)
                self._windows.place(window, *size)
            self._asked = (window.window_id, wish)
            return size

    def _knows_corner(self, window: Window) -> bool:
        """Whether the window is in the corner and its program knows, before the desktop becomes as small as that.

        Wine draws a window as far as the screen goes, and does not draw what comes into it later: one that believes to
        be elsewhere on a small screen lacks its lower edge for good.
        """
        if not window.is_unmanaged and (window.x, window.y) != (0, 0) and self._windows.is_of_windows(window):
            self._windows.place(window, window.width_px, window.height_px)
            is_asked = self._pings.ask(window.window_id)
            self._moved = (window.window_id, time.monotonic() + _NOTICES_S) if is_asked else None
        elif self._moved is not None and self._moved[0] != window.window_id:
            self._moved = None
        self._has_noticed()
        self.is_fitting = self._moved is not None
        return not self.is_fitting

    def _has_noticed(self) -> bool:
        """Whether what was awaited has come, or would take too long; true once."""
        if self._moved is None or not (self._pings.is_answered or time.monotonic() >= self._moved[1]):
            return False
        self._moved = None
        return True

    def silent_s(self, now_s: float) -> float:
        """For how long the main window's program has not looked at its events, as of `now_s` of any one clock; call it
        every few seconds. 0 for one that can't be asked."""
        with self._lock:
            main = largest(self._windows.all())
            self._read_events()  # an answer that was given by now counts
            return 0.0 if main is None else self._pings.send(main.window_id, now_s)

    def give_keyboard(self) -> None:
        """To the window that came last, or back to the one before where that went; for whenever windows changed."""
        with self._lock:
            self._read_events()
            self._focus.follow(self._windows.all())

    def give_keyboard_to_clicked(self) -> None:
        """To the window under the pointer, unless it is a menu or wants no keys; for after a click."""
        with self._lock:
            self._focus.follow_click(self._windows.all())

    async def changed(self) -> None:
        """Returns when a window came, went, moved, changed its size or what it says of it since the last call."""
        loop = asyncio.get_running_loop()
        while not await asyncio.to_thread(self._take_change):
            readable = asyncio.Event()
            loop.add_reader(self._connection.fileno(), readable.set)
            try:
                async with asyncio.timeout(_LOOK_AGAIN_S):
                    await readable.wait()
            except TimeoutError:
                pass  # another call may have read the event meanwhile: look
            finally:
                loop.remove_reader(self._connection.fileno())

    async def first_window(self, *, timeout_s: float) -> Window:
        """The main window, as soon as there is one; raises `TimeoutError`, or `CaptureError` without a server."""
        async with asyncio.timeout(timeout_s):
            while (window := await asyncio.to_thread(self.main_window)) is None:
                await self.changed()
        return window

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        self._connection.abort()

    def close(self) -> None:
        """Ends the connection; idempotent."""
        self._connection.abort()
        with self._lock:
            self._connection.close()

    def _take_change(self) -> bool:
        with self._lock:
            self._read_events()
            taken, self._is_changed = self._is_changed, False
            return self._has_noticed() or taken

    def _read_events(self) -> None:
        for event in self._connection.events():
            self._pings.take(event)
            if self._windows.is_change(event):
                self._is_changed = True
