"""One client connection to a compositor that is not trusted: it lives in the cell.

Nothing here waits but `roundtrip` and `wait`, which have deadlines. Every fault, and everything a hostile compositor
could send that is no Wayland, becomes `CaptureError`. Descriptors that nobody asked for are closed as they come.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dillinger_stream.errors import CaptureError

from .protocols import INTERFACES, Interface
from .wire import Reader, WireError, pack, unpack

DEADLINE_S = 5.0
_CHUNK_BYTES = 65_536
_CHUNKS = 4
"""Read at one go, so that a compositor that floods us can't hold the thread."""
_MOST_UNSENT_BYTES = 262_144
_MOST_DESCRIPTORS = 28
"""In one message of a socket, as libwayland has it, and waiting for theirs."""
_MOST_OBJECTS = 4096
_MOST_GLOBALS = 512
_FIRST_OF_SERVER = 0xFF000000
_DISPLAY = 1

OnEvent = Callable[[str, list[Any]], None]
"""Name and arguments of an event; a new object is a `Proxy`."""


def ignore(event: str, arguments: list[Any]) -> None:
    """What nobody listens to; descriptors in it are closed before."""


def connect(path: str) -> socket.socket:
    """A socket to the compositor that listens at `path`; raises `CaptureError`."""
    opened = socket.socket(socket.AF_UNIX)
    try:
        opened.setblocking(False)
        opened.connect(path)
    except OSError as error:
        opened.close()
        raise CaptureError(f"The compositor at {path} can't be reached: {error}") from error
    return opened


@dataclass(frozen=True, slots=True)
class Global:
    """What a compositor offers to bind."""

    name: int
    interface: str
    version: int


class Proxy:
    """One object, as this client knows it."""

    __slots__ = ("_connection", "interface", "is_gone", "number", "on")

    def __init__(self, connection: WaylandConnection, number: int, interface: Interface, on: OnEvent) -> None:
        self._connection = connection
        self.number = number
        self.interface = interface
        self.on = on
        self.is_gone = False

    def call(self, request: str, *arguments: Any) -> None:
        """Queues a request; objects are given as proxies, None as no object. Raises `CaptureError`."""
        self._connection.queue(self, request, arguments)

    def make(self, request: str, interface: str, *arguments: Any, on: OnEvent = ignore) -> Proxy:
        """Queues a request whose new object is of `interface`; its place among `arguments` is the signature's."""
        made = self._connection.new_proxy(interface, on)
        place = self.interface.requests[request].signature.index("n")
        self._connection.queue(self, request, (*arguments[:place], made, *arguments[place:]))
        return made

    def destroy(self) -> None:
        """Nothing more is heard of it; idempotent."""
        if not self.is_gone:
            self.is_gone, self.on = True, ignore
            if "destroy" in self.interface.requests:
                self._connection.queue(self, "destroy", ())


