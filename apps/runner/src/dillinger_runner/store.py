"""The paper of each session: one folder with its spec, its token digests, the wish to stop it, and how it ended.

What is written here is all that a runner needs to take over from one that was killed. Writes are atomic (a file
beside, then rename). The seat owns the same folder: it reads `spec.json` and writes `end.json`. All calls block
shortly; the keeper makes them in a thread.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import AwareDatetime, ValidationError

from dillinger_contracts import EndReason, SeatSpec, SessionEnd
from dillinger_contracts.model import SESSION_ID_PATTERN, Model
from dillinger_contracts.seat_folder import SeatFolder

_SESSION_ID = re.compile(SESSION_ID_PATTERN)
_FILE_LIMIT_BYTES = 1024 * 1024
_LOG_TAIL_BYTES = 16 * 1024

M = TypeVar("M", SeatSpec, SessionEnd, "StopWish")

log = structlog.get_logger()


class StopWish(Model):
    """That a session is to end, kept so that a restart of the runner does not forget it."""

    reason: EndReason
    asked_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class SessionStore:
    """The folder of session folders."""

    root: Path

    def directory(self, session_id: str) -> Path:
        """The folder of this session, there or not."""
        if not _SESSION_ID.fullmatch(session_id):
            raise ValueError(f"{session_id!r} is no session id")
        return self.root / session_id

    def ids(self) -> list[str]:
        """Ids of all session folders, complete or not."""
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if _SESSION_ID.fullmatch(entry.name))

    def open(self, session_id: str) -> Path:
        """The folder of this session, made where it is not there."""
        directory = self.directory(session_id)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory

    def save_spec(self, spec: SeatSpec) -> None:
        """Keeps the seat's spec; the session is on file from here on."""
        _write(self.open(spec.session.session_id) / "spec.json", spec.model_dump_json(by_alias=True))

    def spec(self, session_id: str) -> SeatSpec | None:
        """The seat's spec, None where it was never completed."""
        return _read(self.directory(session_id) / "spec.json", SeatSpec)

    def save_stop(self, session_id: str, wish: StopWish) -> None:
        """Keeps the wish to stop."""
        _write(self.directory(session_id) / "stop.json", wish.model_dump_json())

    def stop(self, session_id: str) -> StopWish | None:
        """The wish to stop, if there is one."""
        return _read(self.directory(session_id) / "stop.json", StopWish)

    def save_end(self, session_id: str, end: SessionEnd) -> None:
        """Keeps how the session ended, for a seat that could not."""
        _write(self.directory(session_id) / "end.json", end.model_dump_json())

    def end(self, session_id: str) -> SessionEnd | None:
        """How the session ended, as its seat or a runner wrote it."""
        return _read(self.directory(session_id) / "end.json", SessionEnd)

    def save_digests(self, session_id: str, digests: list[str]) -> None:
        """Keeps the digests of the tokens that are good."""
        _write(self.open(session_id) / "token.sha256", "".join(f"{digest}\n" for digest in digests))

    def digests(self, session_id: str) -> list[str]:
        """Digests of the tokens that are good."""
        try:
            return (self.directory(session_id) / "token.sha256").read_text("ascii").split()
        except (FileNotFoundError, UnicodeDecodeError):
            return []

    def save_boot(self, session_id: str, boot_id: str) -> None:
        """Keeps during which of the machine's boots the session was placed."""
        _write(self.open(session_id) / "boot", boot_id)

    def boot(self, session_id: str) -> str | None:
        """During which boot the session was placed; None where it was not."""
        try:
            return (self.directory(session_id) / "boot").read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return None

    def save_waiting(self, spec: SeatSpec, digests: list[str]) -> None:
        """Keeps a wish that waits for room, so that it keeps its place when the runner is restarted."""
        session_id = spec.session.session_id
        _write(self.open(session_id) / "waiting", "")
        self.save_digests(session_id, digests)
        self.save_spec(spec)

    def is_waiting(self, session_id: str) -> bool:
        """Whether the session waits for room."""
        return (self.directory(session_id) / "waiting").exists()

    def end_waiting(self, session_id: str) -> None:
        """There is room for the session."""
        (self.directory(session_id) / "waiting").unlink(missing_ok=True)

    def begin_again(self, session_id: str) -> None:
        """Forgets what a seat that is gone has written, so that another may take its place; logs stay."""
        for name in ("identity.json", "control.json", "end.json", SeatFolder.STREAM_PORT):
            (self.directory(session_id) / name).unlink(missing_ok=True)

    def stream_port(self, session_id: str) -> int | None:
        """The TCP port that the seat listens on for streams; None while there is none."""
        try:
            text = (self.directory(session_id) / SeatFolder.STREAM_PORT).read_text("ascii")[:8].strip()
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return int(text) if text.isdecimal() else None

    def log_tail(self, session_id: str, *, lines: int = 20) -> tuple[str, ...]:
        """The last lines of the seat's log."""
        try:
            with (self.directory(session_id) / "seat.log").open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_TAIL_BYTES))
                text = file.read(_LOG_TAIL_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return ()
        return tuple(line[:500] for line in text.splitlines()[-lines:])

    def is_warm(self, seat_id: str) -> bool:
        """Whether the waiting seat in this folder has loaded all that it can."""
        return (self.directory(seat_id) / SeatFolder.WARM).exists()

    def remove(self, session_id: str) -> None:
        """Forgets the session."""
        shutil.rmtree(self.directory(session_id), ignore_errors=False, onerror=_only_missing)


def _only_missing(_function: object, path: str, info: tuple[type[BaseException], BaseException, object]) -> None:
    if not isinstance(info[1], FileNotFoundError):
        log.warning("session_folder_not_removed", path=path, error=str(info[1]))


def _read(path: Path, model: type[M]) -> M | None:
    try:
        with path.open("rb") as file:
            text = file.read(_FILE_LIMIT_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(text) > _FILE_LIMIT_BYTES:
        log.warning("session_file_too_big", path=str(path), limit_bytes=_FILE_LIMIT_BYTES)
        return None
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        log.warning(
            "session_file_broken", path=str(path), fault=error.errors(include_input=False, include_url=False)[0]
        )
        return None


def _write(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
