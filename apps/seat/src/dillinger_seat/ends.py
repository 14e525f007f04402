"""Why a session ends: the first reason given counts, and it is written down before the runner hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

import structlog

from dillinger_contracts.errors import Conflict, DillingerError, NotFound, Unsupported
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.session import SessionEnd

from .cell.cell import CellGone
from .guests.base import GuestExit

log = structlog.get_logger()


class Verdict:
    """How this session ends; given once, by whoever comes first."""

    def __init__(self) -> None:
        self._given: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()

    def give(
        self,
        reason: EndReason,
        message: str,
        *,
        exit_code: int | None = None,
        signal: str | None = None,
        log_tail: tuple[str, ...] = (),
    ) -> None:
        """Ends the session, unless it ends already."""
        if self._given.done():
            return
        log.info("session_ending", reason=reason.value, message=message, exit_code=exit_code, signal=signal)
        self._given.set_result(
            SessionEnd(
                reason=reason,
                message=message,
                exit_code=exit_code,
                signal=signal,
                log_tail=log_tail,
                ended_at=datetime.now(UTC),
            )
        )

    @property
    def is_given(self) -> bool:
        """Whether the session is ending."""
        return self._given.done()

    async def wait(self) -> SessionEnd:
        """The end, when it is known."""
        return await asyncio.shield(self._given)


def end_of_guest(how: GuestExit, program: str, *, has_shown: bool, is_out_of_memory: bool) -> tuple[EndReason, str]:
    """Reason and sentence for a guest that ended by itself."""
    when = "" if has_shown else " before it showed a window"
    if is_out_of_memory:
        return EndReason.OUT_OF_MEMORY, f"{program} used up the session's memory and was ended{when}"
    if how.signal == "SIGXFSZ":
        return EndReason.OUT_OF_DISK, f"{program} wrote a file larger than all that its folder may hold"
    if how.trouble:
        return EndReason.GAME_CRASHED, f"{program} {how.trouble}{when}"
    if how.signal:
        return EndReason.GAME_CRASHED, f"{program} crashed with {how.signal}{when}"
    if how.exit_code:
        return EndReason.GAME_CRASHED, f"{program} ended with exit code {how.exit_code}{when}"
    if how.exit_code is None:
        return EndReason.INTERNAL, f"The cell of {program} is gone, and what became of the game is not known"
    return EndReason.GAME_EXITED, f"{program} ended{when}"


def reason_of_error(error: DillingerError) -> EndReason:
    """The reason for a session that ends because of `error`."""
    if isinstance(error, CellGone):
        return EndReason.CELL_LOST
    return EndReason.REFUSED if isinstance(error, Unsupported | NotFound | Conflict) else EndReason.INTERNAL


def sentence(error: DillingerError) -> str:
    """What the error says, with its hint."""
    return f"{error.message}. {error.hint}" if error.hint else error.message


def save_end(session_dir: Path, end: SessionEnd) -> None:
    """Writes `end.json`, whole or not at all; what was written first stays."""
    save_private(session_dir / "end.json", end.model_dump_json())


def save_private(path: Path, text: str) -> None:
    """Writes `path` with mode 0600, whole or not at all, on the disk when it returns."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