class WaylandConnection:
    """Owned by one thread; `abort` alone may come from another."""

    def __init__(self, opened: socket.socket) -> None:
        """Takes over the connected socket and learns what there is; raises `CaptureError`, after 5 s at most."""
        opened.setblocking(False)
        self._socket = opened
        self._reader = Reader()
        self._descriptors: deque[int] = deque()
        self._unsent = bytearray()
        self._unsent_descriptors: list[int] = []
        self._objects: dict[int, Proxy] = {}
        self._free: list[int] = []
        self._next_number = _DISPLAY
        self._is_closed = False
        self._poll = select.poll()
        self.globals: list[Global] = []
        try:
            self._display = self.new_proxy("wl_display", self._on_display)
            self._registry = self._display.make("get_registry", "wl_registry", on=self._on_global)
            self.roundtrip()
        except BaseException:
            self.close()
            raise

    # Objects

    def bind(self, interface: str, *, version: int = 1, on: OnEvent = ignore, hint: str | None = None) -> Proxy:
        """The first that the compositor has of `interface`, in `version`; raises `CaptureError` where it has none."""
        for found in self.globals:
            if found.interface == interface and found.version >= version:
                made = self.new_proxy(interface, on)
                self.queue(self._registry, "bind", (found.name, interface, version, made))
                return made
        raise CaptureError(f"The compositor lacks {interface} of version {version}", hint=hint)

    def new_proxy(self, interface: str, on: OnEvent) -> Proxy:
        """With a number that is free."""
        if len(self._objects) >= _MOST_OBJECTS:
            raise CaptureError(f"The compositor keeps more than {_MOST_OBJECTS} objects alive")
        if self._free:
            number = self._free.pop()
        else:
            number, self._next_number = self._next_number, self._next_number + 1
        made = self._objects[number] = Proxy(self, number, INTERFACES[interface], on)
        return made

    def queue(self, proxy: Proxy, request: str, arguments: tuple[Any, ...]) -> None:
        """To be sent by `flush`; descriptors stay the caller's."""
        message = proxy.interface.requests[request]
        plain = [_plain(argument) for argument in arguments]
        data, descriptors = pack(proxy.number, message.opcode, message.signature, plain)
        if len(self._unsent) + len(data) > _MOST_UNSENT_BYTES:
            raise CaptureError("The compositor does not read what it is told")
        if len(self._unsent_descriptors) + len(descriptors) > _MOST_DESCRIPTORS:
            self.flush()
        self._unsent += data
        self._unsent_descriptors += [os.dup(descriptor) for descriptor in descriptors]

    # Reading and writing

    def fileno(self) -> int:
        """Readable when the compositor said something."""
        return self._socket.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether something waits until the compositor reads."""
        return bool(self._unsent)

    def flush(self) -> None:
        """Sends what the socket has room for; raises `CaptureError`."""
        try:
            while self._unsent:
                descriptors = self._unsent_descriptors[:_MOST_DESCRIPTORS]
                sent = socket.send_fds(self._socket, [self._unsent], descriptors, socket.MSG_NOSIGNAL)
                del self._unsent[:sent]
                del self._unsent_descriptors[: len(descriptors)]
                for descriptor in descriptors:
                    os.close(descriptor)
        except BlockingIOError:
            pass
        except OSError as error:
            raise CaptureError(f"The compositor is gone: {error.strerror or error}") from error

    def read(self) -> None:
        """Takes what the compositor has said, without waiting, and has it heard; raises `CaptureError`."""
        for _ in range(_CHUNKS):
            try:
                data, descriptors, _, _ = socket.recv_fds(
                    self._socket, _CHUNK_BYTES, _MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                return
            except OSError as error:
                raise CaptureError(f"The compositor is gone: {error.strerror or error}") from error
            self._descriptors.extend(descriptors)
            if not data:
                raise CaptureError("The compositor is gone")
            self._reader.feed(data)
            try:
                while (message := self._reader.next()) is not None:
                    self._dispatch(*message)
            except WireError as error:
                raise CaptureError(f"The compositor sent what can't be read: {error}") from error
            if len(self._descriptors) > _MOST_DESCRIPTORS:
                raise CaptureError("The compositor sends descriptors that belong to nothing")
            if len(data) < _CHUNK_BYTES:
                return

    def wait(self, timeout_s: float | None, wake_fd: int = -1) -> bool:
        """Until the compositor said something (True), or `wake_fd` is readable or the time is up (False)."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self.flush()
            self._poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            if wake_fd >= 0:
                self._poll.register(wake_fd, select.POLLIN)
            left_ms = None if until is None else max(0.0, (until - time.monotonic()) * 1000)
            ready = dict(self._poll.poll(left_ms))
            if wake_fd >= 0:
                self._poll.unregister(wake_fd)
            if wake_fd in ready or not ready:
                return False
            if ready.get(self._socket.fileno(), 0) & ~select.POLLOUT:
                return True

    def after(self, work: Callable[[], None]) -> None:
        """Calls `work` when the compositor has done all it was asked."""
        self._display.make("sync", "wl_callback", on=lambda event, arguments: work())

    def roundtrip(self) -> None:
        """Returns when the compositor has done all it was asked; raises `CaptureError`, after 5 s at most."""
        done: list[int] = []
        self.after(lambda: done.append(1))
        until = time.monotonic() + DEADLINE_S
        while not done:
            if time.monotonic() >= until:
                raise CaptureError(f"The compositor has not answered for {DEADLINE_S:g} s")
            self.wait(until - time.monotonic())
            self.read()

    def abort(self) -> None:
        """Ends every wait on this connection with an error; from any thread."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the connection; idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        for descriptor in (*self._descriptors, *self._unsent_descriptors):
            os.close(descriptor)
        self._descriptors.clear()
        self._unsent_descriptors.clear()
        self._socket.close()

    # What the compositor said

    def _dispatch(self, number: int, opcode: int, payload: bytes) -> None:
        proxy = self._objects.get(number)
        if proxy is None or opcode >= len(proxy.interface.events):
            raise WireError(f"event {opcode} of object {number}")
        event = proxy.interface.events[opcode]
        arguments = unpack(payload, event.signature, self._take_descriptor)
        if event.brings:
            arguments[0] = self._brought(arguments[0], event.brings)
        if proxy.on is ignore:
            _close_descriptors(event.signature, arguments)
        proxy.on(event.name, arguments)

    def _brought(self, number: int, interface: str) -> Proxy:
        before = self._objects.get(number)
        if number < _FIRST_OF_SERVER or (before is not None and not before.is_gone):
            raise WireError(f"a new object {number}")
        if len(self._objects) >= _MOST_OBJECTS:
            raise WireError(f"more than {_MOST_OBJECTS} objects")
        made = self._objects[number] = Proxy(self, number, INTERFACES[interface], ignore)
        return made

    def _take_descriptor(self) -> int:
        if not self._descriptors:
            raise WireError("a descriptor that did not come")
        return self._descriptors.popleft()

    def _on_display(self, event: str, arguments: list[Any]) -> None:
        if event == "error":
            number, code, words = arguments
            known = self._objects.get(number)
            what = known.interface.name if known is not None else f"object {number}"
            raise CaptureError(f"The compositor refused a request ({what}, error {code}): {words[:200]}")
        number = arguments[0]
        if number < _FIRST_OF_SERVER and self._objects.pop(number, None) is not None:
            self._free.append(number)

    def _on_global(self, event: str, arguments: list[Any]) -> None:
        if event == "global":
            if len(self.globals) >= _MOST_GLOBALS:
                raise WireError(f"more than {_MOST_GLOBALS} globals")
            self.globals.append(Global(*arguments))
        else:
            self.globals = [found for found in self.globals if found.name != arguments[0]]


def _close_descriptors(signature: str, arguments: list[Any]) -> None:
    """Those of an event that nobody hears."""
    for kind, argument in zip(signature, arguments, strict=True):
        if kind == "h":
            os.close(argument)


def _plain(argument: Any) -> Any:
    if isinstance(argument, Proxy):
        return argument.number
    return 0 if argument is None else argument
