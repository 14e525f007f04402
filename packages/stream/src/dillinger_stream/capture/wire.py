"""The few messages of every frame, packed once and sent as they are: xcffib's own way of building requests and reading
answers takes longer than the server needs to give the picture.

Whatever is read has 32 bytes, which every event and every answer of X11 has, and a region's answer the rectangles for
which libxcb has read the bytes, so nothing a hostile server says can lead past the end. Calls stand inside
`XConnection.translated`. Owned by the connection's thread.
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
_QUERY_POINTER, _DAMAGE_SUBTRACT, _SHM_GET_IMAGE, _FIXES_SET_REGION, _FIXES_FETCH_REGION = 38, 3, 4, 11, 19
_CURSOR_NOTIFY = 1
_CHECKED = 1
"""An error comes as the answer, not as an event."""
_ALL_PLANES = 0xFFFFFFFF
_NUMBERS = 1 << 32
_GET_IMAGE = struct.Struct("=4xIhhHHIB3xII")
_AREA = struct.Struct("=16xhhHH")
_POINTER = struct.Struct("=16xhh")
_IMAGE = struct.Struct("=xB10xI")
_SET_REGION = struct.Struct("=4xIhhHH")
_REGION = struct.Struct("=4xIhhHH")
_RECTANGLE = struct.Struct("=hhHH")


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

    def __init__(self, connection: XConnection, root: int, damage_id: int, region_id: int) -> None:
        """For `root`, whose damage `damage_id` gathers; `region_id` is a region for our own use. The extensions have
        been looked up before."""
        self._connection = connection
        self._root = root
        self._error = ffi.new("xcb_generic_error_t **")
        self._taken_back_at = 0
        self._region_id = region_id
        self._subtract, self._subtract_region, self._subtract_to_region = (
            _Request(xcffib.damage.key, _DAMAGE_SUBTRACT, struct.pack("=4xIII", damage_id, *regions), is_void=True)
            for regions in ((0, 0), (region_id, 0), (0, region_id))
        )
        fixes = xcffib.xfixes.key
        self._set_region = _Request(fixes, _FIXES_SET_REGION, bytes(_SET_REGION.size), is_void=True)
        self._fetch_region = _Request(fixes, _FIXES_FETCH_REGION, struct.pack("=4xI", region_id), is_void=False)
        self._pointer = _Request(None, _QUERY_POINTER, struct.pack("=4xI", root), is_void=False)
        self._image = _Request(xcffib.shm.key, _SHM_GET_IMAGE, bytes(_GET_IMAGE.size), is_void=False)
        first = [
            xcffib.lib.xcb_get_extension_data(connection.raw._conn, key.c_key).first_event
            for key in (xcffib.damage.key, xcffib.xfixes.key, xcffib.randr.key)
        ]
        self.damage_notify, self.screen_change_notify = first[0], first[2]
        self.cursor_notify = first[1] + _CURSOR_NOTIFY

    def take_damage_back(self, box: Box | None) -> None:
        """What was damaged of `box`, or of everything, is damaged no longer; of what is left the server tells anew."""
        if box is None:
            self._taken_back_at = self._send(self._subtract)
        else:
            _SET_REGION.pack_into(self._set_region.bytes, 0, self._region_id, box.x, box.y, box.width, box.height)
            self._send(self._set_region)
            self._taken_back_at = self._send(self._subtract_region)

    def ask_damage(self) -> int:
        """Takes all damage back and asks where it was; for `damage`."""
        self._taken_back_at = self._send(self._subtract_to_region)
        return self._send(self._fetch_region)

    def damage(self, question: int, *, most: int) -> list[Box]:
        """The answer: where it was, or the box around that where it has more than `most` rectangles."""
        head, body = self._whole_answer(question, most * _RECTANGLE.size)
        words, *extents = _REGION.unpack_from(head)
        if words * 4 > most * _RECTANGLE.size:
            return [Box(*extents)]
        return [Box(*found) for found in _RECTANGLE.iter_unpack(body[: words // 2 * _RECTANGLE.size])]

    def is_outdated(self, number: int) -> bool:
        """Whether an event with this number was sent before damage was last taken back: what is left was told anew."""
        return (number - self._taken_back_at) % _NUMBERS >= _NUMBERS // 2

    def ask_pointer(self) -> int:
        """Where the pointer is; for `pointer`."""
        return self._send(self._pointer)

    def pointer(self, question: int) -> tuple[int, int]:
        """The answer: x and y on the desktop."""
        x, y = _POINTER.unpack_from(self._answer(question))
        return x, y

    def ask_image(self, box: Box, segment_id: int, offset_bytes: int) -> int:
        """The pixels of `box`, into a segment; for `image`."""
        _GET_IMAGE.pack_into(
            self._image.bytes, 0, self._root, box.x, box.y, box.width, box.height, _ALL_PLANES,
            xcffib.xproto.ImageFormat.ZPixmap, segment_id, offset_bytes,
        )  # fmt: skip
        return self._send(self._image)

    def image(self, question: int) -> tuple[int, int]:
        """The answer: depth and size in bytes, when the pixels are there."""
        depth, size = _IMAGE.unpack_from(self._answer(question))
        return depth, size

    def event(self) -> tuple[int, bytes, int] | None:
        """The next event's kind, bytes and number, without waiting; errors of requests that nobody asks after have
        kind 0. The number is that of the last request that the server had read by then."""
        raw = self._connection.raw._conn
        event = xcffib.lib.xcb_poll_for_event(raw)
        if event == ffi.NULL:
            if xcffib.lib.xcb_connection_has_error(raw):
                raise CaptureError("The display server is gone")
            return None
        data, number = bytes(ffi.buffer(event, _MESSAGE_BYTES)), event.full_sequence
        xcffib.c_free(event)
        return data[0] & 0x7F, data, number

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
        return self._whole_answer(question, 0)[0]

    def _whole_answer(self, question: int, most_bytes: int) -> tuple[bytes, bytes]:
        """The 32 bytes that each answer has, and up to `most_bytes` of what follows."""
        answer = xcffib.lib.xcb_wait_for_reply(self._connection.raw._conn, question, self._error)
        error = self._error[0]
        if error != ffi.NULL:
            code = error.error_code
            xcffib.c_free(error)
            self._error[0] = ffi.NULL
            raise RequestRefusedError(f"The display server refused a request with error {code}")
        if answer == ffi.NULL:
            raise CaptureError("The display server is gone")
        head, body = bytes(ffi.buffer(answer, _MESSAGE_BYTES)), b""
        if most_bytes:
            following_bytes = 4 * _REGION.unpack_from(head)[0]  # libxcb has read as many
            body = bytes(ffi.buffer(answer, _MESSAGE_BYTES + min(following_bytes, most_bytes)))[_MESSAGE_BYTES:]
        xcffib.c_free(answer)
        return head, body
