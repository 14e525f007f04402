"""Where WebSocket frames begin in a stream of bytes that is passed on unread (RFC 6455, section 5.2). Pure."""

from __future__ import annotations

from websockets.frames import Close, Frame, Opcode

_IS_FINAL, _OPCODE, _IS_MASKED, _LENGTH = 0x80, 0x0F, 0x80, 0x7F
_LENGTH_BYTES = {126: 2, 127: 8}
_MASK_BYTES = 4
_FIRST_CONTROL_OPCODE = 8


class TooLongError(Exception):
    """A message is longer than may pass."""


class FrameMeter:
    """Follows one direction; it keeps no more than the start of a header."""

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes` may one message have."""
        self._most_bytes = most_bytes
        self._head = bytearray()
        self._left = 0
        self._message_bytes = 0
        self.messages = 0
        """Whole ones so far, without pings, pongs and closes."""
        self.bytes = 0
        """All that passed, headers too."""
        self.has_close = False
        """Whether a close frame has begun to pass."""

    @property
    def is_between(self) -> bool:
        """Whether the last frame is whole, so that another may follow."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> None:
        """Follows what passes next; raises `TooLongError`."""
        at, end = 0, len(data)
        self.bytes += end
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            self._head.append(data[at])
            at += 1
            if self._is_head_whole():
                self._begin()

    def _is_head_whole(self) -> bool:
        head = self._head
        if len(head) < 2:
            return False
        wanted = 2 + _LENGTH_BYTES.get(head[1] & _LENGTH, 0) + (_MASK_BYTES if head[1] & _IS_MASKED else 0)
        return len(head) == wanted

    def _begin(self) -> None:
        head = self._head
        short = head[1] & _LENGTH
        self._left = int.from_bytes(head[2 : 2 + _LENGTH_BYTES[short]]) if short in _LENGTH_BYTES else short
        opcode, is_final = head[0] & _OPCODE, bool(head[0] & _IS_FINAL)
        head.clear()
        if opcode >= _FIRST_CONTROL_OPCODE:
            self.has_close |= opcode == Opcode.CLOSE
            return
        self._message_bytes = self._left + (self._message_bytes if opcode == Opcode.CONT else 0)
        if self._message_bytes > self._most_bytes:
            raise TooLongError
        self.messages += is_final


def text_frame(text: str, *, is_masked: bool) -> bytes:
    """One text message; a client's is masked."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=is_masked)


def close_frame(code: int, reason: str, *, is_masked: bool) -> bytes:
    """The word that ends a connection; `reason` has at most 123 bytes."""
    return Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=is_masked)
