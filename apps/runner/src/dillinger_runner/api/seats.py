"""The socket that seats dial (`/seats`): messages in and out of one link, and nothing else."""

from __future__ import annotations

import asyncio

import structlog
from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from dillinger_contracts import DillingerError, Invalid
from dillinger_contracts.control import Enroll, FromSeat, Report, TraceTold
from dillinger_contracts.errors import problem_of
from dillinger_runner.control import ControlDesk
from dillinger_runner.link import Closing, SeatLink
from dillinger_runner.records import Record

ENROLL_TIMEOUT_S = 5.0
MESSAGE_LIMIT_BYTES = 512 * 1024
"""A recording of ten seconds has half of that."""

log = structlog.get_logger()
router = APIRouter()


@router.websocket("/seats")
async def seat_socket(socket: WebSocket) -> None:
    """One seat's link, from its enrolment to its loss."""
    desk: ControlDesk = socket.app.state.desk
    await socket.accept()
    try:
        async with asyncio.timeout(ENROLL_TIMEOUT_S):
            first = await _receive(socket)
        if not isinstance(first, Enroll):
            raise Invalid("The first message enrols the seat")
        record, link = await desk.enroll(first)
    except TimeoutError:
        await _close(socket, Invalid(f"No enrolment came within {ENROLL_TIMEOUT_S:g} s"))
        return
    except DillingerError as error:
        await _close(socket, error)
        return
    except WebSocketDisconnect:
        return
    try:
        await _carry(socket, desk, record, link)
    finally:
        link.gone()
        desk.lost(record, link)


async def _carry(socket: WebSocket, desk: ControlDesk, record: Record, link: SeatLink) -> None:
    sender = asyncio.create_task(_send(socket, link), name=f"link {record.session_id}")
    receiver = asyncio.create_task(_take_in(socket, desk, record, link), name=f"reports {record.session_id}")
    done, pending = await asyncio.wait((sender, receiver), return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


async def _take_in(socket: WebSocket, desk: ControlDesk, record: Record, link: SeatLink) -> None:
    try:
        while True:
            message = await _receive(socket)
            if isinstance(message, TraceTold):
                link.told(message)
                continue
            if not isinstance(message, Report):
                raise Invalid("After the enrolment only reports are taken")
            desk.report(record, link, message)
    except DillingerError as error:
        log.warning("seat_link_refused", session_id=record.session_id, problem=error.message)
        await _close(socket, error)
    except WebSocketDisconnect:
        return


async def _send(socket: WebSocket, link: SeatLink) -> None:
    try:
        while True:
            message = await link.next()
            if isinstance(message, Closing):
                await _close(socket, message.error)
                return
            await socket.send_text(message.model_dump_json())
    except WebSocketDisconnect:
        return


async def _receive(socket: WebSocket) -> Enroll | Report | TraceTold:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    try:
        return FromSeat.validate_json(message.get("text") or "")
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(f"This message can't be read: {fault['msg']}") from error


async def _close(socket: WebSocket, error: DillingerError) -> None:
    if socket.application_state is WebSocketState.CONNECTED and socket.client_state is WebSocketState.CONNECTED:
        # a control frame holds 125 bytes, two of them for the code (RFC 6455 section 5.5)
        await socket.close(problem_of(error).close_code, error.message.encode()[:120].decode("utf-8", "ignore"))
