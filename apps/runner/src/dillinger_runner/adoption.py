"""What a runner takes over at its start: records made again from paper, what is nobody's swept away.

The keeper decides when; the store and the backend are asked here. Calls on the store block shortly.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from dillinger_contracts import DillingerError, QueuePlace, SessionEvent

from .backends.base import Backend, SeatHandle, SeatPhase
from .records import Record
from .store import SessionStore

log = structlog.get_logger()


def recall(store: SessionStore, session_id: str, phase: SeatPhase, *, is_owned: bool, boot_id: str) -> Record | None:
    """The record of a session that is on file, with no event told; None where the file is not complete (blocks).

    `is_owned` is whether the backend has something of it, `boot_id` names the machine's present boot.
    """
    spec = store.spec(session_id)
    if spec is None:
        return None
    record = Record(spec, digests=store.digests(session_id), end=store.end(session_id))
    wish = store.stop(session_id)
    record.stop = wish.reason if wish is not None else None
    record.was_rebooted = store.boot(session_id) not in (None, boot_id)
    if record.end is not None and not is_owned and not record.starts_again(record.end.reason):
        record.step(SessionEvent.END)
        return record
    if store.is_waiting(session_id) and phase is SeatPhase.ABSENT and wish is None:
        record.queue = QueuePlace(place=1, length=1, reason="The runner was restarted")
        record.settled.set()
        return record
    record.step(SessionEvent.PLACE)
    if phase is not SeatPhase.ABSENT:  # else its runner died before it was born: it is placed again
        record.step(SessionEvent.PLACED)
        record.step(SessionEvent.LINK_LOST)
    if wish is not None:
        record.step(SessionEvent.STOP)
    return record


async def sweep(backend: Backend, handles: Iterable[SeatHandle]) -> None:
    """Ends what is nobody's; what can't be ended is told and left."""
    for handle in handles:
        log.warning("orphan_swept", session_id=handle.session_id, place=handle.place)
        try:
            await backend.stop(handle, grace_s=0)
        except DillingerError as error:
            log.error("orphan_left", session_id=handle.session_id, error=error.message)
