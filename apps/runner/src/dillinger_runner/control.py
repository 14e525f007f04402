"""What a seat says over its control socket, applied to its record: enrolment by one-time token, reports, the lost link.

No framework: `api/seats.py` carries the messages. All of it runs on the runner's loop.
"""

from __future__ import annotations

import asyncio

import structlog

from dillinger_contracts import Conflict, Denied, NotFound, SessionEvent
from dillinger_contracts.control import CONTROL_VERSION, Ack, Enroll, Enrolled, PartRestarted, Report, SeatReady

from .keeper import Keeper
from .link import SeatLink
from .records import Record
from .tokens import is_good, new_token, succeed

log = structlog.get_logger()


class ControlDesk:
    """Takes in the seats of one keeper."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def enroll(self, message: Enroll) -> tuple[Record, SeatLink]:
        """Lets a seat in: the newest link of a session replaces an older one. Raises Denied or NotFound."""
        if message.version != CONTROL_VERSION:
            raise Denied(f"This runner speaks control version {CONTROL_VERSION}, the seat speaks {message.version}")
        record = self._keeper.get(message.session_id)
        if not is_good(message.token, record.digests):
            log.warning("seat_token_refused", session_id=record.session_id)
            raise Denied("This token is not good", hint="A token is used once; the runner gives the next")
        if not record.is_live:
            raise NotFound(f"The session {record.session_id} has ended")
        successor = new_token()
        record.digests = succeed(message.token, successor)
        await asyncio.to_thread(self._keeper.store.save_digests, record.session_id, record.digests)
        if not record.is_live:
            raise NotFound(f"The session {record.session_id} has ended")
        link = SeatLink()
        if record.link is not None:
            record.link.close(Conflict("A newer link of this seat has replaced this one"))
        record.link = link
        link.send(Enrolled(next_token=successor, last_report=record.last_report))
        record.enrolled(message)
        if record.end is None:
            record.leaving_s = None  # it may not have heard that it was asked
        self._keeper.changed(record)
        log.info("seat_enrolled", session_id=record.session_id, state=record.state, peers=record.peers)
        return record, link

    def report(self, record: Record, link: SeatLink, report: Report) -> None:
        """Takes a report in and acknowledges it."""
        before = record.state
        if record.reported(report):
            self._keeper.changed(record)
        if isinstance(report.body, SeatReady) and before is not record.state:
            self._keeper.metrics.started(record.age_s)
        if isinstance(report.body, PartRestarted):
            log.warning("seat_part_restarted", session_id=record.session_id, part=report.body.part)
        if not link.send(Ack(number=report.number)):
            link.close(Conflict("The seat does not read its control socket"))

    def lost(self, record: Record, link: SeatLink) -> None:
        """The link is gone; nothing follows from it when a newer one has replaced it."""
        if record.link is not link:
            return
        record.link = None
        if record.step(SessionEvent.LINK_LOST):
            self._keeper.changed(record)
            log.info("seat_link_lost", session_id=record.session_id)
        record.wake.set()
