"""The seat's line to its runner: it dials, reports, repeats what was not acknowledged, and hears when to stop.

The session does not depend on it: while the runner is away reports wait here, bounded, and the stream goes on. On the
loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import BaseModel, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from dillinger_contracts.control import (
    Ack,
    Enroll,
    Enrolled,
    FromRunner,
    PartRestarted,
    PeersChanged,
    Report,
    SeatEnded,
    SeatReady,
    StatsTaken,
    StepDone,
    StopSeat,
    TraceTold,
    TraceWanted,
)
from dillinger_contracts.session import SeatSpec, StartStep
from dillinger_contracts.stages import StreamTrace

from .ends import save_private

log = structlog.get_logger()

Body = StepDone | SeatReady | PeersChanged | PartRestarted | StatsTaken | SeatEnded
MAX_WAITING = 256
FIRST_RETRY_S = 0.2
LAST_RETRY_S = 2.0
ENROL_TIMEOUT_S = 5.0
_MAX_MESSAGE_BYTES = 65_536


class ControlLink:
    """One session's reports, and the connection that carries them."""

    def __init__(
        self, spec: SeatSpec, *, on_stop: Callable[[StopSeat], None], trace: Callable[[], StreamTrace] = StreamTrace
    ) -> None:
        """`trace` is what the runner is told of the last pictures, when it asks."""
        self._url = spec.control_url
        self._session_id = spec.session.session_id
        self._token_file = Path(spec.session_dir) / "control.json"
        self._token = _saved_token(self._token_file) or spec.control_token
        self._on_stop = on_stop
        self._trace = trace
        self._waiting: list[Report] = []
        self._number = 0
        self._sent = 0
        self._acked = 0
        self._news = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._is_linked = False
        self._is_ready = False
        self._peers = 0
        self._steps: list[StartStep] = []

    def report(self, body: Body) -> None:
        """Takes a report for the runner; never blocks. Figures of a second that nobody can take are dropped."""
        match body:
            case StatsTaken() if not self._is_linked:
                return
            case StepDone():
                self._steps.append(body.step)
            case SeatReady():
                self._is_ready = True
            case PeersChanged():
                self._peers = body.peers
        self._number += 1
        self._waiting.append(Report(number=self._number, at=datetime.now(UTC), body=body))
        if len(self._waiting) > MAX_WAITING:
            # `Enroll` carries the whole state, so the oldest is what is missed least.
            del self._waiting[0]
        self._settled.clear()
        self._news.set()

    async def flush(self, timeout_s: float) -> bool:
        """Waits until the runner has acknowledged everything; False when it has not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Keeps the line up until cancelled."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                async with connect(
                    self._url,
                    compression=None,
                    proxy=None,
                    max_size=_MAX_MESSAGE_BYTES,
                    open_timeout=ENROL_TIMEOUT_S,
                    close_timeout=1.0,
                    ping_interval=20.0,
                ) as connection:
                    await self._enrol(connection)
                    retry_s = FIRST_RETRY_S
                    try:
                        await self._converse(connection)
                    except asyncio.CancelledError:
                        await connection.close()
                        raise
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, ValidationError) as error:
                log.info("runner_away", problem=_word(error), retry_s=round(retry_s, 2))
            finally:
                self._is_linked = False
            await asyncio.sleep(retry_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the dialling, hides nothing
            retry_s = min(2 * retry_s, LAST_RETRY_S)

    async def _enrol(self, connection: ClientConnection) -> None:
        await _say(
            connection,
            Enroll(
                session_id=self._session_id,
                token=self._token,
                last_report=self._number,
                is_ready=self._is_ready,
                peers=self._peers,
                steps=tuple(self._steps),
            ),
        )
        async with asyncio.timeout(ENROL_TIMEOUT_S):
            answer = FromRunner.validate_json(await connection.recv())
        if not isinstance(answer, Enrolled):
            raise OSError(f"the runner answered {answer.type} to the enrolment")
        save_private(self._token_file, json.dumps({"token": answer.next_token}))
        self._token = answer.next_token
        self._acknowledge(answer.last_report)
        self._sent = max(answer.last_report, self._acked)
        self._is_linked = True
        log.info("runner_linked", last_report=answer.last_report, waiting=len(self._waiting))

    async def _converse(self, connection: ClientConnection) -> None:
        sender = asyncio.create_task(self._send(connection))
        try:
            async for text in connection:
                message = FromRunner.validate_json(text)
                if isinstance(message, Ack):
                    self._acknowledge(message.number)
                elif isinstance(message, StopSeat):
                    self._on_stop(message)
                elif isinstance(message, TraceWanted):
                    await _say(connection, TraceTold(number=message.number, trace=self._trace()))
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await sender

    async def _send(self, connection: ClientConnection) -> None:
        while True:
            self._news.clear()
            for report in [report for report in self._waiting if report.number > self._sent]:
                await _say(connection, report)
                self._sent = report.number
            await self._news.wait()

    def _acknowledge(self, number: int) -> None:
        self._acked = max(self._acked, min(number, self._number))
        self._waiting = [report for report in self._waiting if report.number > self._acked]
        if not self._waiting:
            self._settled.set()


async def _say(connection: ClientConnection, message: BaseModel) -> None:
    await connection.send(message.model_dump_json())


def _saved_token(file: Path) -> str | None:
    try:
        return str(json.loads(file.read_text("utf-8"))["token"])
    except (OSError, ValueError, KeyError):
        return None


def _word(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
