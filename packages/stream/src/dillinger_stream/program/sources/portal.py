"""The desktop that xdg-desktop-portal hands out when its owner agrees: GNOME's, KDE's, and others' that do the same.

Its pictures come by PipeWire, keyboard and pointer go by the portal's RemoteDesktop interface. Which screen it is, its
size and its keyboard's layout are its owner's. Copying and pasting is not shared. On the loop; what blocks is done in
threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping

from dillinger_contracts.errors import DillingerError
from dillinger_stream.capture.base import CaptureError, CaptureSource
from dillinger_stream.capture.pipewire import PipeWireCapture, pipeline_of
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.input.base import InputSink
from dillinger_stream.input.portal import PortalInput
from dillinger_stream.program.portal.answers import Started
from dillinger_stream.program.portal.bus import address_of
from dillinger_stream.program.portal.session import PortalSession
from dillinger_stream.program.portal.token import token_file

_NAME = re.compile(r"[A-Za-z0-9 ._-]{1,64}", re.ASCII)
_FIRST_PICTURE_S = 20.0
_REMOTE_S = 15.0


class PortalSource:
    """One session's desktop."""

    kind = "portal"
    shares_clipboard = False
    question: str | None = "The desktop asks on its screen whether it may be shared: choose a screen there, and agree."

    def __init__(self, environment: Mapping[str, str], *, is_view_only: bool) -> None:
        """Raises `CaptureError` where there is no session whose desktop it could be."""
        self._address = address_of(environment)
        last = environment.get("XDG_CURRENT_DESKTOP", "").rpartition(":")[2]
        self.name = last if _NAME.fullmatch(last) else "portal"
        self.key = f"portal-{hashlib.sha256(self._address.encode()).hexdigest()[:12]}"
        self.on_copied: Callable[[Clip], None] = lambda clip: None
        self.on_pointer_moved: Callable[[], None] = lambda: None
        self.set_keyboard: Callable[[str], Awaitable[None]] | None = None
        self._is_view_only = is_view_only
        self._token_file = token_file(environment, "screen-cast" if is_view_only else "remote-desktop")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: PortalSession | None = None
        self._granted: Started | None = None
        self._capture: PipeWireCapture | None = None
        """The last one that was opened."""
        self._is_first = True
        self._first_px = (1, 1)
        self._input: PortalInput | None = None

    async def connect(self) -> None:
        """Asks the desktop's owner; raises `Denied`, `Unsupported` or `CaptureError`."""
        self._loop = asyncio.get_running_loop()
        self._session = session = PortalSession(
            self._address, wants_input=not self._is_view_only, token_file=self._token_file
        )
        self._granted = granted = await session.open()
        remote = await session.open_remote()
        self._first_px = await asyncio.to_thread(self._look, remote, granted.stream.node_id)
        self._input = PortalInput(
            session.notify, devices=granted.devices, node_id=granted.stream.node_id, extent=self._extent
        )

    def _look(self, remote: int, node_id: int) -> tuple[int, int]:
        """Opens the capture, and waits until it has shown something; the size of that."""
        capture = self._capture = _open(remote, node_id)
        if not capture.wait(_FIRST_PICTURE_S, -1):
            raise CaptureError(
                f"The desktop agreed, and has given no picture for {_FIRST_PICTURE_S:g} s",
                hint="Is its screen on, and unlocked? A session manager of PipeWire (wireplumber) has to run",
            )
        frame = capture.grab()
        return frame.width_px, frame.height_px

    def open_capture(self) -> CaptureSource:
        """The capture that was tried at the start, the first time; a new one later. On the pipeline's thread."""
        assert self._session is not None and self._granted is not None and self._loop is not None
        if self._is_first and self._capture is not None:
            self._is_first = False
            return self._capture
        try:
            remote = asyncio.run_coroutine_threadsafe(self._session.open_remote(), self._loop).result(_REMOTE_S)
        except TimeoutError as error:
            raise CaptureError("The portal does not answer") from error
        self._capture = capture = _open(remote, self._granted.stream.node_id)
        return capture

    def sink(self) -> InputSink:
        """For one peer."""
        if self._input is None:
            raise CaptureError(f"The desktop {self.name} is not connected")
        return self._input.sink()

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """Nothing is shared."""

    async def ended(self) -> CaptureError:
        """Returns when the desktop or its owner has ended it."""
        assert self._session is not None
        return await self._session.ended()

    async def close(self) -> None:
        """Lets go of what is held, and gives the desktop back; idempotent."""
        if self._input is not None:
            with contextlib.suppress(DillingerError):
                self._input.close()
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.abort()  # somebody may wait for its first picture still
            await asyncio.to_thread(capture.close)
        if self._session is not None:
            await self._session.close()

    def _extent(self) -> tuple[float, float]:
        """What the portal's places are within: what it told at the start, and as the picture has grown since."""
        now = (self._capture.size if self._capture is not None else None) or self._first_px
        told = (self._granted.stream.extent if self._granted is not None else None) or self._first_px
        return told[0] * now[0] / self._first_px[0], told[1] * now[1] / self._first_px[1]


def _open(remote: int, node_id: int) -> PipeWireCapture:
    try:
        return PipeWireCapture(pipeline_of(node_id), remote)
    finally:
        os.close(remote)
