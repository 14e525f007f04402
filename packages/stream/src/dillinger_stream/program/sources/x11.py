"""An X11 display of this machine: captured by XDamage, played by XTEST, its clipboard shared.

Its windows, focus and size are its window manager's; nothing is resized or moved here. On the loop; what blocks is
done in threads. A connection of its own tells when the server ends, also while nobody watches and nothing is captured.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping

from dillinger_contracts.errors import DillingerError, Invalid, Unsupported
from dillinger_stream.capture.base import CaptureError, CaptureSource
from dillinger_stream.capture.x11 import X11Capture
from dillinger_stream.capture.xconnection import XConnection
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.clipboard.x11 import X11Clipboard
from dillinger_stream.input.base import InputSink
from dillinger_stream.input.x11 import XTestInput

from .end_watch import EndWatch
from .xauthority import authority_file, find_cookie

_LOCAL = re.compile(r"(?:unix/?)?:([0-9]{1,5})(?:\.([0-9]{1,3}))?", re.ASCII)
_REMOTE = re.compile(r"[^:]*[^:/]:[0-9]{1,5}(\.[0-9]{1,3})?", re.ASCII)


def display_number(name: str) -> int:
    """The number in `:1`, `:1.0` or `unix:1`; raises `Invalid`, and `Unsupported` for a display elsewhere."""
    if found := _LOCAL.fullmatch(name):
        if int(found[2] or 0) != 0:
            raise Unsupported(f"{name} is the screen {found[2]} of its display, and only the first can be streamed")
        return int(found[1])
    if _REMOTE.fullmatch(name):
        raise Unsupported(
            f"The display {name} is reached over a network, where its pictures can't be shared by memory",
            hint="Run dillinger-stream on the machine that the display belongs to",
        )
    raise Invalid(f"{name!r} is no X11 display", field="capture.display", hint="It is like :0; `echo $DISPLAY` tells")


def display_name(name: str) -> str:
    """`:1` for whatever `display_number` takes."""
    return f":{display_number(name)}"


class X11Source:
    """One display."""

    kind = "x11"
    question: str | None = None

    def __init__(self, name: str, environment: Mapping[str, str], *, has_clipboard: bool) -> None:
        """Raises `Invalid` or `Unsupported` for a name that is no display of this machine."""
        number = display_number(name)
        self.name, self.key = display_name(name), f"x11-{number}"
        self.on_copied: Callable[[Clip], None] = lambda clip: None
        self.on_pointer_moved: Callable[[], None] = lambda: None
        self.set_keyboard: Callable[[str], Awaitable[None]] | None = None
        self._number = number
        self._environment = environment
        self._socket_path = f"/tmp/.X11-unix/X{number}"  # noqa: S108 - where X servers of this machine listen
        self.shares_clipboard = has_clipboard
        self._cookie: bytes | None = None
        self._watch: XConnection | None = None
        self._input: XTestInput | None = None
        self._clipboard: X11Clipboard | None = None
        self._end: EndWatch | None = None

    async def connect(self) -> None:
        """Raises `CaptureError` where there is no such display, or it refuses."""
        await asyncio.to_thread(self._connect, asyncio.get_running_loop())
        assert self._watch is not None
        self._end = EndWatch(self.name, self._watch.fileno(), self._look)

    def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        self._cookie = cookie = find_cookie(self._number, self._environment)
        path = self._socket_path
        try:
            self._watch = XConnection(path, auth_cookie=cookie)
            self._input = XTestInput(path, auth_cookie=cookie, on_pointer_moved=lambda: self.on_pointer_moved())
            if self.shares_clipboard:
                self._clipboard = X11Clipboard(
                    path, auth_cookie=cookie, on_copied=lambda clip: _call(loop, lambda: self.on_copied(clip))
                )
        except CaptureError as error:
            self._close()
            raise self._told(error) from error

    def _told(self, error: CaptureError) -> CaptureError:
        """What went wrong, in the words of who sits before that display."""
        if isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError):
            return CaptureError(
                f"There is no X11 display {self.name} on this machine",
                hint="`ls /tmp/.X11-unix` tells which there are; name one with --display",
            )
        if isinstance(error.__cause__, PermissionError):
            return CaptureError(f"You may not connect to the display {self.name}", hint="Run it as its user")
        if self._watch is None:
            file = authority_file(self._environment)
            has = "refuses the cookie" if self._cookie else "wants a cookie, and there is none"
            return CaptureError(
                f"The display {self.name} {has} in {file}",
                hint="Run it as the user of the desktop, with XAUTHORITY as in a terminal of that desktop",
            )
        return CaptureError(f"The display {self.name} can't be streamed: {error.message}", hint=error.hint)

    def open_capture(self) -> CaptureSource:
        """A new source of its pixels; raises `CaptureError`."""
        return X11Capture(self._socket_path, auth_cookie=self._cookie)

    def sink(self) -> InputSink:
        """For one peer."""
        if self._input is None:
            raise CaptureError(f"The display {self.name} is not connected")
        return self._input.sink()

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        if self._clipboard is not None:
            loop = asyncio.get_running_loop()
            self._clipboard.give(clip, lambda: _call(loop, on_taken))

    async def ended(self) -> CaptureError:
        """Returns when the server has closed its connections."""
        assert self._end is not None
        return await self._end.ended()

    def _look(self) -> None:
        """The server said something that was not asked for: a new keyboard map, or goodbye."""
        assert self._watch is not None
        self._watch.events()

    async def close(self) -> None:
        """Closes the connections; idempotent."""
        if self._end is not None:
            self._end.close()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        held, self._watch, self._input, self._clipboard = (self._clipboard, self._input, self._watch), None, None, None
        for part in held:
            if part is not None:
                with contextlib.suppress(DillingerError):
                    part.close()


def _call(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to hear it
        loop.call_soon_threadsafe(work)
