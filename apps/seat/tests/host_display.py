"""The display of a machine that somebody sits at: an Xvfb of the test's own, with a cookie, and hands on it."""

from __future__ import annotations

import asyncio
import os
import secrets
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xcffib.xproto

from dillinger_bench.testcard.read import Picture, Placement, Reading, read
from dillinger_bench.xclient import XClient
from dillinger_contracts.session import HostScreen
from dillinger_seat.desktops.xvfb import xauthority
from dillinger_stream.capture.xconnection import XConnection

WAIT_S = 30.0
_CLIENT_MESSAGE = struct.Struct("=BBH2I5I")


async def wait_card(
    look: Callable[[], Reading], fact: Callable[[Reading], object], what: str, *, describe: Callable[[], str]
) -> Reading:
    """The card, once it says so."""
    deadline = time.monotonic() + WAIT_S
    while True:
        seen = await asyncio.to_thread(look)
        if fact(seen):
            return seen
        assert time.monotonic() < deadline, f"never shown: {what}; it says {seen}\n{describe()}"
        await asyncio.sleep(0.05)


class HostDisplay:
    """One display; nobody manages its windows but the test."""

    def __init__(self, folder: Path, size: str = "1280x720") -> None:
        self.authority = folder / "Xauthority"
        self._cookie = secrets.token_bytes(16)
        self.authority.write_bytes(xauthority(self._cookie))
        read_fd, write_fd = os.pipe()
        command = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", f"{size}x24", "-auth", str(self.authority)]
        self.process = subprocess.Popen(
            [*command, "-nolisten", "tcp", "-noreset"], pass_fds=[write_fd], stderr=subprocess.DEVNULL
        )
        os.close(write_fd)
        with os.fdopen(read_fd) as reader:
            self.number = int(reader.readline())
        path = f"/tmp/.X11-unix/X{self.number}"
        self.hands = XClient(Path(path), cookie=self._cookie)
        self._manager = XConnection(path, auth_cookie=self._cookie)
        self._elsewhere = 0

    def screen(self, **changes: Any) -> HostScreen:
        """As a seat is told of it."""
        return HostScreen(display=f":{self.number}", authority_file=str(self.authority), **changes)

    def card(self, *, at: tuple[int, int] = (0, 0)) -> Reading:
        """What the test card says that is shown there."""
        pixels, width_px, height_px = self.hands.picture()
        return read(Picture(pixels, width_px, height_px, "BGRX"), Placement(*at))

    async def wait_card(
        self, fact: Callable[[Reading], object], what: str, *, describe: Callable[[], str], at: tuple[int, int] = (0, 0)
    ) -> Reading:
        """The card, once it says so."""
        return await wait_card(lambda: self.card(at=at), fact, what, describe=describe)

    def window(self) -> int:
        """The one window on it."""
        with self._manager.translated("does not tell its windows"):
            tree = self._manager.raw.core.QueryTree(self.hands.root).reply()
            windows = [int(one) for one in tree.children if one != self._elsewhere]
        assert len(windows) == 1, windows
        return windows[0]

    def resize(self, width_px: int, height_px: int) -> None:
        """As a window manager does."""
        mask = int(xcffib.xproto.ConfigWindow.Width | xcffib.xproto.ConfigWindow.Height)
        self._do(lambda core: core.ConfigureWindow(self.window(), mask, [width_px, height_px]))

    def take_focus_away(self) -> None:
        """To another window, in the corner."""
        self._elsewhere = self._manager.raw.generate_id()

        def click(core: Any) -> None:
            core.CreateWindow(0, self._elsewhere, self.hands.root, 0, 0, 1, 1, 0, 1, 0, 0, [])
            core.MapWindow(self._elsewhere)
            core.SetInputFocus(xcffib.xproto.InputFocus.PointerRoot, self._elsewhere, 0)

        self._do(click)

    def close_window(self) -> None:
        """A click on its X."""
        core = self._manager.raw.core
        names = ("WM_PROTOCOLS", "WM_DELETE_WINDOW")
        protocols, delete = (int(core.InternAtom(False, len(name), name).reply().atom) for name in names)
        window = self.window()
        message = _CLIENT_MESSAGE.pack(33, 32, 0, window, protocols, delete, 0, 0, 0, 0)
        self._do(lambda core: core.SendEvent(False, window, 0, message))

    def _do(self, work: Callable[[Any], object]) -> None:
        with self._manager.translated("refused"):
            work(self._manager.raw.core)
            self._manager.raw.core.GetInputFocus().reply()

    def kill(self) -> None:
        """The person logs out, or the server crashes."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Idempotent."""
        self.hands.close()
        self._manager.close()
        self.kill()
