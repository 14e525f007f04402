"""The desktop that xdg-desktop-portal hands out when its owner agrees: GNOME's, KDE's, and others' that do the same.

Its pictures come by PipeWire, keyboard and pointer go by the portal's RemoteDesktop interface. Which screens they are,
their sizes and the keyboard's layout are its owner's. Several screens are one picture, in which they lie as on his
desk. On the loop; what blocks is done in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping

import structlog

from dillinger_contracts.errors import DillingerError
from dillinger_stream.capture.arrangement import Screen, arrange, bounds, nearest
from dillinger_stream.capture.base import CaptureError, CaptureSource
from dillinger_stream.capture.pipewire import PipeWireCapture, pipeline_of
from dillinger_stream.capture.side_by_side import SideBySide
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.input.base import InputSink
from dillinger_stream.input.portal import PortalInput
from dillinger_stream.program.portal.answers import Started
from dillinger_stream.program.portal.bus import address_of
from dillinger_stream.program.portal.clipboard import PortalClipboard
from dillinger_stream.program.portal.session import PortalSession
from dillinger_stream.program.portal.token import token_file

log = structlog.get_logger()

_NAME = re.compile(r"[A-Za-z0-9 ._-]{1,64}", re.ASCII)
_FIRST_PICTURE_S = 20.0
_REMOTE_S = 15.0


class PortalSource:
    """One session's desktop."""

    kind = "portal"

    def __init__(
        self, environment: Mapping[str, str], *, is_view_only: bool, wants_several: bool, has_clipboard: bool
    ) -> None:
        """`wants_several`: its owner may choose several screens. Raises `CaptureError` where there is no session whose
        desktop it could be."""
        self._address = address_of(environment)
        last = environment.get("XDG_CURRENT_DESKTOP", "").rpartition(":")[2]
        self.name = last if _NAME.fullmatch(last) else "portal"
        self.key = f"portal-{hashlib.sha256(self._address.encode()).hexdigest()[:12]}"
        self.on_copied: Callable[[Clip], None] = lambda clip: None
        self.on_pointer_moved: Callable[[], None] = lambda: None
        self.set_keyboard: Callable[[str], Awaitable[None]] | None = None
        what = "the screens" if wants_several else "a screen"
        self.question: str | None = (
            f"The desktop asks on its screen whether it may be shared: choose {what} there, and agree."
        )
        self.shares_clipboard = has_clipboard and not is_view_only
        self._clipboard: PortalClipboard | None = None
        self._is_view_only = is_view_only
        self._wants_several = wants_several
        self._token_file = token_file(environment, "screen-cast" if is_view_only else "remote-desktop")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: PortalSession | None = None
        self._granted: Started | None = None
        self._captures: list[PipeWireCapture] = []
        """Those opened last, one a screen."""
        self._is_first = True
        self._first_px: list[tuple[int, int]] = []
        """How large the first picture of each screen was."""
        self._input: PortalInput | None = None

    async def connect(self) -> None:
        """Asks the desktop's owner; raises `Denied`, `Unsupported` or `CaptureError`."""
        self._loop = asyncio.get_running_loop()
        self._session = session = PortalSession(
            self._address, wants_input=not self._is_view_only, wants_several=self._wants_several,
            token_file=self._token_file, wants_clipboard=self.shares_clipboard,
        )  # fmt: skip
        self._granted = granted = await session.open()
        self.shares_clipboard = self.shares_clipboard and granted.has_clipboard
        if self.shares_clipboard:
            self._clipboard = PortalClipboard(session.ask_clipboard, on_copied=lambda clip: self.on_copied(clip))
            session.on_clipboard = self._clipboard.heard
        for stream in granted.screens:
            remote = await session.open_remote()
            self._first_px.append(await asyncio.to_thread(self._look, remote, stream.node_id))
        log.info("screens_shared", sizes_px=[f"{width}x{height}" for width, height in self._first_px])
        self._input = PortalInput(session.notify, devices=granted.devices, place=self._place)

    def _look(self, remote: int, node_id: int) -> tuple[int, int]:
        """Opens the capture of a screen, and waits until it has shown something; the size of that."""
        capture = _open(remote, node_id)
        self._captures.append(capture)
        if not capture.wait(_FIRST_PICTURE_S, -1):
            raise CaptureError(
                f"The desktop agreed, and has given no picture for {_FIRST_PICTURE_S:g} s",
                hint="Is its screen on, and unlocked? A session manager of PipeWire (wireplumber) has to run",
            )
        frame = capture.grab()
        return frame.width_px, frame.height_px

    def open_capture(self) -> CaptureSource:
        """The capture that was tried at the start, the first time; a new one later. On the pipeline's thread."""
        if not self._is_first:
            self._captures = self._open_anew()  # at once: the loop looks there for where the pointer is to go
        self._is_first = False
        return self._captures[0] if len(self._captures) == 1 else SideBySide(self._captures, self._screen)

    def _open_anew(self) -> list[PipeWireCapture]:
        assert self._session is not None and self._granted is not None and self._loop is not None
        captures: list[PipeWireCapture] = []
        try:
            for stream in self._granted.screens:
                asked = asyncio.run_coroutine_threadsafe(self._session.open_remote(), self._loop)
                try:
                    captures.append(_open(asked.result(_REMOTE_S), stream.node_id))
                except TimeoutError as error:
                    asked.cancel()
                    raise CaptureError("The portal does not answer") from error
        except BaseException:
            for capture in captures:
                capture.close()
            raise
        return captures

    def sink(self) -> InputSink:
        """For one peer."""
        if self._input is None:
            raise CaptureError(f"The desktop {self.name} is not connected")
        return self._input.sink()

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        if self._clipboard is not None:
            self._clipboard.give(clip, on_taken)

    async def ended(self) -> CaptureError:
        """Returns when the desktop or its owner has ended it."""
        assert self._session is not None
        return await self._session.ended()

    async def close(self) -> None:
        """Lets go of what is held, and gives the desktop back; idempotent."""
        if self._input is not None:
            with contextlib.suppress(DillingerError):
                self._input.close()
        if self._clipboard is not None:
            await self._clipboard.close()
        captures, self._captures = self._captures, []
        for capture in captures:
            capture.abort()  # somebody may wait for its first picture still
            await asyncio.to_thread(capture.close)
        if self._session is not None:
            await self._session.close()

    def _screen(self, at: int, width_px: int, height_px: int) -> Screen:
        """The screen of that number: what the portal told of it at the start, and as its picture has grown since."""
        assert self._granted is not None
        stream, first = self._granted.screens[at], self._first_px[at]
        extent = None
        if stream.extent is not None:
            across, down = stream.extent
            extent = (max(1, round(across * width_px / first[0])), max(1, round(down * height_px / first[1])))
        return Screen(width_px, height_px, stream.place, extent)

    def _place(self, x: float, y: float) -> tuple[int, float, float]:
        """What the portal calls a place of the picture, which is told as a share of its width and height."""
        assert self._granted is not None
        sizes = [capture.size for capture in self._captures] or [None] * len(self._first_px)
        screens = [
            self._screen(at, *(now or first)) for at, (now, first) in enumerate(zip(sizes, self._first_px, strict=True))
        ]
        boxes = arrange(screens)
        width, height = bounds(boxes)
        at, left, top = nearest(boxes, x * (width - 1), y * (height - 1))
        screen = screens[at]
        extent = screen.extent or (screen.width_px, screen.height_px)
        across, down = left / max(1, screen.width_px - 1), top / max(1, screen.height_px - 1)
        return self._granted.screens[at].node_id, across * (extent[0] - 1), down * (extent[1] - 1)


def _open(remote: int, node_id: int) -> PipeWireCapture:
    try:
        return PipeWireCapture(pipeline_of(node_id), remote)
    finally:
        os.close(remote)
