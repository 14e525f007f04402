"""The clipboard of a Wayland desktop, by wlr-data-control. Made in a thread; from `attach` on it lives on the loop.

When a program copies, its text or picture is fetched through a pipe and reported; what is given is served to programs
that paste. Programs and compositor are hostile: what they send has limits, and a program that does not deliver or take
within 3 s is given up. A newer copy replaces what is still being fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog

from dillinger_contracts.errors import Invalid
from dillinger_stream.errors import CaptureError
from dillinger_stream.wayland.connection import Proxy, WaylandConnection

from .base import Clip, checked

log = structlog.get_logger()

DELIVERY_S = 3.0
"""What a program may take to hand over what it copied, or to take what it pastes."""
_MOST_KINDS = 64
_MOST_TAKERS = 16
"""Programs that paste at the same time."""
_CHUNK_BYTES = 65_536
_MOST_BYTES = 4 << 20
"""No clip is larger; `checked` knows what each kind may have."""
_OURS = "application/x-dillinger-clip"
"""What only our own clips offer, so that they are known when the compositor tells of them."""
_Kind = Literal["text", "image"]
_FETCHED: tuple[tuple[str, _Kind], ...] = (
    ("text/plain;charset=utf-8", "text"),
    ("UTF8_STRING", "text"),
    ("text/plain", "text"),
    ("image/png", "image"),
)
"""What is asked for, best first."""
_SERVED: dict[_Kind, tuple[str, ...]] = {
    "text": ("text/plain;charset=utf-8", "text/plain", "UTF8_STRING", "STRING", "TEXT"),
    "image": ("image/png",),
}
_HINT = "Use a compositor made with wlroots, such as sway"


@dataclass(slots=True, eq=False)
class _Pipe:
    """One clip that comes or goes."""

    descriptor: int
    deadline: asyncio.TimerHandle | None = None
    kind: _Kind = "text"
    data: bytearray = field(default_factory=bytearray)


class WaylandClipboard:
    """`on_copied` is called on the loop."""

    def __init__(self, connect: Callable[[], socket.socket], *, on_copied: Callable[[Clip], None]) -> None:
        """Over the socket that `connect` brings; blocks for 5 s at most, then raises `CaptureError`."""
        self._on_copied = on_copied
        self._connection = WaylandConnection(connect())
        self._offers: dict[int, tuple[Proxy, list[str]]] = {}
        """What was told of, and the kinds of it, until it is known which of them counts."""
        self._coming: _Pipe | None = None
        self._going: list[_Pipe] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            seat = self._connection.bind("wl_seat")
            self._manager = self._connection.bind("zwlr_data_control_manager_v1", hint=_HINT)
            self._device = self._manager.make("get_data_device", "zwlr_data_control_device_v1", seat)
            self._device.on = self._on_device
            self._connection.roundtrip()
        except BaseException:
            self._connection.close()
            raise

    def attach(self) -> None:
        """From now on it lives on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._connection.fileno(), self._on_readable)

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        if self._loop is None:
            return
        try:
            source = self._manager.make("create_data_source", "zwlr_data_control_source_v1")
            source.on = lambda event, arguments: self._on_source(source, clip, event, arguments)
            for name in (*_SERVED[clip.kind], _OURS):
                source.call("offer", name)
            self._device.call("set_selection", source)
            self._connection.after(on_taken)
            self._connection.flush()
        except CaptureError as error:
            self._lose(error)

    def close(self) -> None:
        """Ends the connection, and what is under way; idempotent."""
        self._detach()
        self._connection.close()

    def _detach(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self._connection.fileno())
            self._stop_fetching()
            for pipe in list(self._going):
                self._stop_serving(pipe)
            self._loop = None

    def _lose(self, error: CaptureError) -> None:
        """The desktop goes on without it; whose end it is tells others."""
        log.warning("clipboard_lost", error=error.message)
        self._detach()

    def _on_readable(self) -> None:
        try:
            self._connection.read()
            self._connection.flush()
        except CaptureError as error:
            self._lose(error)

    # What programs copy

    def _on_device(self, event: str, arguments: list[Any]) -> None:
        if event == "data_offer":
            offer: Proxy = arguments[0]
            kinds: list[str] = []
            self._offers[offer.number] = (offer, kinds)
            offer.on = lambda _, words: kinds.append(words[0]) if len(kinds) < _MOST_KINDS else None
        elif event == "selection":
            self._select(arguments[0])

    def _select(self, number: int) -> None:
        """A program copied, or nothing is there to paste any more; offers that came before are of no use."""
        offers, self._offers = self._offers, {}
        chosen = offers.pop(number, None)
        if chosen is not None and self._loop is not None and _OURS not in chosen[1]:
            self._fetch(*chosen)
        for offer, _ in (*offers.values(), *([chosen] if chosen else [])):
            offer.destroy()

    def _fetch(self, offer: Proxy, kinds: list[str]) -> None:
        self._stop_fetching()
        wanted = next(((name, kind) for name, kind in _FETCHED if name in kinds), None)
        if wanted is None or self._loop is None:
            return
        reading, writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reading, False)
        try:
            offer.call("receive", wanted[0], writing)
        finally:
            os.close(writing)
        self._coming = coming = _Pipe(reading, kind=wanted[1])
        coming.deadline = self._loop.call_later(DELIVERY_S, self._stop_fetching)
        self._loop.add_reader(reading, self._on_part, coming)

    def _on_part(self, coming: _Pipe) -> None:
        try:
            part = os.read(coming.descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return
        coming.data += part
        if part and len(coming.data) <= _MOST_BYTES:
            return
        self._stop_fetching()
        with contextlib.suppress(Invalid):  # too much, or not what it is said to be: nothing was copied
            if coming.data:
                self._on_copied(checked(coming.kind, bytes(coming.data)))

    def _stop_fetching(self) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            self._end(coming)

    # What programs paste

    def _on_source(self, source: Proxy, clip: Clip, event: str, arguments: list[Any]) -> None:
        if event == "cancelled":
            source.destroy()
        elif event == "send":
            name, descriptor = arguments
            self._serve(descriptor, clip.data if name in _SERVED[clip.kind] else b"")

    def _serve(self, descriptor: int, data: bytes) -> None:
        going = _Pipe(descriptor, data=bytearray(data))
        if self._loop is None or len(self._going) >= _MOST_TAKERS:
            os.close(descriptor)
            return
        try:
            os.set_blocking(descriptor, False)
            self._loop.add_writer(descriptor, self._on_room, going)
        except OSError:  # no pipe: whatever it is, it gets nothing
            os.close(descriptor)
            return
        going.deadline = self._loop.call_later(DELIVERY_S, self._stop_serving, going)
        self._going.append(going)

    def _on_room(self, going: _Pipe) -> None:
        try:
            while going.data:
                sent = os.write(going.descriptor, going.data[:_CHUNK_BYTES])
                del going.data[:sent]
        except BlockingIOError:
            return
        except OSError:
            pass  # who pasted has gone
        self._stop_serving(going)

    def _stop_serving(self, going: _Pipe) -> None:
        if going in self._going:
            self._going.remove(going)
            self._end(going)

    def _end(self, pipe: _Pipe) -> None:
        if pipe.deadline is not None:
            pipe.deadline.cancel()
        if self._loop is not None:
            self._loop.remove_reader(pipe.descriptor)
            self._loop.remove_writer(pipe.descriptor)
        os.close(pipe.descriptor)
