"""The clipboard of a Wayland desktop, by wlr-data-control. Made in a thread; from `attach` on it lives on the loop.

When a program copies, its text or picture is fetched through a pipe and reported; what is given is served to programs
that paste (`pipes`). Programs and compositor are hostile: what they send has limits.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import structlog

from dillinger_stream.errors import CaptureError
from dillinger_stream.wayland.connection import Proxy, WaylandConnection

from .base import Clip
from .pipes import SERVED, ClipPipes, wanted_of

log = structlog.get_logger()

_MOST_KINDS = 64
_OURS = "application/x-dillinger-clip"
"""What only our own clips offer, so that they are known when the compositor tells of them."""
_HINT = "Use a compositor made with wlroots, such as sway"


class WaylandClipboard:
    """`on_copied` is called on the loop."""

    def __init__(self, connect: Callable[[], socket.socket], *, on_copied: Callable[[Clip], None]) -> None:
        """Over the socket that `connect` brings; blocks for 5 s at most, then raises `CaptureError`."""
        self._on_copied = on_copied
        self._connection = WaylandConnection(connect())
        self._offers: dict[int, tuple[Proxy, list[str]]] = {}
        """What was told of, and the kinds of it, until it is known which of them counts."""
        self._pipes: ClipPipes | None = None
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
        self._pipes = ClipPipes(self._on_copied)
        self._loop.add_reader(self._connection.fileno(), self._on_readable)

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        if self._loop is None:
            return
        try:
            source = self._manager.make("create_data_source", "zwlr_data_control_source_v1")
            source.on = lambda event, arguments: self._on_source(source, clip, event, arguments)
            for name in (*SERVED[clip.kind], _OURS):
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
            self._loop = None
        if self._pipes is not None:
            self._pipes.close()

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
        assert self._pipes is not None
        self._pipes.stop_fetching()
        wanted = wanted_of(kinds)
        if wanted is None:
            return
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            offer.call("receive", wanted[0], writing)
        except CaptureError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._pipes.fetch(reading, wanted[1])

    # What programs paste

    def _on_source(self, source: Proxy, clip: Clip, event: str, arguments: list[Any]) -> None:
        if event == "cancelled":
            source.destroy()
        elif event == "send":
            name, descriptor = arguments
            if self._pipes is None or self._loop is None:
                os.close(descriptor)
            else:
                self._pipes.serve(descriptor, clip.data if name in SERVED[clip.kind] else b"")
