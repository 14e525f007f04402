"""Another size for a headless desktop, by RandR.

Xvfb takes any size up to the one that it was started with. The output is never switched off on the way: the screen
first grows around the old and the new mode, so that no game sees itself without a display. Used under the lock of
`Display`.
"""

from __future__ import annotations

from typing import Any

import xcffib.randr

from .base import CaptureError
from .xconnection import XConnection

_SMALLEST = (160, 120)
"""What a stream's picture has at least (`Size`); a smaller game keeps a border."""
GAME_MODES = (
    (320, 200), (320, 240), (400, 300), (512, 384), (640, 400), (640, 480), (800, 600), (1024, 768), (1152, 864),
    (1280, 720), (1280, 800), (1280, 960), (1280, 1024), (1366, 768), (1440, 900), (1600, 900), (1600, 1200),
    (1680, 1050), (1920, 1080), (1920, 1200), (2560, 1440),
)  # fmt: skip
"""What screens offered, from VGA on: a game that changes the resolution takes one of a list, and Xvfb has one only."""
_RATE_HZ = 60.0
_MM_PER_PX = 25.4 / 96
_ROTATE_0 = 1


class Resizer:
    """The one output of a headless server."""

    def __init__(self, connection: XConnection, root: int) -> None:
        self._connection = connection
        self._root = root
        self._randr = connection.extension(xcffib.randr.key, "RANDR")
        self._own_modes: list[int] = []
        connection.reply(self._randr.QueryVersion(1, 3))
        limits = connection.reply(self._randr.GetScreenSizeRange(root))
        self.largest = (int(limits.max_width), int(limits.max_height))
        self._last = self.size()
        """What was set here last: another size is one that a game has set."""

    @property
    def is_a_game_s(self) -> bool:
        """Whether a game has changed the size since it was set here."""
        return self.size() != self._last

    def offer(self) -> None:
        """Adds the sizes that games know to those that the output can have."""
        output, known = self._output()
        for width, height in GAME_MODES:
            if (width, height) not in known and width <= self.largest[0] and height <= self.largest[1]:
                self._new_mode(output, width, height, _RATE_HZ)
        self._own_modes.clear()  # these stay

    def possible(self, width_px: int, height_px: int) -> tuple[int, int]:
        """The even size within the server's limits that comes nearest."""
        width = max(_SMALLEST[0], min(width_px, self.largest[0])) & ~1
        height = max(_SMALLEST[1], min(height_px, self.largest[1])) & ~1
        return width, height

    def _output(self) -> tuple[int, dict[tuple[int, int], int]]:
        """The output, and its modes by their sizes."""
        resources = self._connection.reply(self._randr.GetScreenResources(self._root))
        if not resources.crtcs or not resources.outputs:
            raise CaptureError("The display server has no output that could be resized")
        return int(resources.outputs[0]), {(mode.width, mode.height): int(mode.id) for mode in resources.modes}

    def size(self) -> tuple[int, int]:
        """What the screen measures now."""
        with self._connection.translated("is gone"):
            question = self._connection.raw.core.GetGeometry(self._root)
        reply = self._connection.reply(question)
        return int(reply.width), int(reply.height)

    def resize(self, width_px: int, height_px: int, rate_hz: float) -> tuple[int, int]:
        """To an even size within the server's limits; returns what was really set."""
        width, height = self.possible(width_px, height_px)
        before = self.size()
        if before == (width, height):
            return before
        resources = self._connection.reply(self._randr.GetScreenResources(self._root))
        if not resources.crtcs or not resources.outputs:
            raise CaptureError("The display server has no output that could be resized")
        crtc, output = resources.crtcs[0], resources.outputs[0]
        known = {(mode.width, mode.height): mode.id for mode in resources.modes}
        mode = known.get((width, height)) or self._new_mode(output, width, height, rate_hz)
        self._set_screen(max(before[0], width), max(before[1], height))
        question = self._randr.SetCrtcConfig(crtc, 0, resources.config_timestamp, 0, 0, mode, _ROTATE_0, 1, [output])
        if self._connection.reply(question).status != xcffib.randr.SetConfig.Success:
            raise CaptureError(f"The display server refuses the size {width}x{height}")
        self._set_screen(width, height)
        self._forget_modes(output, keep=mode)
        self._last = self.size()
        return self._last

    def _set_screen(self, width: int, height: int) -> None:
        if self.size() != (width, height):
            size_mm = round(width * _MM_PER_PX), round(height * _MM_PER_PX)
            with self._connection.translated("refused a new size"):
                request = self._randr.SetScreenSize(self._root, width, height, *size_mm, is_checked=True)
            self._connection.check(request)

    def _new_mode(self, output: int, width: int, height: int, rate_hz: float) -> int:
        name = f"{width}x{height}"
        clock_hz = round(width * height * rate_hz)
        with self._connection.translated("refused a new mode"):
            info: Any = xcffib.randr.ModeInfo.synthetic(  # type: ignore[no-untyped-call]
                0, width, height, clock_hz, width, width, width, 0, height, height, height, len(name), 0
            )
            question = self._randr.CreateMode(self._root, info, len(name), name)
        mode = int(self._connection.reply(question).mode)
        self._own_modes.append(mode)
        self._connection.check(self._randr.AddOutputMode(output, mode, is_checked=True))
        return mode

    def _forget_modes(self, output: int, *, keep: int) -> None:
        """A window that is dragged larger would leave a mode for each step."""
        for mode in [mode for mode in self._own_modes if mode != keep]:
            self._connection.check(self._randr.DeleteOutputMode(output, mode, is_checked=True))
            self._connection.check(self._randr.DestroyMode(mode, is_checked=True))
            self._own_modes.remove(mode)
