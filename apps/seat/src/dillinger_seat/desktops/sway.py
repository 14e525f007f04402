"""The compositor of a cell: sway without a screen, drawing in software, with Xwayland for programs of X11.

It is told what a kiosk needs and nothing else: no key or button does anything but what the game makes of it, a window
has the whole desktop, several have tabs, and dialogs float. It makes its own socket, in the cell's own folder; the seat
gets in by connections that the cell's init makes. Xwayland is started when the first program of X11 comes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from dillinger_contracts.errors import Unavailable, Unsupported
from dillinger_contracts.game import DisplayConfiguration
from dillinger_seat.cell.cell import Cell, Part, Program
from dillinger_seat.cell.paths import CellPaths, SharedPaths

from .base import DISPLAY, READY_TIMEOUT_S

if TYPE_CHECKING:
    from .wayland import WaylandDesktop

_NAMES = re.compile(r"(wayland-\d{1,2})(?: (:\d{1,2}))?")
"""What sway's children are told: the compositor's socket, and the display that Xwayland is to have."""
_NOT_FOUND = 127
"""How a shell ends that finds no such program."""
NO_COMPOSITOR = "A Wayland desktop needs sway and Xwayland, which are not installed where games run"
HOW_TO_INSTALL = 'apt-get install sway xwayland (in a container: in the cell\'s image), or desktop = "x11" in game.toml'
_CONFIG = """
output * mode --custom {width_px}x{height_px}@{rate_hz:.3f}Hz
default_border none
default_floating_border none
workspace_layout tabbed
hide_edge_borders --i3 none
focus_follows_mouse no
focus_on_window_activation focus
mouse_warping none
floating_modifier none
floating_maximum_size -1 x -1
exec echo "$WAYLAND_DISPLAY $DISPLAY" >/proc/self/fd/{ready_fd}
"""
_START = 'printf %s "$1" >"$XDG_RUNTIME_DIR/sway.config" && exec sway --config "$XDG_RUNTIME_DIR/sway.config"'


def config(wanted: DisplayConfiguration, *, rate_hz: float) -> str:
    """sway's, for a desktop that begins with this size; `{ready_fd}` is left for the cell's init."""
    return _CONFIG.format(
        width_px=wanted.width_px, height_px=wanted.height_px, rate_hz=rate_hz, ready_fd="{ready_fd}"
    ).lstrip()


class Sway:
    """The display server, as a part of the cell."""

    listen_fds: tuple[int, ...] = ()

    def __init__(self, shared: SharedPaths, *, rate_hz: float) -> None:
        # What every cell mounts has to be there.
        shared.x11_dir.mkdir(mode=0o755, exist_ok=True)
        shared.auth.touch(0o600)
        self._rate_hz = rate_hz
        self._desktop: WaylandDesktop | None = None
        self.variables: dict[str, str] = {}

    def move_in(self, cell: Cell, paths: CellPaths) -> None:
        """The cell is up."""
        self._cell = cell
        self._paths = paths
        self._socket_path = ""

    async def start(self, wanted: DisplayConfiguration) -> Part:
        """Starts it; raises `PartFailed` or `Unavailable`."""
        headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
        return await self._cell.run(
            DISPLAY,
            Program(
                argv=("sh", "-c", _START, "sh", config(wanted, rate_hz=self._rate_hz)),
                env=self._paths.environment | headless,
                cwd="/",
                wants_ready=True,
            ),
        )

    async def wait_ready(self, part: Part) -> None:
        """Returns when it takes connections; raises `Unavailable` when it died or takes too long, and `Unsupported`
        where it is not installed."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                told = await asyncio.shield(part.ready)
        except TimeoutError:
            raise Unavailable(f"The compositor was not ready after {READY_TIMEOUT_S:g} s") from None
        except Unavailable:
            if part.ended.done() and part.ended.result().code == _NOT_FOUND:
                raise Unsupported(NO_COMPOSITOR, hint=HOW_TO_INSTALL) from None
            raise
        names = _NAMES.fullmatch(told)
        if names is None:
            raise Unavailable(f"The compositor named its socket in a way that can't be read: {told[:80]!r}")
        self._socket_path = f"{self._paths.environment['XDG_RUNTIME_DIR']}/{names[1]}"
        self.variables = {"WAYLAND_DISPLAY": names[1], "XDG_SESSION_TYPE": "wayland"}
        if names[2]:
            self.variables["DISPLAY"] = names[2]

    def desktop(self, *, on_pointer_moved: Callable[[], None]) -> WaylandDesktop:
        """What the seat holds of it, not connected yet. The compositor counts a moved pointer as damage by itself."""
        from .wayland import WaylandDesktop

        del on_pointer_moved
        self._desktop = WaylandDesktop(lambda: self._cell.connect(self._socket_path), rate_hz=self._rate_hz)
        return self._desktop

    async def set_keyboard(self, layout: str) -> None:
        """`de` or `us:dvorak`, as XKB names them; raises `Unsupported` or `Unavailable`, and leaves it as it was."""
        if self._desktop is not None:
            self._desktop.set_layout(layout)

    def close(self) -> None:
        """Nothing of it is outside of the cell."""
