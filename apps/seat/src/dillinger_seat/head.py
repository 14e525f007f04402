"""The player's head as a game follows it: opentrack's datagrams, to a port of the cell's own loopback.

What opentrack calls "UDP over network" is what its phone apps send and what games, mods and opentrack itself take: one
datagram a pose, six little-endian doubles, x, y and z in centimetres, then yaw, pitch and roll in degrees. The socket
is made by the cell's init, so it is one of the cell's network, and the seat only writes to it: what a game sends back
is never read. At most 60 poses a second, the newest always; nothing is sent unless a player looks around. On the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import structlog

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import InputEvent, Look, ReleaseAll, is_late
from dillinger_contracts.session import SeatSpec

from .cell.cell import Cell

log = structlog.get_logger()

PORT = 4242
SPACING_S = 1 / 60
POSE = struct.Struct("<6d")
_Turn = tuple[int, int, int]
_AHEAD: _Turn = (0, 0, 0)


async def head_of(spec: SeatSpec, cell: Cell) -> Head | None:
    """The way to the game of `spec`; None where it does not ask for one, or where none can be had."""
    if not spec.session.game.head_tracking:
        return None
    try:
        return Head(await cell.datagrams(PORT))
    except Unavailable as error:
        log.warning("head_tracking_lost", error=error.message)
        return None


class Head:
    """One head for the whole session, whoever plays."""

    def __init__(self, game: socket.socket) -> None:
        """Takes over `game`, which is connected and does not block."""
        self._loop = asyncio.get_running_loop()
        self._game = game
        self._game.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # as little as the kernel has: it stays unread
        self._turn = _AHEAD
        self._sent_at_s = -SPACING_S
        self._later: asyncio.TimerHandle | None = None

    def turn(self, turn: _Turn) -> None:
        """From now on it is turned so: right, up, tilted right, in hundredths of a degree."""
        self._turn = turn
        if self._later is None:
            wait_s = self._sent_at_s + SPACING_S - self._loop.time()
            self._later = self._loop.call_later(max(0.0, wait_s), self._send)

    def _send(self) -> None:
        self._later = None
        self._sent_at_s = self._loop.time()
        pose = POSE.pack(0.0, 0.0, 0.0, *(angle / 100 for angle in self._turn))
        with contextlib.suppress(OSError):  # nobody listens, or too slowly: the next one tells the same and more
            try:
                self._game.send(pose)
            except ConnectionRefusedError:  # that was the answer to the one before
                self._game.send(pose)

    def sink(self) -> HeadSink:
        """For one peer."""
        return HeadSink(self)

    def close(self) -> None:
        """Idempotent."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._game.close()


class HeadSink:
    """One peer's part in it: what it turned is turned back when it lets go."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._newest_ms: int | None = None
        self._is_turned = False

    def handle(self, event: InputEvent) -> None:
        """Takes what concerns heads."""
        if isinstance(event, ReleaseAll):
            self.release_all()
        if not isinstance(event, Look):
            return
        if self._newest_ms is not None and is_late(event.client_time_ms, self._newest_ms):
            return
        self._newest_ms = event.client_time_ms
        turn = (event.yaw, event.pitch, event.roll)
        self._is_turned = turn != _AHEAD
        self._head.turn(turn)

    def release_all(self) -> None:
        """It looks straight ahead again."""
        if self._is_turned:
            self._is_turned = False
            self._head.turn(_AHEAD)

    def close(self) -> None:
        """The peer is gone."""
        self.release_all()
