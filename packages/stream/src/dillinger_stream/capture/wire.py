"""The few messages of every frame, packed once and sent as they are: xcffib's own way of building requests and reading
answers takes longer than the server needs to give the picture.

Whatever is read has 32 bytes, which every event and every answer of X11 has, so nothing a hostile server says can lead
past the end. Calls stand inside `XConnection.translated`. Owned by the connection's thread.
X Window System Protocol (GetImage's kin, QueryPointer); MIT-SHM, DAMAGE, XFIXES and RANDR extension protocols.
"""

from __future__ import annotations

import struct
from typing import Any

import xcffib
import xcffib.damage
import xcffib.randr
import xcffib.shm
import xcffib.xfixes
import xcffib.xproto
from xcffib.ffi import ffi

from dillinger_contracts.media import Box

from .base import CaptureError, RequestRefusedError
from .xconnection import XConnection

_MESSAGE_BYTES = 32
_QUERY_POINTER, _DAMAGE_SUBTRACT, _SHM_GET_IMAGE = 38, 3, 4
_CURSOR_NOTIFY = 1
_CHECKED = 1
"""An error comes as the answer, not as an event."""
_ALL_PLANES = 0xFFFFFFFF
_GET_IMAGE = struct.Struct("=4xIhhHHIB3xII")
_AREA = struct.Struct("=16xhhHH")
_POINTER = struct.Struct("=16xhh")
_IMAGE = struct.Struct("=xB10xI")


class _Request:
    """One request, whose bytes stay where they are."""

    def __init__(self, key: Any, opcode: int, data: bytes, *, is_void: bool) -> None:
        self._data = ffi.new("char[]", data)
        self.bytes = ffi.buffer(self._data, len(data))
        self._parts = ffi.new("struct iovec[4]")  # libxcb uses the two before the first
        self.head = ffi.new("xcb_protocol_request_t *")
        self.head.count, self.head.opcode, self.head.isvoid = 2, opcode, is_void
        self.head.ext = key.c_key if key is not None else ffi.NULL

    def vector(self) -> Any:
        """For libxcb, which eats it."""
        part = self._parts[2]
        part.iov_base, part.iov_len = self._data, len(self.bytes)
        return self._parts + 2


class Wire:
    """Requests go out with the next answer that is waited for."""

    def __init__(self, connection: XConnection, root: int, damage_id: int) -> None:
        """For `root`, whose damage `damage_id` gathers; the extensions have been looked up before."""
        self._connection = connection
        self._root = root
        self._error = ffi.new("xcb_generic_error_t **")
        self._subtract = _Request(
            xcffib.damage.key, _DAMAGE_SUBTRACT, struct.pack("=4xIII", damage_id, 0, 0), is_void=True
        )
        self._pointer = _Request(None, _QUERY_POINTER, struct.pack("=4xI", root), is_void=False)
        self._image = _Request(xcffib.shm.key, _SHM_GET_IMAGE, bytes(_GET_IMAGE.size), is_void=False)
        first = [
            xcffib.lib.xcb_get_extension_data(connection.raw._conn, key.c_key).first_event
            for key in (xcffib.damage.key, xcffib.xfixes.key, xcffib.randr.key)
        ]
        self.damage_notify, self.screen_change_notify = first[0], first[2]
        self.cursor_notify = first[1] + _CURSOR_NOTIFY

    def take_damage_back(self) -> None:
        """What was damaged is damaged no longer."""
        self._send(self._subtract)

    def ask_pointer(self) -> int:
        """Where the pointer is; for `pointer`."""
        return self._send(self._pointer)

    def pointer(self, question: int) -> tuple[int, int]:
        """The answer: x and y on the desktop."""
        x, y = _POINTER.unpack_from(self._answer(question))
        return x, y

    def ask_image(self, box: Box, segment_id: int) -> int:
        """The pixels of `box`, into a segment; for `image`."""
        _GET_IMAGE.pack_into(
            self._image.bytes, 0, self._root, box.x, box.y, box.width, box.height, _ALL_PLANES,
            xcffib.xproto.ImageFormat.ZPixmap, segment_id, 0,
        )  # fmt: skip
        return self._send(self._image)

    def image(self, question: int) -> tuple[int, int]:
        """The answer: depth and size in bytes, when the pixels are there."""
        depth, size = _IMAGE.unpack_from(self._answer(question))
        return depth, size

    def event(self) -> tuple[int, bytes] | None:
        """The next event's kind and bytes, without waiting; errors of requests that nobody asks after have kind 0."""
        raw = self._connection.raw._conn
        event = xcffib.lib.xcb_poll_for_event(raw)
        if event == ffi.NULL:
            if xcffib.lib.xcb_connection_has_error(raw):
                raise CaptureError("The display server is gone")
            return None
        data = bytes(ffi.buffer(event, _MESSAGE_BYTES))
        xcffib.c_free(event)
        return data[0] & 0x7F, data

    @staticmethod
    def area(event: bytes) -> Box:
        """What a damage event says is damaged."""
        return Box(*_AREA.unpack_from(event))

    def _send(self, request: _Request) -> int:
        raw, flags = self._connection.raw._conn, 0 if request.head.isvoid else _CHECKED
        sequence: int = xcffib.lib.xcb_send_request(raw, flags, request.vector(), request.head)
        if not sequence:
            raise CaptureError("The display server is gone")
        return sequence

    def _answer(self, question: int) -> bytes:
        answer = xcffib.lib.xcb_wait_for_reply(self._connection.raw._conn, question, self._error)
        error = self._error[0]
        if error != ffi.NULL:
            code = error.error_code
            xcffib.c_free(error)
            self._error[0] = ffi.NULL
            raise RequestRefusedError(f"The display server refused a request with error {code}")
        if answer == ffi.NULL:
            raise CaptureError("The display server is gone")
        data = bytes(ffi.buffer(answer, _MESSAGE_BYTES))
        xcffib.c_free(answer)
        return data
