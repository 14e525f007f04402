"""What peers wish of the desktop: its size and its keyboard's layout. The newest wish wins, one is done at a time.

On the loop; the tasks end with `close`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from dillinger_contracts.errors import DillingerError
from dillinger_contracts.game import Size
from dillinger_contracts.signaling import Notice

if TYPE_CHECKING:
    from .peer import Peer

log = structlog.get_logger()

Resize = Callable[[int, int], Awaitable[Size]]
SetKeyboard = Callable[[str], Awaitable[None]]


class DesktopWishes:
    """The wishes of one stream; None where there is nothing to be wished."""

    def __init__(self, resize: Resize | None, set_keyboard: SetKeyboard | None) -> None:
        self._resize = resize
        self._set_keyboard = set_keyboard
        self._size: tuple[Peer, int, int] | None = None
        self._resizing: asyncio.Task[None] | None = None
        self._keyboard: tuple[Peer, str] | None = None
        self._keyboard_task: asyncio.Task[None] | None = None

    def want_size(self, peer: Peer, width_px: int, height_px: int) -> None:
        """The desktop is to be as large; `peer` hears why it can't be."""
        if self._resize is None:
            peer.notice_once("fixed_size", "This game has a fixed size; the picture is scaled instead")
            return
        self._size = (peer, width_px, height_px)
        if self._resizing is None or self._resizing.done():
            self._resizing = asyncio.get_running_loop().create_task(self._follow_size(self._resize), name="hub_resize")

    def want_keyboard(self, peer: Peer, layout: str) -> None:
        """The desktop's keyboard becomes that of the player who came or chose last."""
        if self._set_keyboard is None or (self._keyboard is not None and self._keyboard[1] == layout):
            return
        self._keyboard = (peer, layout)
        if self._keyboard_task is None or self._keyboard_task.done():
            loop = asyncio.get_running_loop()
            self._keyboard_task = loop.create_task(self._follow_keyboard(self._set_keyboard), name="hub_keyboard")

    def close(self) -> None:
        """Nothing more is done."""
        for task in (self._resizing, self._keyboard_task):
            if task is not None:
                task.cancel()

    async def _follow_size(self, resize: Resize) -> None:
        while self._size is not None:
            (peer, width_px, height_px), self._size = self._size, None
            try:
                size = await resize(width_px, height_px)
                log.info("desktop_resized", width_px=size.width_px, height_px=size.height_px)
            except DillingerError as error:
                log.warning("resize_failed", width_px=width_px, height_px=height_px, error=error.message)
                peer.say(_warning(error))

    async def _follow_keyboard(self, set_keyboard: SetKeyboard) -> None:
        done: tuple[Peer, str] | None = None
        while self._keyboard is not None and self._keyboard != done:
            done = peer, layout = self._keyboard
            try:
                await set_keyboard(layout)
                log.info("keyboard_set", layout=layout)
            except DillingerError as error:
                log.warning("keyboard_failed", layout=layout, error=error.message)
                peer.say(_warning(error))


def _warning(error: DillingerError) -> Notice:
    return Notice(level="warning", code=error.code, message=error.message, hint=error.hint)
