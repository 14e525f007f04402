"""The CLIPBOARD selection of an X display (ICCCM section 2), on a thread and a connection of its own.

When a program copies, its text or picture is fetched and reported; what is given is served to programs that paste.
Programs and server are hostile: what they send has limits, a program that does not deliver is given up after 3 s, and
one that copies without end is looked at five times a second.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
import xcffib.xfixes
import xcffib.xproto

from dillinger_contracts.clips import MOST_CLIP_BYTES, ClipKind
from dillinger_contracts.errors import Invalid
from dillinger_stream.capture.base import CaptureError, RequestRefusedError
from dillinger_stream.capture.xconnection import XConnection

from .base import Clip, checked

log = structlog.get_logger()

DELIVERY_S = 3.0
"""What a program may take for each step of handing over what it copied."""
_PAUSE_S = 0.2
_NEWS_S = 0.15
"""What clipboard managers may take to hear of a new owner. Wine has one beside the program that pastes; until that has
asked what there is, Windows programs paste what was there before."""
_MOST_TARGETS = 256
_NAMES = (
    "CLIPBOARD", "TARGETS", "INCR", "UTF8_STRING", "STRING", "TEXT",
    "text/plain", "text/plain;charset=utf-8", "image/png", "DILLINGER_CLIP",
)  # fmt: skip
_FETCHED: tuple[tuple[str, ClipKind], ...] = (
    ("UTF8_STRING", "text"),
    ("text/plain;charset=utf-8", "text"),
    ("STRING", "text"),
    ("image/png", "image"),
)
"""What is asked for, best first."""
_SERVED: dict[ClipKind, tuple[str, ...]] = {
    "text": ("UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING", "TEXT"),
    "image": ("image/png",),
}
_LATIN_1 = "STRING"


@dataclass(slots=True)
class _Fetch:
    """One conversion that was asked for."""

    target: str
    kind: ClipKind | None
    """None: which targets there are."""
    until_s: float
    is_in_parts: bool = False
    data: bytearray = field(default_factory=bytearray)


class X11Clipboard:
    """`on_copied` is called on this clipboard's thread."""

    def __init__(
        self, socket_path: str, *, auth_cookie: bytes | None = None, on_copied: Callable[[Clip], None]
    ) -> None:
        """Connects; blocks for 5 s at most, then raises `CaptureError`."""
        self._on_copied = on_copied
        self._connection = XConnection(socket_path, auth_cookie=auth_cookie)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise
        self._fetch: _Fetch | None = None
        self._look_at_s: float | None = None
        self._looked_s = 0.0
        self._clip: Clip | None = None
        self._lock = threading.Lock()
        self._gift: tuple[Clip, Callable[[], None]] | None = None
        self._untold: tuple[Callable[[], None], float] | None = None
        """Whom to tell that a gift was taken, when nobody has asked for it until then."""
        self._is_closing = False
        self._wake_out, self._wake_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="x11-clipboard", daemon=True)
        self._thread.start()

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the thread when that is so."""
        with self._lock:
            self._gift = (clip, on_taken)
        self._wake()

    def close(self) -> None:
        """Ends thread and connection; idempotent."""
        if self._is_closing:
            return
        self._is_closing = True
        self._connection.abort()
        self._wake()
        self._thread.join()
        self._connection.close()
        os.close(self._wake_out)
        os.close(self._wake_in)

    def _prepare(self) -> None:
        connection = self._connection
        with connection.translated("described its screens in a way that can't be read"):
            screen = connection.raw.setup.roots[0]
            questions = {name: connection.raw.core.InternAtom(False, len(name), name) for name in _NAMES}
        self._atoms = {name: int(connection.reply(question).atom) for name, question in questions.items()}
        self._core = connection.raw.core
        fixes = connection.extension(xcffib.xfixes.key, "XFIXES")
        connection.reply(fixes.QueryVersion(5, 0))
        with connection.translated("refused the clipboard"):
            self._window = int(connection.raw.generate_id())
            self._core.CreateWindow(
                0, self._window, screen.root, -1, -1, 1, 1, 0, xcffib.xproto.WindowClass.InputOnly, 0,
                xcffib.xproto.CW.EventMask, [xcffib.xproto.EventMask.PropertyChange],
            )  # fmt: skip
            fixes.SelectSelectionInput(
                self._window, self._atoms["CLIPBOARD"], xcffib.xfixes.SelectionEventMask.SetSelectionOwner
            )
        connection.flush()

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._take_gift()
                # Answers that were waited for may have left events behind that no descriptor tells of.
                while events := self._connection.events():
                    for event in events:
                        self._handle(event)
                self._look_and_give_up()
                self._connection.flush()
                self._wait()
        except CaptureError as error:
            if not self._is_closing:
                log.warning("clipboard_lost", error=error.message)

    def _wait(self) -> None:
        deadlines = [
            self._look_at_s,
            self._fetch.until_s if self._fetch is not None else None,
            self._untold[1] if self._untold is not None else None,
        ]
        times = [at_s for at_s in deadlines if at_s is not None]
        timeout_s = max(min(times) - time.monotonic(), 0.0) if times else None
        readable, _, _ = select.select([self._connection.fileno(), self._wake_out], [], [], timeout_s)
        if self._wake_out in readable:
            os.read(self._wake_out, 4096)

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_in, b"\0")

    def _handle(self, event: Any) -> None:
        if isinstance(event, xcffib.xfixes.SelectionNotifyEvent):
            self._owner_changed(int(event.owner))
        elif isinstance(event, xcffib.xproto.SelectionNotifyEvent):
            self._delivered(event)
        elif isinstance(event, xcffib.xproto.PropertyNotifyEvent):
            self._property_changed(event)
        elif isinstance(event, xcffib.xproto.SelectionRequestEvent):
            self._serve(event)

    # What a program copied

    def _owner_changed(self, owner: int) -> None:
        self._fetch = None
        is_program = owner not in (0, self._window)
        self._look_at_s = max(self._looked_s + _PAUSE_S, time.monotonic()) if is_program else None

    def _look_and_give_up(self) -> None:
        now_s = time.monotonic()
        if self._fetch is not None and self._fetch.until_s <= now_s:
            self._fetch = None
        if self._untold is not None and self._untold[1] <= now_s:
            self._tell()
        if self._look_at_s is not None and self._look_at_s <= now_s:
            self._look_at_s, self._looked_s = None, now_s
            if self._owner() not in (0, self._window):  # that a program took it may be old news
                self._ask("TARGETS", None)

    def _owner(self) -> int:
        with self._connection.translated("can't be asked for the clipboard"):
            question = self._core.GetSelectionOwner(self._atoms["CLIPBOARD"])
        return int(self._connection.reply(question).owner)

    def _ask(self, target: str, kind: ClipKind | None) -> None:
        self._fetch = _Fetch(target, kind, time.monotonic() + DELIVERY_S)
        with self._connection.translated("is gone"):
            self._core.ConvertSelection(
                self._window, self._atoms["CLIPBOARD"], self._atoms[target], self._atoms["DILLINGER_CLIP"], 0
            )

    def _delivered(self, event: Any) -> None:
        fetch = self._fetch
        if fetch is None or int(event.target) != self._atoms[fetch.target]:
            return
        if not event.property:
            self._fetch = None
            return
        kind, data = self._read()
        if kind == self._atoms["INCR"]:
            fetch.is_in_parts, fetch.until_s = True, time.monotonic() + DELIVERY_S
        elif data is None:
            self._fetch = None
        else:
            self._fetched(fetch, data)

    def _property_changed(self, event: Any) -> None:
        fetch = self._fetch
        is_part = event.state == xcffib.xproto.Property.NewValue and int(event.atom) == self._atoms["DILLINGER_CLIP"]
        if fetch is None or not fetch.is_in_parts or not is_part:
            return
        _, data = self._read()
        if data is None or len(fetch.data) + len(data) > _most_bytes(fetch):
            self._fetch = None
        elif data:
            fetch.data += data
            fetch.until_s = time.monotonic() + DELIVERY_S
        else:
            self._fetched(fetch, bytes(fetch.data))

    def _read(self) -> tuple[int, bytes | None]:
        """Type and value of the property in which programs deliver, which is deleted; no value where it is too much."""
        most = max(MOST_CLIP_BYTES.values()) // 4
        with self._connection.translated("can't be asked for a property"):
            question = self._core.GetProperty(True, self._window, self._atoms["DILLINGER_CLIP"], 0, 0, most)
        try:
            reply = self._connection.reply(question)
        except RequestRefusedError:
            return 0, None
        return int(reply.type), None if reply.bytes_after else reply.value.buf()

    def _fetched(self, fetch: _Fetch, data: bytes) -> None:
        self._fetch = None
        if fetch.kind is None:
            whole = min(len(data) // 4, _MOST_TARGETS)
            offered = set(struct.unpack(f"={whole}I", data[: whole * 4]))
            best = next(((name, kind) for name, kind in _FETCHED if self._atoms[name] in offered), None)
            if best is not None:
                self._ask(*best)
            return
        if fetch.target == _LATIN_1:
            data = data.decode("latin-1").encode()
        if fetch.kind == "text":
            data = data.rstrip(b"\0")
        if data:
            try:
                self._on_copied(checked(fetch.kind, data))
            except Invalid as error:
                log.info("copied_data_refused", error=error.message)

    # What is pasted

    def _take_gift(self) -> None:
        with self._lock:
            gift, self._gift = self._gift, None
        if gift is None:
            return
        self._clip, on_taken = gift
        self._fetch = self._look_at_s = None
        with self._connection.translated("refused the clipboard"):
            self._core.SetSelectionOwner(self._window, self._atoms["CLIPBOARD"], 0)
        self._owner()  # once it has answered, whoever pastes comes to us
        self._tell()
        self._untold = (on_taken, time.monotonic() + _NEWS_S)

    def _tell(self) -> None:
        untold, self._untold = self._untold, None
        if untold is not None:
            untold[0]()

    def _serve(self, event: Any) -> None:
        target = int(event.target)
        # Clients of before 1990 name no property.
        place = int(event.property) or target
        clip = self._clip
        names = _SERVED[clip.kind] if clip is not None else ()
        with self._connection.translated("is gone"):
            if clip is not None and target == self._atoms["TARGETS"]:
                atoms = [self._atoms[name] for name in ("TARGETS", *names)]
                data = struct.pack(f"={len(atoms)}I", *atoms)
                self._put(event.requestor, place, xcffib.xproto.Atom.ATOM, 32, data)
            elif clip is not None and target in [self._atoms[name] for name in names]:
                is_latin_1 = target == self._atoms[_LATIN_1]
                data = clip.data.decode().encode("latin-1", "replace") if is_latin_1 else clip.data
                kind = self._atoms["UTF8_STRING"] if target == self._atoms["TEXT"] else target
                self._put(event.requestor, place, kind, 8, data)
            else:
                place = 0
            answer = xcffib.xproto.SelectionNotifyEvent.synthetic(  # type: ignore[no-untyped-call]
                time=event.time, requestor=event.requestor, selection=event.selection, target=target, property=place
            )
            self._core.SendEvent(False, event.requestor, 0, answer.pack())
        if place:
            self._connection.flush()
            self._tell()

    def _put(self, window: int, place: int, kind: int, bits: int, data: bytes) -> None:
        # Not checked: a requestor that is gone by now is no fault.
        self._core.ChangeProperty(
            xcffib.xproto.PropMode.Replace, window, place, kind, bits, len(data) * 8 // bits, data
        )


def _most_bytes(fetch: _Fetch) -> int:
    return _MOST_TARGETS * 4 if fetch.kind is None else MOST_CLIP_BYTES[fetch.kind]
