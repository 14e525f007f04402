"""One client connection to a display server that is not trusted: it lives in the cell.

Every fault, and everything a hostile server could answer that xcffib can't read, becomes `CaptureError`. libxcb
waits for ever for a server that stops in the middle of a sentence, so a watchdog hangs up after 5 s, and `abort`
does so at once, from any thread. No extension with events of variable length (XInput 2, Present) is ever imported,
since xcffib would read past their end.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import xcffib
import xcffib.xproto

from .base import CaptureError, RequestRefusedError
from .shm import connect_to_fd

DEADLINE_S = 5.0
_MOST_EVENTS = 4096
"""At one go, so that a server that floods us can't hold the thread."""
_UNREADABLE = (xcffib.XcffibException, struct.error, LookupError, ValueError, TypeError, AssertionError, MemoryError)


class _Watchdog:
    """Calls `hang_up` when a wait lasts longer than the deadline.

    Its thread looks five times per deadline while there is traffic, and ends when there is none: idle costs
    nothing, and watching costs two assignments.
    """

    def __init__(self, hang_up: Callable[[], None]) -> None:
        self._hang_up = hang_up
        self._lock = threading.Lock()
        self._is_running = False
        self._waiting_since: float | None = None
        self._waits = 0

    def __enter__(self) -> None:
        self._waiting_since = time.monotonic()
        self._waits += 1
        with self._lock:
            is_running, self._is_running = self._is_running, True
        if not is_running:
            threading.Thread(target=self._run, name="x11-watchdog", daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._waiting_since = None

    def _run(self) -> None:
        quiet_rounds, seen = 0, -1
        while True:
            time.sleep(DEADLINE_S / 5)
            since = self._waiting_since
            if since is not None and time.monotonic() - since > DEADLINE_S:
                self._hang_up()
            quiet_rounds = quiet_rounds + 1 if since is None and self._waits == seen else 0
            seen = self._waits
            with self._lock:
                if quiet_rounds > 5 and self._waiting_since is None:
                    self._is_running = False
                    return


class _Translation:
    """What xcffib raises inside becomes a `CaptureError`, and a watchdog looks on.

    A class, since each picture has four of them and a generator takes thrice the time.
    """

    def __init__(self, watchdog: _Watchdog, socket_path: str, what: str) -> None:
        self._watchdog, self._socket_path, self._what = watchdog, socket_path, what

    def __enter__(self) -> None:
        self._watchdog.__enter__()

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        self._watchdog.__exit__()
        if isinstance(error, xcffib.Error):
            raise RequestRefusedError(f"The display server {self._what}: {type(error).__name__}") from error
        if isinstance(error, _UNREADABLE):
            raise CaptureError(f"The display server at {self._socket_path} {self._what}: {error!r}") from error


class XConnection:
    """Owned by one thread; `abort` alone may come from another."""

    def __init__(self, socket_path: str, *, auth_cookie: bytes | None = None) -> None:
        """Connects; raises `CaptureError` when nobody listens, or answers within about 5 s."""
        self.socket_path = socket_path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._watchdog = _Watchdog(self.abort)
        self._raw: Any = None
        self._poll_out = select.poll()
        try:
            self._socket.settimeout(DEADLINE_S)
            self._socket.connect(socket_path)
            self._socket.setblocking(False)
            self._poll_out.register(self._socket, select.POLLOUT)
            with self.translated("refused the connection"):
                self._raw = connect_to_fd(os.dup(self._socket.fileno()), auth_cookie)
        except OSError as error:
            self._socket.close()
            raise CaptureError(f"The display at {socket_path} can't be reached: {error}") from error
        except BaseException:
            self._socket.close()
            raise

    @property
    def raw(self) -> Any:
        """xcffib's connection; use it inside `translated` only."""
        if self._raw is None:
            raise CaptureError(f"The connection to the display at {self.socket_path} is closed")
        return self._raw

    def translated(self, what: str) -> _Translation:
        """Turns what xcffib raises into `CaptureError`, and a wait without end too."""
        return _Translation(self._watchdog, self.socket_path, what)

    def fileno(self) -> int:
        """Readable when the server said something."""
        return self._socket.fileno()

    def extension(self, key: Any, name: str) -> Any:
        """The extension's requests; raises `CaptureError` when the server lacks it."""
        with self.translated(f"lacks the extension {name}"):
            return self.raw(key)

    def reply(self, cookie: Any) -> Any:
        """The answer to a request."""
        with self.translated("gave no answer that can be used"):
            return cookie.reply()

    def check(self, cookie: Any) -> None:
        """Waits until the server did what was asked; raises `RequestRefusedError` when it did not."""
        with self.translated("refused a request"):
            cookie.check()

    def flush(self) -> None:
        """Sends what waits to be sent."""
        with self.translated("is gone"):
            self.raw.flush()

    def is_writable(self) -> bool:
        """Whether a few kilobytes can be sent without waiting; raises `CaptureError` when the server is gone."""
        ready = self._poll_out.poll(0)
        if ready and ready[0][1] & (select.POLLERR | select.POLLHUP):
            raise CaptureError(f"The display server at {self.socket_path} is gone")
        return bool(ready)

    def events(self) -> list[Any]:
        """What the server said since the last call, without waiting; errors of unchecked requests are left out."""
        found: list[Any] = []
        with self.translated("sent what can't be read"):
            for _ in range(_MOST_EVENTS):
                try:
                    event = self.raw.poll_for_event()
                except xcffib.Error:
                    continue
                if event is None:
                    break
                found.append(event)
        return found

    def abort(self) -> None:
        """Ends every wait on this connection with an error; from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the connection; idempotent."""
        if self._raw is not None:
            self._raw.disconnect()
            self._raw = None
        self._socket.close()
