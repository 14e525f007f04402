"""A portal that does what a test wants: the interfaces of xdg-desktop-portal on a private bus, and who called what.

In a thread with a loop of its own, so that it answers whatever the test waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from dillinger_stream.program.portal.session import OBJECT, PORTAL, REQUEST, SESSION

WAIT_S = 30.0
HANDLE = f"{OBJECT}/session/1_1/screen"
Body = tuple[str, list[Any]]
"""A signature and what goes with it."""


@dataclass(frozen=True)
class Call:
    """One that came."""

    name: str
    """Such as `ScreenCast.Start`."""
    body: tuple[Any, ...]

    def options(self) -> dict[str, Any]:
        """The last argument, plain."""
        return {name: value.value for name, value in self.body[-1].items()}


def granted(
    node_id: int, *, devices: int = 3, size: tuple[int, int] | None = None, token: str = "again",
    place: tuple[int, int] | None = None, beside: Sequence[list[Any]] = (), has_clipboard: bool = False,
) -> Body:  # fmt: skip
    """What the owner's Yes to Start looks like; `beside` are more streams."""
    told = {"size": size, "position": place}
    properties = {name: Variant("(ii)", list(pair)) for name, pair in told.items() if pair is not None}
    results = {
        "streams": Variant("a(ua{sv})", [[node_id, properties], *beside]),
        "devices": Variant("u", devices),
        "clipboard_enabled": Variant("b", has_clipboard),
        "restore_token": Variant("s", token),
    }
    return "ua{sv}", [0, results]


@dataclass
class Manners:
    """How it behaves; what is not said is as GNOME does."""

    properties: dict[str, Variant] = field(
        default_factory=lambda: {
            "ScreenCast.version": Variant("u", 5),
            "ScreenCast.AvailableSourceTypes": Variant("u", 7),
            "ScreenCast.AvailableCursorModes": Variant("u", 7),
            "RemoteDesktop.version": Variant("u", 2),
            "RemoteDesktop.AvailableDeviceTypes": Variant("u", 7),
        }
    )
    replies: dict[str, Body | None] = field(default_factory=dict)
    """What a method gives; None: nothing, ever."""
    responses: dict[str, Body | None] = field(default_factory=dict)
    """What a request's signal says; None: it never comes."""
    copied: dict[str, bytes] = field(default_factory=dict)
    """What a program copied, by MIME type."""
    remote: Callable[[], Sequence[int]] = tuple
    """New descriptors for OpenPipeWireRemote."""


class StandIn:
    """The portal."""

    def __init__(self, address: str, manners: Manners) -> None:
        self.manners = manners
        self.calls: list[Call] = []
        self.pastes: dict[int, int] = {}
        """Serials of programs that paste, and the descriptors that they read from."""
        self._news = threading.Condition()
        self._address = address
        self._descriptors: list[int] = []
        self._client = ""
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._main(),), daemon=True)
        self._thread.start()
        assert self._is_up.wait(WAIT_S)

    async def _main(self) -> None:
        self._bus = await MessageBus(bus_address=self._address, negotiate_unix_fd=True).connect()
        self._bus.add_message_handler(self._take)
        await self._bus.request_name(PORTAL)
        self._is_up.set()
        with contextlib.suppress(Exception):  # the bus was ended
            await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    def saw(self, *wanted: tuple[str, tuple[Any, ...]], after: int = 2) -> None:
        """Waits until these calls came, in this order: name, and the arguments after session and options, or `after`
        as many."""

        def has_come() -> bool:
            left = list(wanted)
            for call in self.calls:
                if left and call.name == left[0][0] and call.body[after:] == left[0][1]:
                    left.pop(0)
            return not left

        with self._news:
            assert self._news.wait_for(has_come, WAIT_S), f"{wanted} is not in {self.calls}"

    def call(self, name: str) -> Call:
        """The last one of this name."""
        with self._news:
            assert self._news.wait_for(lambda: any(call.name == name for call in self.calls), WAIT_S), self.calls
            return [call for call in self.calls if call.name == name][-1]

    def grant(self, node_id: int) -> None:
        """From now on its owner says Yes to this screen."""
        for start in ("ScreenCast.Start", "RemoteDesktop.Start"):
            self.manners.responses[start] = granted(node_id)

    def end_session(self, *, path: str = HANDLE) -> None:
        """As when the owner ends the sharing."""
        self.signal(path, SESSION, "Closed", ("a{sv}", [{}]))

    def signal(self, path: str, interface: str, member: str, body: Body) -> None:
        message = Message(
            message_type=MessageType.SIGNAL, destination=self._client, path=path, interface=interface, member=member,
            signature=body[0], body=body[1],
        )  # fmt: skip
        self._loop.call_soon_threadsafe(self._bus.send, message)

    def close(self) -> None:
        """As when it crashes; idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._bus.disconnect)
            self._thread.join(WAIT_S)
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    def _take(self, message: Message) -> Message | bool | None:
        if message.message_type is not MessageType.METHOD_CALL or message.interface == "org.freedesktop.DBus.Peer":
            return None
        name = f"{str(message.interface).rpartition('.')[2]}.{message.member}"
        self._client = str(message.sender)
        reply = self._reply(name, message)
        with self._news:
            self.calls.append(Call(name, tuple(message.body)))
            self._news.notify_all()
        return True if reply is None else reply

    def _reply(self, name: str, message: Message) -> Message | None:
        if name in self.manners.replies:
            found = self.manners.replies[name]
            return None if found is None else Message.new_method_return(message, *found)
        if name == "Properties.Get":
            asked = ".".join((message.body[0].rpartition(".")[2], message.body[1]))
            if asked not in self.manners.properties:
                return Message.new_error(message, "org.freedesktop.DBus.Error.InvalidArgs", f"No such {asked}")
            return Message.new_method_return(message, "v", [self.manners.properties[asked]])
        if name == "ScreenCast.OpenPipeWireRemote":
            descriptors = list(self.manners.remote())
            self._descriptors += descriptors
            return Message.new_method_return(message, "h", [0], unix_fds=descriptors)
        if name in ("Clipboard.SelectionRead", "Clipboard.SelectionWrite"):
            return Message.new_method_return(message, "h", [0], unix_fds=[self._pipe(name, message.body[1])])
        if message.signature.endswith("a{sv}") and "handle_token" in message.body[-1]:
            return self._request(name, message)
        return Message.new_method_return(message)

    def _pipe(self, name: str, asked: Any) -> int:
        reading, writing = os.pipe()
        if name.endswith("Read"):
            os.write(writing, self.manners.copied.get(asked, b""))
            os.close(writing)
        else:
            self.pastes[asked] = reading
        self._descriptors += [reading] if name.endswith("Read") else [reading, writing]
        return reading if name.endswith("Read") else writing

    def _request(self, name: str, message: Message) -> Message:
        token = message.body[-1]["handle_token"].value
        path = f"{OBJECT}/request/{self._client[1:].replace('.', '_')}/{token}"
        if name.endswith(".CreateSession"):
            usual: Body = ("ua{sv}", [0, {"session_handle": Variant("s", HANDLE)}])
        else:
            usual = ("ua{sv}", [0, {}])
        said = self.manners.responses.get(name, usual)
        if said is not None:
            self._loop.call_soon(lambda: self.signal(path, REQUEST, "Response", said))
        return Message.new_method_return(message, "o", [path])


def pipewire_socket(path: str) -> list[int]:
    """A connection to PipeWire, as the portal hands out."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.connect(path)
    return [connection.detach()]
