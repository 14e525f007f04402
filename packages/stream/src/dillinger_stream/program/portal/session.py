"""A session with the desktop's portal: it asks its owner, once, and hands out a screen, a keyboard and a pointer.

    CreateSession ─ SelectDevices ─ SelectSources ─ Start (the owner is asked) ─ OpenPipeWireRemote … Closed

Every step but the last is a request, answered later by a signal at an object of the request's own. To whom only watches
it is a session of ScreenCast, else one of RemoteDesktop. Only the portal itself is listened to. On the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from dillinger_contracts.errors import Denied, Unsupported
from dillinger_stream.errors import CaptureError
from dillinger_stream.input.portal import KEYBOARD, POINTER

from .answers import Results, Started, Value, handle, mask, session_handle, started
from .bus import Answer, CallRefusedError, SessionBus, Signal
from .token import load_token, save_token

log = structlog.get_logger()

PORTAL = "org.freedesktop.portal.Desktop"
OBJECT = "/org/freedesktop/portal/desktop"
SCREEN_CAST = "org.freedesktop.portal.ScreenCast"
REMOTE_DESKTOP = "org.freedesktop.portal.RemoteDesktop"
REQUEST = "org.freedesktop.portal.Request"
SESSION = "org.freedesktop.portal.Session"
CLIPBOARD = "org.freedesktop.portal.Clipboard"
_BUS = "org.freedesktop.DBus"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_MONITOR, _EMBEDDED, _UNTIL_REVOKED = 1, 2, 2
"""A kind of source, a way to draw the pointer, and how long a grant is kept."""
_CURSOR_VERSION, _SCREEN_TOKEN_VERSION, _INPUT_TOKEN_VERSION = 2, 4, 2
_STEP_S, _OWNER_S, _END_S = 20.0, 300.0, 2.0
_DONE, _CANCELLED = 0, 1
_BACKENDS = "Install xdg-desktop-portal and its part for your desktop: xdg-desktop-portal-gnome, xdg-desktop-portal-kde"


@dataclass(frozen=True, slots=True)
class _Offer:
    """What the portal is able to."""

    screen_version: int
    input_version: int
    cursor_modes: int
    devices: int


class PortalSession:
    """One desktop, granted."""

    def __init__(
        self, address: str, *, wants_input: bool, wants_several: bool, token_file: Path,
        wants_clipboard: bool = False,
    ) -> None:  # fmt: skip
        """`address` is the session bus's; `wants_several`: its owner may share several screens. A clipboard comes with
        input alone."""
        self._address = address
        self._wants_input = wants_input
        self._wants_several = wants_several
        self._wants_clipboard = wants_clipboard and wants_input
        self.on_clipboard: Callable[[Signal], None] = lambda signal: None
        """Hears what the portal says of the clipboard."""
        self._main = REMOTE_DESKTOP if wants_input else SCREEN_CAST
        self._token_file = token_file
        self._bus: SessionBus | None = None
        self._owner = ""
        self._handle = ""
        self._answers: dict[str, asyncio.Future[Signal]] = {}
        self._end: asyncio.Future[CaptureError] = asyncio.get_running_loop().create_future()
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> Started:
        """Asks the desktop's owner, unless that was granted before. Raises `Denied` where he refuses, `Unsupported`
        where there is no portal for it, `CaptureError` where it fails."""
        self._bus = bus = await SessionBus.open(self._address, self._hear)
        self._watch = asyncio.create_task(self._watch_bus(bus), name="portal_bus")
        self._owner = await self._find(bus)
        for rule in (
            f"type='signal',sender='{self._owner}',interface='{REQUEST}'",
            f"type='signal',sender='{self._owner}',interface='{SESSION}'",
            f"type='signal',sender='{self._owner}',interface='{CLIPBOARD}'",
            f"type='signal',sender='{_BUS}',interface='{_BUS}',member='NameOwnerChanged',arg0='{PORTAL}'",
        ):
            await bus.ask_daemon("AddMatch", "s", rule, reply="")
        offer = await self._offer()
        token = {"session_handle_token": Value("s", _token())}
        self._handle = session_handle(await self._request(self._main, "CreateSession", "", (), token))
        await self._select(offer)
        if self._wants_clipboard:
            with contextlib.suppress(CallRefusedError):  # an older portal has none, and says so here
                await self.ask_clipboard("RequestClipboard", "a{sv}", {}, reply="")
        found = started(await self._request(self._main, "Start", "os", (self._handle, ""), {}, within_s=_OWNER_S))
        save_token(self._token_file, found.token)
        if self._wants_input and not found.devices & (KEYBOARD | POINTER):
            raise Denied(
                "The desktop's owner shares the screen, but neither keyboard nor pointer",
                hint="Allow remote control in the desktop's question, or start with --view-only",
            )
        return found

    async def open_remote(self) -> int:
        """A new connection to PipeWire, in which those screens are, as a descriptor that is the caller's."""
        answer = await self._call(SCREEN_CAST, "OpenPipeWireRemote", "oa{sv}", (self._handle, {}), reply="h")
        if answer.body != (0,) or len(answer.descriptors) != 1:
            for descriptor in answer.descriptors:
                os.close(descriptor)
            raise CaptureError("The portal gives no connection to PipeWire")
        return answer.descriptors[0]

    async def ask_clipboard(self, member: str, signature: str, *arguments: object, reply: str) -> Answer:
        """Calls a method of the session's clipboard; raises `CallRefusedError` or `CaptureError`."""
        return await self._call(CLIPBOARD, member, f"o{signature}", (self._handle, *arguments), reply=reply)

    def notify(self, what: str, signature: str, *arguments: int | float) -> None:
        """Input, without waiting; raises `CaptureError` when nobody takes it any more."""
        if self._bus is None:
            raise CaptureError("The portal's session is closed")
        body: tuple[object, ...] = (self._handle, {}, *arguments)
        self._bus.tell(self._owner, OBJECT, REMOTE_DESKTOP, f"Notify{what}", f"oa{{sv}}{signature}", body)

    async def ended(self) -> CaptureError:
        """Returns when the portal or the desktop's owner has ended it."""
        return await asyncio.shield(self._end)

    async def close(self) -> None:
        """Gives the desktop back; idempotent."""
        bus, self._bus = self._bus, None
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        if bus is None:
            return
        if self._handle and not self._end.done():
            with contextlib.suppress(CaptureError, TimeoutError):
                async with asyncio.timeout(_END_S):
                    await bus.call(self._owner, self._handle, SESSION, "Close", reply="")
        bus.close()

    async def _find(self, bus: SessionBus) -> str:
        """The portal's own name on the bus; it is started where it does not run yet."""
        try:
            with contextlib.suppress(CallRefusedError):
                return str((await bus.ask_daemon("GetNameOwner", "s", PORTAL, reply="s")).body[0])
            await bus.ask_daemon("StartServiceByName", "su", PORTAL, 0, reply="u")
            return str((await bus.ask_daemon("GetNameOwner", "s", PORTAL, reply="s")).body[0])
        except CallRefusedError as error:
            raise Unsupported("There is no xdg-desktop-portal in this session", hint=_BACKENDS) from error

    async def _offer(self) -> _Offer:
        try:
            version = await self._property(SCREEN_CAST, "version")
            sources = await self._property(SCREEN_CAST, "AvailableSourceTypes")
        except CallRefusedError as error:
            raise Unsupported("The portal of this desktop shares no screens (ScreenCast)", hint=_BACKENDS) from error
        if not sources & _MONITOR:
            raise Unsupported("The portal of this desktop shares no whole screens", hint=_BACKENDS)
        modes = await self._property(SCREEN_CAST, "AvailableCursorModes") if version >= _CURSOR_VERSION else 0
        if not self._wants_input:
            return _Offer(version, 0, modes, 0)
        try:
            input_version = await self._property(REMOTE_DESKTOP, "version")
            devices = await self._property(REMOTE_DESKTOP, "AvailableDeviceTypes")
        except CallRefusedError:
            input_version = devices = 0
        if not devices & (KEYBOARD | POINTER):
            raise Unsupported(
                "The portal of this desktop takes neither keyboard nor pointer (RemoteDesktop)",
                hint="Start with --view-only, then the screen alone is shared",
            )
        return _Offer(version, input_version, modes, devices & (KEYBOARD | POINTER))

    async def _property(self, interface: str, name: str) -> int:
        answer = await self._call(_PROPERTIES, "Get", "ss", (interface, name), reply="v")
        return mask(answer.body[0], f"{interface}.{name}")

    async def _select(self, offer: _Offer) -> None:
        keep: dict[str, Value] = {}
        if (offer.input_version >= _INPUT_TOKEN_VERSION) if self._wants_input else (
            offer.screen_version >= _SCREEN_TOKEN_VERSION
        ):  # fmt: skip
            keep["persist_mode"] = Value("u", _UNTIL_REVOKED)
            if (token := load_token(self._token_file)) is not None:
                keep["restore_token"] = Value("s", token)
        screen = {"types": Value("u", _MONITOR), "multiple": Value("b", self._wants_several)}
        if offer.cursor_modes & _EMBEDDED:
            screen["cursor_mode"] = Value("u", _EMBEDDED)
        if self._wants_input:
            devices = {"types": Value("u", offer.devices)} | keep
            await self._request(REMOTE_DESKTOP, "SelectDevices", "o", (self._handle,), devices)
        else:
            screen |= keep
        await self._request(SCREEN_CAST, "SelectSources", "o", (self._handle,), screen)

    async def _request(
        self, interface: str, member: str, signature: str, body: tuple[object, ...], options: dict[str, Value],
        *, within_s: float | None = None,
    ) -> Results:  # fmt: skip
        """Asks, and waits for the signal that answers."""
        assert self._bus is not None
        within_s = _STEP_S if within_s is None else within_s
        token = _token()
        path = f"{OBJECT}/request/{self._bus.name[1:].replace('.', '_')}/{token}"
        answered = self._answers[path] = asyncio.get_running_loop().create_future()
        try:
            named = {"handle_token": Value("s", token)} | options
            answer = await self._call(interface, member, f"{signature}a{{sv}}", (*body, named), reply="o")
            path = handle(answer.body[0], "request")
            self._answers.setdefault(path, answered)  # portals before 0.9 choose another
            async with asyncio.timeout(within_s):
                signal = await answered
        except (TimeoutError, asyncio.CancelledError) as error:
            if self._bus is not None:
                with contextlib.suppress(CaptureError):
                    self._bus.tell(self._owner, path, REQUEST, "Close", "", ())
            if isinstance(error, asyncio.CancelledError):
                raise
            raise CaptureError(
                f"The portal has not answered {member} for {within_s:g} s", hint="Answer the desktop's question in time"
            ) from error
        finally:
            self._answers = {at: one for at, one in self._answers.items() if one is not answered}
            if answered.done() and not answered.cancelled():
                answered.exception()  # it may be known by another way already
        return self._results(member, signal)

    def _results(self, member: str, signal: Signal) -> Results:
        if signal.signature != "ua{sv}":
            raise CaptureError(f"The portal answers {member} with ({signal.signature})")
        code, results = signal.body
        if code == _CANCELLED:
            raise Denied(
                "The desktop's owner did not agree to share it",
                hint="Start again, choose a screen in the desktop's question, and agree",
            )
        if code != _DONE:
            raise CaptureError(f"The portal could not do {member} ({code})", hint=_BACKENDS)
        found: Results = results
        return found

    async def _call(
        self, interface: str, member: str, signature: str, body: tuple[object, ...], *, reply: str
    ) -> Answer:
        if self._bus is None:
            raise CaptureError("The portal's session is closed")
        return await self._bus.call(self._owner, OBJECT, interface, member, signature, body, reply=reply)

    def _hear(self, signal: Signal) -> None:
        if signal.sender == _BUS and signal.member == "NameOwnerChanged" and signal.signature == "sss":
            name, before, _ = signal.body
            if name == PORTAL and before == self._owner:
                self._finish(CaptureError("The desktop's portal is gone"))
        elif signal.sender != self._owner:
            pass  # whoever it is, it is not the portal
        elif (signal.interface, signal.member) == (REQUEST, "Response"):
            answered = self._answers.get(signal.path)
            if answered is not None and not answered.done():
                answered.set_result(signal)
        elif signal.interface == CLIPBOARD:
            if signal.signature.startswith("o") and signal.body[0] == self._handle:
                self.on_clipboard(signal)
        elif (signal.interface, signal.member, signal.path) == (SESSION, "Closed", self._handle):
            self._finish(CaptureError("The desktop's owner, or the desktop, has ended the sharing of the screen"))

    async def _watch_bus(self, bus: SessionBus) -> None:
        self._finish(await bus.lost())

    def _finish(self, error: CaptureError) -> None:
        if not self._end.done():
            log.info("portal_session_ended", error=error.message)
            self._end.set_result(error)
        for answered in self._answers.values():
            if not answered.done():
                answered.set_exception(error)


def _token() -> str:
    """A name that nobody else guesses."""
    return f"dillinger_{secrets.token_hex(8)}"
