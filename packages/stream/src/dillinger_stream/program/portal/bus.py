"""A connection to the session's D-Bus: the one file that imports `dbus_fast`, whose errors end here. On the loop.

What comes is plain: a variant is a `Value` with its D-Bus type beside it, so that whoever reads it can tell whether it
is what was asked for. Every call has a deadline, and what is told without waiting may be unanswered for so long only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from dillinger_stream.errors import CaptureError, RequestRefusedError

from .answers import Value

log = structlog.get_logger()

_OPEN_S, _CALL_S = 10.0, 10.0
_MOST_UNANSWERED = 2000
"""Of what was told without waiting: a mouse of 1000 Hz fills it in 2 s."""
_DAEMON = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call gave."""

    body: tuple[Any, ...]
    descriptors: tuple[int, ...]
    """The caller's to close."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One that was heard."""

    sender: str
    path: str
    interface: str
    member: str
    signature: str
    body: tuple[Any, ...]


class CallRefusedError(RequestRefusedError):
    """The other side answered with an error; `name` is that of D-Bus."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


def address_of(environment: Mapping[str, str]) -> str:
    """Where the session's bus is; raises `CaptureError` where nothing tells."""
    if told := environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return told
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        return f"unix:path={runtime}/bus"
    raise CaptureError(
        "There is no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set",
        hint="Run it as the user of the desktop, in a terminal there",
    )


class SessionBus:
    """One connection."""

    def __init__(self, bus: MessageBus, on_signal: Callable[[Signal], None]) -> None:
        self._bus = bus
        self._on_signal = on_signal
        self._awaited: set[int] = set()
        """The serials of calls whose answers somebody waits for."""
        self._unanswered: set[int] = set()
        """And of those where nobody does."""
        self._brought: dict[int, Sequence[int]] = {}
        """Serial of such a call → the descriptors that came with its answer, until the caller has them."""
        self._lost: CaptureError | None = None
        bus.add_message_handler(self._take)

    @classmethod
    async def open(cls, address: str, on_signal: Callable[[Signal], None]) -> SessionBus:
        """Raises `CaptureError` where there is no bus, or it refuses."""
        bus: MessageBus | None = None
        try:
            bus = MessageBus(bus_address=address, negotiate_unix_fd=True)
            async with asyncio.timeout(_OPEN_S):
                await bus.connect()
        except Exception as error:  # whatever a library finds wrong with a bus, there is none then
            if bus is not None:
                bus.disconnect()
            raise CaptureError(
                f"The session's D-Bus at {address} can't be reached: {error or type(error).__name__}",
                hint="Run it as the user of the desktop, in a terminal there",
            ) from error
        return cls(bus, on_signal)

    @property
    def name(self) -> str:
        """Ours, as the bus gave it: `:1.5`."""
        return str(self._bus.unique_name)

    async def lost(self) -> CaptureError:
        """Returns when the bus is gone."""
        with contextlib.suppress(Exception):  # how it went tells nothing to anybody
            gone = asyncio.ensure_future(self._bus.wait_for_disconnect())  # type: ignore[no-untyped-call]
            await asyncio.shield(gone)
        return CaptureError("The session's D-Bus is gone")

    async def call(
        self, destination: str, path: str, interface: str, member: str,
        signature: str = "", body: Sequence[object] = (), *, reply: str,
    ) -> Answer:  # fmt: skip
        """Waits for the answer; raises `CallRefusedError`, and `CaptureError` for one that is late or not a `reply`."""
        message = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature,
            body=[_packed(part) for part in body], serial=self._bus.next_serial(),
        )  # fmt: skip
        self._awaited.add(message.serial)
        what, found = f"{interface}.{member}", None
        try:
            async with asyncio.timeout(_CALL_S):
                found = await self._bus.call(message)
        except TimeoutError as error:
            raise CaptureError(f"{what} was not answered within {_CALL_S:g} s") from error
        except Exception as error:  # whatever the library met: the bus can't be used any more
            raise CaptureError(f"{what} could not be called: {error}") from error
        finally:
            self._awaited.discard(message.serial)
            brought = self._brought.pop(message.serial, ())
            if found is None:  # who called was ended while the answer was on the last steps to him
                _close(brought)
        assert found is not None
        descriptors = tuple(found.unix_fds)
        if found.message_type is MessageType.ERROR:
            _close(descriptors)
            said = found.body[0] if found.signature.startswith("s") and found.body else ""
            raise CallRefusedError(f"{what} was refused: {said or found.error_name}", str(found.error_name))
        if found.signature != reply:
            _close(descriptors)
            raise CaptureError(f"{what} answered ({found.signature}) where ({reply}) was due")
        return Answer(tuple(_plain(part) for part in found.body), descriptors)

    async def ask_daemon(self, member: str, signature: str, *body: object, reply: str) -> Answer:
        """A question to the bus itself."""
        return await self.call(*_DAEMON, member, signature, body, reply=reply)

    def tell(
        self, destination: str, path: str, interface: str, member: str, signature: str, body: Sequence[object]
    ) -> None:
        """Sends without waiting; raises `CaptureError` when too much of it has no answer yet, or the bus is gone."""
        if len(self._unanswered) >= _MOST_UNANSWERED or not self._bus.connected:
            raise CaptureError("The desktop's portal takes no input any more")
        serial = self._bus.next_serial()
        self._unanswered.add(serial)
        sent = self._bus.send(
            Message(
                destination=destination, path=path, interface=interface, member=member, signature=signature,
                body=[_packed(part) for part in body], serial=serial,
            )
        )  # fmt: skip
        sent.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # a bus that is gone says so by `lost`

    def close(self) -> None:
        """Ends the connection; idempotent."""
        self._on_signal = lambda signal: None
        self._bus.disconnect()

    def _take(self, message: Message) -> bool:
        """Whether it is done with."""
        if message.reply_serial not in self._awaited:
            _close(message.unix_fds)  # nobody has asked for these
        elif message.unix_fds:
            self._brought[message.reply_serial] = message.unix_fds
        if message.message_type is MessageType.SIGNAL:
            self._on_signal(
                Signal(
                    str(message.sender), str(message.path), str(message.interface), str(message.member),
                    message.signature, tuple(_plain(part) for part in message.body),
                )
            )  # fmt: skip
            return False
        if message.reply_serial and message.reply_serial in self._unanswered:
            self._unanswered.discard(message.reply_serial)
            if message.message_type is MessageType.ERROR:
                log.warning("portal_refused_input", error=message.error_name, said=str(message.body)[:200])
            return True
        return False


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _packed(part: object) -> object:
    """Options are given as names of `Value`s."""
    if isinstance(part, Mapping):
        return {name: Variant(value.type, value.value) for name, value in part.items()}
    return part


def _plain(part: Any) -> Any:
    if isinstance(part, Variant):
        return Value(part.signature, _plain(part.value))
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return tuple(_plain(value) for value in part)
    return part
