"""The X server of a cell: Xvfb on a listening socket that the seat made before the cell was.

Kept apart from `x11`, which holds the seat's connections to it and takes a while to import: the server starts
meanwhile. Xvfb starts at the largest size that RandR may later go to; it draws nothing by itself, so an idle desktop
costs memory only for what was drawn.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.game import DisplayConfiguration, Size
from dillinger_contracts.session import StreamProfile
from dillinger_seat.cell.cell import Cell, Part, Program
from dillinger_seat.cell.paths import CellPaths, SharedPaths

from .base import DISPLAY, READY_TIMEOUT_S
from .keyboard import Keyboard
from .sockets import listening_socket, numbered_listener

if TYPE_CHECKING:
    from .x11 import X11Desktop

LARGEST = Size(width_px=2560, height_px=1440)
"""RandR goes no further than Xvfb's first size; each pixel that is ever drawn costs 4 bytes in the cell."""
COMMON_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X clients look
_COOKIE_BYTES = 16
_FAMILY_WILD = 0xFFFF


def xauthority(cookie: bytes) -> bytes:
    """An Xauthority file that holds `cookie` for every display (Xau(3): family, address, number, name, data)."""
    name = b"MIT-MAGIC-COOKIE-1"
    fields = (b"", b"", name, cookie)
    return struct.pack(">H", _FAMILY_WILD) + b"".join(struct.pack(">H", len(field)) + field for field in fields)


class X11Sockets:
    """What has to exist before the cell does: the listening socket and the cookie.

    In a sandbox the display is `:0`, its socket in the session's own folder. Without one it is where X clients of this
    machine look for it (libxcb takes no path as a display), under the first free number.
    """

    def __init__(self, shared: SharedPaths, *, is_isolated: bool) -> None:
        shared.x11_dir.mkdir(mode=0o755, exist_ok=True)
        self.cookie = secrets.token_bytes(_COOKIE_BYTES)
        shared.auth.write_bytes(xauthority(self.cookie))
        shared.auth.chmod(0o600)
        self.number = 0
        path = shared.x11_dir / "X0"
        if is_isolated:
            self._listener = listening_socket(path)
        else:
            self.number, path, self._listener = numbered_listener(COMMON_SOCKETS)
        self.path = str(path)

    @property
    def listen_fd(self) -> int:
        """For the X server."""
        return self._listener.fileno()

    def close(self) -> None:
        """Lets go of the listening socket, and takes its name away; the X server has its own copy."""
        self._listener.close()
        Path(self.path).unlink(missing_ok=True)


def first_display(display: DisplayConfiguration, profile: StreamProfile) -> DisplayConfiguration:
    """The display to start with: as large as the viewer's window where the game follows it, so that nothing has to be
    resized under the first picture; else what the game asks for. Never grows what the display server is started for."""
    if not display.resizable:
        return display
    largest_width_px = max(LARGEST.width_px, display.width_px)
    largest_height_px = max(LARGEST.height_px, display.height_px)
    return display.model_copy(
        update={
            "width_px": min(profile.width_px, largest_width_px),
            "height_px": min(profile.height_px, largest_height_px),
        }
    )


class Xvfb:
    """The display server, as a part of the cell."""

    def __init__(self, shared: SharedPaths, *, is_isolated: bool) -> None:
        self._sockets = X11Sockets(shared, is_isolated=is_isolated)
        self.variables: dict[str, str] = {}

    @property
    def listen_fds(self) -> tuple[int, ...]:
        """The socket that the cell is to inherit."""
        return (self._sockets.listen_fd,)

    def move_in(self, cell: Cell, paths: CellPaths) -> None:
        """The cell is up."""
        self._cell = cell
        self._paths = paths
        self.variables = {"DISPLAY": f":{self._sockets.number}", "XAUTHORITY": paths.auth}
        self._keyboard = Keyboard(cell, paths, self.variables)

    async def start(self, wanted: DisplayConfiguration) -> Part:
        """Starts it; raises `PartFailed` or `Unavailable`. It answers connections when it is ready."""
        width_px, height_px = max(LARGEST.width_px, wanted.width_px), max(LARGEST.height_px, wanted.height_px)
        return await self._cell.run(
            DISPLAY,
            Program(
                argv=(
                    "Xvfb", "-displayfd", "{ready_fd}", "-screen", "0", f"{width_px}x{height_px}x24",
                    "-auth", self._paths.auth, "-noreset", "-nolisten", "tcp", "-nolisten", "local", "-dpi", "96",
                ),
                env=self._paths.environment,
                cwd="/",
                listen_fd=self._sockets.listen_fd,
                wants_ready=True,
            ),
        )  # fmt: skip

    async def wait_ready(self, part: Part) -> None:
        """Returns when it takes connections; raises `Unavailable` when it died or takes too long."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await asyncio.shield(part.ready)
        except TimeoutError:
            raise Unavailable(f"The display server was not ready after {READY_TIMEOUT_S:g} s") from None

    def desktop(self, *, on_pointer_moved: Callable[[], None]) -> X11Desktop:
        """What the seat holds of it, not connected yet."""
        from .x11 import X11Desktop

        return X11Desktop(self._sockets.path, self._sockets.cookie, on_pointer_moved=on_pointer_moved)

    async def set_keyboard(self, layout: str) -> None:
        """`de` or `us:dvorak`, as XKB names them; raises `Unsupported` or `Unavailable`, and leaves it as it was."""
        await self._keyboard.set(layout)

    def close(self) -> None:
        """Lets go of the listening socket."""
        self._sockets.close()
