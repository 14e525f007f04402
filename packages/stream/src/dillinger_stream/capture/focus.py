"""Who has the keyboard on a desktop without a window manager. Used under the lock of `Display`.

A window manager would hand it on when a dialog opens or closes and when another window is clicked; here we do, and
nothing else: a program that moves the keyboard between its own windows keeps its way. Menus take it by a grab.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

import xcffib.xproto

from .base import RequestRefusedError
from .windows import Window, largest
from .xconnection import XConnection

_NOBODY = (0, 1)
"""None and PointerRoot: what the server falls back to when the window that had the keyboard is gone."""
_DEEPEST = 32
"""How far up from a focused window we look for its top-level one; no toolkit nests as deep."""
_MOST_REMEMBERED = 64


def choose(windows: Sequence[Window], *, known: Set[int], holders: Sequence[int], is_with_somebody: bool) -> int | None:
    """Which of `windows` (lowest first) is to get the keyboard; None leaves it where it is.

    The upper one of those that are new (not in `known`); else, where nobody has it or its holder is gone, the one that
    had it last (`holders`, oldest first) or the uppermost.
    """
    able = [window.window_id for window in windows if window.takes_keyboard and not window.is_unmanaged]
    if not able:  # a game that takes the screen in the old way asks for nothing, and needs its keys
        main = largest(windows)
        able = [] if main is None else [main.window_id]
    if not able:
        return None
    if fresh := [window_id for window_id in able if window_id not in known]:
        return fresh[-1]
    if is_with_somebody and holders and holders[-1] in able:
        return None
    return next((window_id for window_id in reversed(holders) if window_id in able), able[-1])


class Focus:
    """Hands the keyboard on."""

    def __init__(self, connection: XConnection, root: int) -> None:
        self._connection = connection
        self._root = root
        self._core = connection.raw.core
        self._known: frozenset[int] = frozenset()
        self._holders: list[int] = []

    def follow(self, windows: Sequence[Window]) -> None:
        """To be called whenever windows came or went."""
        chosen = choose(
            windows, known=self._known, holders=self._holders, is_with_somebody=self._focused() not in _NOBODY
        )
        self._known = frozenset(window.window_id for window in windows)
        if chosen is not None:
            self._give(chosen)

    def follow_click(self, windows: Sequence[Window]) -> None:
        """To be called after a click: the window under the pointer, unless it has the keyboard, itself or within."""
        with self._connection.translated("can't be asked for the pointer"):
            question = self._core.QueryPointer(self._root)
        clicked = int(self._connection.reply(question).child)
        is_able = any(
            window.window_id == clicked and window.takes_keyboard and not window.is_unmanaged for window in windows
        )
        if is_able and self._top_level(self._focused()) != clicked:
            self._give(clicked)

    def _focused(self) -> int:
        with self._connection.translated("can't be asked for the keyboard"):
            question = self._core.GetInputFocus()
        return int(self._connection.reply(question).focus)

    def _top_level(self, window_id: int) -> int:
        for _ in range(_DEEPEST):
            if window_id in _NOBODY:
                break
            try:
                with self._connection.translated("can't be asked for its windows"):
                    question = self._core.QueryTree(window_id)
                parent = int(self._connection.reply(question).parent)
            except RequestRefusedError:
                break  # closed between the questions
            if parent == self._root:
                return window_id
            window_id = parent
        return 0

    def _give(self, window_id: int) -> None:
        earlier = [other for other in self._holders if other != window_id]
        self._holders = [*earlier[-_MOST_REMEMBERED:], window_id]
        with self._connection.translated("is gone"):
            # Not checked: a window that has closed by now is no fault.
            self._core.SetInputFocus(xcffib.xproto.InputFocus.PointerRoot, window_id, 0)
            self._connection.raw.flush()
