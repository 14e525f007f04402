"""A minimal X client over a unix socket: fakes input (XTEST) and reads the screen (GetImage).

The bench presses keys at the display server itself, where no code of the thing measured has a part in it, and the
tests read what the server holds before any encoder saw it. Blocking; one thread. Wire format: X Window System Protocol,
X11R7.7, section 8 and appendix B; XTEST Extension Protocol, section 5.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from dillinger_contracts.errors import Unavailable

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION_NOTIFY = 2, 3, 4, 5, 6
X_KEYCODE_OFFSET = 8
"""X's keycodes are evdev's plus this."""
_TIMEOUT_S = 5.0
_COOKIE_NAME = b"MIT-MAGIC-COOKIE-1"


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


class XClient:
    """One connection to a display server; use it as a context manager."""

    def __init__(self, socket_path: Path, *, cookie: bytes | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_TIMEOUT_S)
        try:
            self._socket.connect(str(socket_path))
            self._greet(cookie or b"")
            self._xtest_opcode = self._extension(b"XTEST")
        except OSError as error:
            self.close()
            raise Unavailable(f"No display server answers at {socket_path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Idempotent."""
        self._socket.close()

    def _receive(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise Unavailable("The display server closed the connection")
            data += part
        return bytes(data)

    def _greet(self, cookie: bytes) -> None:
        name = _COOKIE_NAME if cookie else b""
        self._socket.sendall(
            struct.pack("<BxHHHHxx", ord("l"), 11, 0, len(name), len(cookie)) + _padded(name) + _padded(cookie)
        )
        status, reason_length, length = struct.unpack("<BB4xH", self._receive(8))
        body = self._receive(4 * length)
        if status != 1:
            raise Unavailable(f"The display server refused: {body[:reason_length].decode('latin1')}")
        vendor_length, formats = struct.unpack_from("<16xH3xB", body)
        screen = 32 + vendor_length + -vendor_length % 4 + 8 * formats
        (self.root,) = struct.unpack_from("<I", body, screen)

    def _reply(self) -> bytes:
        while True:
            head = self._receive(32)
            if head[0] == 1:
                return head + self._receive(4 * struct.unpack_from("<4xI", head)[0])
            if head[0] == 0:
                raise Unavailable(f"The display server answered with error {head[1]}")

    def _extension(self, name: bytes) -> int:
        self._socket.sendall(struct.pack("<BxHHxx", 98, 2 + (len(name) + 3) // 4, len(name)) + _padded(name))
        is_present, opcode = struct.unpack_from("<8xBB", self._reply())
        if not is_present:
            raise Unavailable(f"The display server has no {name.decode()} extension")
        return int(opcode)

    def _fake(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        self._socket.sendall(
            struct.pack("<BBHBBxxII8xhh7xB", self._xtest_opcode, 2, 9, kind, detail, 0, self.root, x, y, 0)
        )

    def key(self, code: int, *, is_down: bool) -> None:
        """A key by its evdev number; on its way when this returns."""
        self._fake(KEY_PRESS if is_down else KEY_RELEASE, code + X_KEYCODE_OFFSET)

    def button(self, number: int, *, is_down: bool) -> None:
        """A pointer button by X's number."""
        self._fake(BUTTON_PRESS if is_down else BUTTON_RELEASE, number)

    def move(self, x: int, y: int) -> None:
        """The pointer to a place of the desktop."""
        self._fake(MOTION_NOTIFY, 0, x, y)

    def move_by(self, dx: int, dy: int) -> None:
        """The pointer by a step."""
        self._fake(MOTION_NOTIFY, 1, dx, dy)

    def sync(self) -> None:
        """Returns when the server has taken everything sent before."""
        self._socket.sendall(struct.pack("<BxH", 43, 1))
        self._reply()

    def size(self) -> tuple[int, int]:
        """The desktop's present size."""
        self._socket.sendall(struct.pack("<BxHI", 14, 2, self.root))
        width_px, height_px = struct.unpack_from("<16xHH", self._reply())
        return width_px, height_px

    def picture(self) -> tuple[bytes, int, int]:
        """What the desktop shows now: BGRX bytes, width, height."""
        width_px, height_px = self.size()
        self._socket.sendall(struct.pack("<BBHIhhHHI", 73, 2, 5, self.root, 0, 0, width_px, height_px, 0xFFFFFFFF))
        return self._reply()[32:], width_px, height_px
