"""What ends a session by itself: each watch waits for one fact and gives the verdict when it is true. On the loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from dillinger_contracts.errors import DillingerError
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.session import SeatSpec

from .cell.cell import GUEST, Cell, Part
from .cell.cgroup import oom_kills
from .cell.disk import overflow
from .cell.game_folder import disk_limit
from .ends import Verdict, end_of_guest, reason_of_error, sentence
from .guests.base import Guest

log = structlog.get_logger()

_SAME_TIME_S = 0.1
_DISPLAY_END_S = 2.0
"""A connection to the display that broke is nearly always its server's end, which is told a little later."""


class Watches:
    """The tasks of one session, and the verdict that they may give."""

    def __init__(self, spec: SeatSpec) -> None:
        self.verdict = Verdict()
        self.has_shown = False
        """Whether the game has shown a window."""
        self._spec = spec
        self._cell: Cell | None = None
        self._display: Part | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._oom_kills = oom_kills(spec.cell_cgroup)
        self._idle: asyncio.TimerHandle | None = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside the session; what it raises ends the session, with the reason that fits."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except* DillingerError as group:
            error = _first(group)
            if not (_is_of_the_display(error) and await self._has_lost_its_display(_DISPLAY_END_S)):
                self._give(reason_of_error(error), sentence(error))
        except* Exception as group:
            log.exception("session_failed", exc_info=group)
            self._give(EndReason.INTERNAL, f"The seat failed: {_first(group)!r}")

    async def cancel(self) -> None:
        """Ends all watches, the start too where it is still going on."""
        if self._idle is not None:
            self._idle.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _give(
        self, reason: EndReason, message: str, *, exit_code: int | None = None, signal: str | None = None
    ) -> None:
        if reason in (EndReason.INTERNAL, EndReason.CELL_LOST) and self._is_out_of_memory():
            reason, message = EndReason.OUT_OF_MEMORY, f"The session's memory is used up ({message})"
        tail = self._cell.guest_log.tail() if self._cell is not None else ()
        self.verdict.give(reason, message, exit_code=exit_code, signal=signal, log_tail=tail)

    def give_up_starting(self, missing: str) -> None:
        """The start's deadline has passed; `missing` says what was waited for."""
        self._give(EndReason.START_TIMEOUT, missing)

    def lose_picture(self, error: DillingerError) -> None:
        """Capture or encoder failed for the second time."""
        self.spawn(self._picture_end(error))

    def lose_screen(self, error: DillingerError) -> None:
        """The machine's own display, which shows the session, is gone or takes no pictures."""
        self._give(EndReason.SCREEN_LOST, sentence(error))

    async def _picture_end(self, error: DillingerError) -> None:
        if not (_is_of_the_display(error) and await self._has_lost_its_display(_DISPLAY_END_S)):
            self._give(EndReason.INTERNAL, f"The picture is lost: {error.message}")

    def _is_out_of_memory(self) -> bool:
        told = self._cell.oom_kills if self._cell is not None else 0
        return told > 0 or oom_kills(self._spec.cell_cgroup) > self._oom_kills

    def on_cell(self, cell: Cell) -> None:
        """The cell is up: from now on its end ends the session."""
        self._cell = cell
        self.spawn(self._cell_end(cell))

    async def _cell_end(self, cell: Cell) -> None:
        how = await asyncio.shield(cell.ended)
        self._give(EndReason.CELL_LOST, f"The session's cell {how}")

    async def display_end(self, server: Part) -> None:
        """The display server's end is the game's too: nothing draws without it."""
        self._display = server
        how = await asyncio.shield(server.ended)
        if self._cell is not None and not self._cell.is_gone:
            self._give(EndReason.CELL_LOST, f"The display ended: its server {how}")

    async def guest_end(self, guest: Guest, program: str) -> None:
        """The game ended by itself."""
        how = await guest.wait()
        if how.exit_code is None and how.signal is None:
            return  # its cell was gone first, which is told by `_cell_end`
        if how.is_crash and await self._has_lost_its_display(_SAME_TIME_S):
            return  # it had nothing to draw on any more, which is told by `display_end`
        reason, message = end_of_guest(
            how, program, has_shown=self.has_shown, is_out_of_memory=how.is_crash and self._is_out_of_memory()
        )
        self._give(reason, message, exit_code=how.exit_code, signal=how.signal)

    async def _has_lost_its_display(self, wait_s: float) -> bool:
        """Whether the display server is gone too: what needs it fails with it, and the ends are told in any order."""
        if self._display is None:
            return False
        await asyncio.wait({self._display.ended}, timeout=wait_s)
        return self._display.ended.done()

    async def disk_full(self, on_nearly: Callable[[int], None]) -> None:
        """The player's folders hold more than they may: the game is ended at once, since it may be writing on."""
        self._give(EndReason.OUT_OF_DISK, await overflow(disk_limit(self._spec), on_nearly=on_nearly))
        if self._cell is not None:
            await self._cell.signal(GUEST, signal.SIGKILL)

    def on_peers(self, peers: int, *, is_ready: bool) -> None:
        """Starts the clock of a session without viewers, and stops it when one comes."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        limit_s = self._spec.idle_timeout_s
        if is_ready and peers == 0 and limit_s > 0:
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(
                limit_s, self._give, EndReason.IDLE_TIMEOUT, f"Nobody has watched for {limit_s:g} s"
            )


def _is_of_the_display(error: DillingerError) -> bool:
    from dillinger_stream.capture.base import CaptureError

    return isinstance(error, CaptureError)


def _first(error: BaseException) -> Any:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
