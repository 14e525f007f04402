"""A program of Wayland whose window has a pointer of its own, as games have: in the test's own process."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any

from packages.stream.tests.engine.compositor import WAIT_S

from dillinger_stream.wayland.connection import Proxy, WaylandConnection

_XRGB, _ARGB = 1, 0


class Wearer:
    """One window, grey."""

    def __init__(self, dial: Callable[[], socket.socket], size: tuple[int, int]) -> None:
        """Returns when the compositor has given it all of a desktop of this size."""
        self.connection = connection = WaylandConnection(dial())
        self._compositor, self._shm = connection.bind("wl_compositor"), connection.bind("wl_shm")
        self._pointer = connection.bind("wl_seat").make("get_pointer", "wl_pointer", on=self._on_pointer)
        shell = connection.bind("xdg_wm_base")
        shell.on = lambda event, arguments: shell.call("pong", *arguments)
        self._window = self._compositor.make("create_surface", "wl_surface")
        self._surface = shell.make("get_xdg_surface", "xdg_surface", self._window, on=self._on_surface)
        self._size = (320, 240)
        self._surface.make("get_toplevel", "xdg_toplevel", on=self._on_toplevel)
        self._window.call("commit")
        self._serial: int | None = None
        """Of the pointer in the window."""
        self._until(lambda: self._size == size)

    def wear(self, width: int, height: int, argb: int, hot: tuple[int, int]) -> None:
        """The pointer is a block of this colour; the pointer has to be in the window."""
        self._until(lambda: self._serial is not None)
        surface = self._compositor.make("create_surface", "wl_surface")
        self._fill(surface, width, height, argb, _ARGB)
        self._pointer.call("set_cursor", self._serial, surface, *hot)
        self.connection.roundtrip()

    def hide(self) -> None:
        self._until(lambda: self._serial is not None)
        self._pointer.call("set_cursor", self._serial, None, 0, 0)
        self.connection.roundtrip()

    def close(self) -> None:
        self.connection.close()

    def _until(self, fact: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not fact():
            assert time.monotonic() < deadline
            self.connection.wait(0.1)
            self.connection.read()

    def _on_pointer(self, event: str, arguments: list[Any]) -> None:
        if event == "enter":
            self._serial = arguments[0]
        elif event == "leave":
            self._serial = None

    def _on_toplevel(self, event: str, arguments: list[Any]) -> None:
        if event == "configure" and arguments[0] and arguments[1]:
            self._size = (arguments[0], arguments[1])

    def _on_surface(self, event: str, arguments: list[Any]) -> None:
        self._surface.call("ack_configure", *arguments)
        self._fill(self._window, *self._size, 0x808080, _XRGB)

    def _fill(self, surface: Proxy, width: int, height: int, colour: int, form: int) -> None:
        size = width * height * 4
        descriptor = os.memfd_create("window")
        os.write(descriptor, colour.to_bytes(4, "little") * (width * height))
        pool = self._shm.make("create_pool", "wl_shm_pool", descriptor, size)
        os.close(descriptor)
        buffer = pool.make("create_buffer", "wl_buffer", 0, width, height, width * 4, form)
        surface.call("attach", buffer, 0, 0)
        surface.call("damage", 0, 0, width, height)
        surface.call("commit")
