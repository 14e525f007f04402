"""Whether a window's program still answers: `_NET_WM_PING` of the Extended Window Manager Hints. Used under the lock of
`Display`.

A window that says in WM_PROTOCOLS that it takes pings is sent one, and its program sends it back to the root window as
soon as it looks at its events (Wine, GTK, Qt, SDL and GLFW do so). One that does not say so is never suspected. What
comes back is a hostile program's word: it can look alive, which harms nobody.
"""

from __future__ import annotations

import struct
from typing import Any

import xcffib.xproto

from .base import RequestRefusedError
from .xconnection import XConnection

_MOST_PROTOCOLS = 32
_MESSAGE = struct.Struct("=BBH2I5I")
_FORMAT = 32
_MOST_NUMBER = 0xFFFF


class Pings:
    """Sends them to one window at a time and knows since when none came back."""

    def __init__(self, connection: XConnection, root: int) -> None:
        self._connection = connection
        self._root = root
        self._core = connection.raw.core
        self._protocols, self._ping = self._atom("WM_PROTOCOLS"), self._atom("_NET_WM_PING")
        self._window_id = 0
        self._since_s: float | None = None
        """When the first ping was sent that has no answer yet."""
        self._number = 0
        self._answered = 0
        """Numbers of the last question, and of the last one that has an answer."""

    def _atom(self, name: str) -> int:
        with self._connection.translated("refused a name"):
            question = self._core.InternAtom(False, len(name), name)
        return int(self._connection.reply(question).atom)

    def send(self, window_id: int, now_s: float) -> float:
        """Pings the window; how long it has not answered, as of `now_s` (any clock, always the same)."""
        if window_id != self._window_id:
            self._window_id, self._since_s = window_id, None
        if not self._takes_pings(window_id):
            self._since_s = None
            return 0.0
        if self._since_s is None:
            self._since_s = now_s
            self._post(window_id)
        return now_s - self._since_s

    def ask(self, window_id: int) -> bool:
        """Has the window's program say when it has looked at all that it was told until now; False where it does not
        take pings. Only the last question counts."""
        if not self._takes_pings(window_id):
            return False
        self._number = self._number % _MOST_NUMBER + 1
        self._post(window_id, self._number)
        return True

    @property
    def is_answered(self) -> bool:
        """Whether who was asked last has looked."""
        return self._answered == self._number

    def take(self, event: object) -> None:
        """Looks whether `event` is the answer."""
        if isinstance(event, xcffib.xproto.ClientMessageEvent) and event.type == self._protocols:
            words = [int(word) for word in event.data.data32]
            if event.format != _FORMAT or words[0] != self._ping:
                return
            if words[1]:
                self._answered = words[1]
            elif words[2] == self._window_id:
                self._since_s = None

    def _takes_pings(self, window_id: int) -> bool:
        atom: Any = xcffib.xproto.Atom.ATOM
        with self._connection.translated("can't be asked for a window's protocols"):
            question = self._core.GetProperty(False, window_id, self._protocols, atom, 0, _MOST_PROTOCOLS)
        try:
            reply = self._connection.reply(question)
        except RequestRefusedError:
            return False  # closed between the questions
        with self._connection.translated("sent a property that can't be read"):
            return reply.format == _FORMAT and self._ping in reply.value.to_atoms()

    def _post(self, window_id: int, number: int = 0) -> None:
        """`number` goes where the time does, which comes back too."""
        message = _MESSAGE.pack(33, _FORMAT, 0, window_id, self._protocols, self._ping, number, window_id, 0, 0)
        with self._connection.translated("is gone"):
            # Not checked: a window that has closed by now is no fault.
            self._core.SendEvent(False, window_id, xcffib.xproto.EventMask.NoEvent, message)
            self._connection.raw.flush()
