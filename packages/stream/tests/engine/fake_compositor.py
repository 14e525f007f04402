"""The other end of a capture, by the test's own hand: a compositor that says what a test wants it to."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from dillinger_stream.wayland.protocols import INTERFACES
from dillinger_stream.wayland.wire import Reader, pack, unpack

WAIT_S = 30.0


class FakeCompositor:
    """What every compositor does; what it is asked beyond that comes to `asked`. In a thread of its own."""

    def __init__(self, interfaces: tuple[str, ...]) -> None:
        self.client, self.socket = socket.socketpair()
        self._interfaces = interfaces
        self.kinds = {1: "wl_display"}
        self.pools: dict[int, int] = {}
        """Objects and their descriptors."""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def asked(self, number: int, request: str, arguments: list[Any]) -> None:
        """On its own thread."""

    def say(self, number: int, event: str, *arguments: Any) -> None:
        kind = INTERFACES[self.kinds[number]]
        opcode = [message.name for message in kind.events].index(event)
        data, _ = pack(number, opcode, kind.events[opcode].signature, arguments)
        self.say_raw(data)

    def say_raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def _run(self) -> None:
        reader, waiting = Reader(), []
        try:
            while True:
                data, descriptors, _, _ = socket.recv_fds(self.socket, 65_536, 28)
                if not data:
                    return
                waiting += descriptors
                reader.feed(data)
                while (message := reader.next()) is not None:
                    self._take(*message, waiting)
        except OSError:
            return
        finally:
            self.socket.close()

    def _take(self, number: int, opcode: int, payload: bytes, waiting: list[int]) -> None:
        kind = INTERFACES[self.kinds[number]]
        request = list(kind.requests.values())[opcode]
        arguments = unpack(payload, request.signature, lambda: waiting.pop(0))
        match request.name:
            case "get_registry":
                self.kinds[arguments[0]] = "wl_registry"
                for name, interface in enumerate(self._interfaces):
                    self.say(arguments[0], "global", name, interface, 3)
            case "sync":
                self.kinds[arguments[0]] = "wl_callback"
                self.say(arguments[0], "done", 0)
                self.say(1, "delete_id", arguments[0])
            case "bind":
                self.kinds[arguments[3]] = arguments[1]
                self.asked(arguments[3], "bind", arguments)
            case "create_pool":
                self.kinds[arguments[0]] = "wl_shm_pool"
                self.pools[arguments[0]] = arguments[1]
            case "create_buffer":
                self.kinds[arguments[0]] = "wl_buffer"
                self.asked(number, "create_buffer", arguments)
            case name:
                self.asked(number, name, arguments)

    def close(self) -> None:
        self.client.close()
        self._thread.join(WAIT_S)
        for pool in self.pools.values():
            os.close(pool)
