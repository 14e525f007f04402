"""Watches: the connections of standard players (WHEP), each held as an open signaling socket to the session's seat.

The seat answers a player's offer and streams to it directly; the socket is what ties the two, and what core gives up to
end it. Whoever holds the ticket that opened a watch may add candidates to it and end it. A watch ends with its
connection, its session, or its time. Leaves HTTP to `api/whep.py`. Owned by the event loop; one task
a watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from dillinger_contracts import Conflict, Denied, DillingerError, Exhausted, Invalid, NotFound, Unavailable
from dillinger_contracts.errors import error_from_document
from dillinger_contracts.ice import IceServer
from dillinger_contracts.signaling import (
    MAX_SIGNAL_BYTES,
    SIGNALING_VERSION,
    Bye,
    Candidate,
    Description,
    Notice,
    Watch,
    Welcome,
    parse_from_seat,
)

from .settings import CoreSettings

MAX_OFFER_BYTES = 32_768
MAX_FRAGMENT_BYTES = 8_192
MAX_FRAGMENT_CANDIDATES = 32
MAX_PER_SESSION = 8
_ANSWER_TIMEOUT_S = 10.0
_UFRAG = re.compile(r"^a=ice-ufrag:(\S+)\s*$", re.MULTILINE)

log = structlog.get_logger()


@dataclass(slots=True)
class _Held:
    """A watch that stands."""

    session_id: str
    seat: ClientConnection
    ticket_digest: bytes
    ufrag: str
    task: asyncio.Task[None] = field(init=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """What a player is told of its new watch."""

    watch_id: str
    answer: str
    ice_servers: tuple[IceServer, ...]


class Watches:
    """All watches of this core."""

    def __init__(self, settings: CoreSettings, open_seat: Callable[[str], Awaitable[ClientConnection]]) -> None:
        self._most = settings.max_watches
        self._lifetime_s = settings.watch_lifetime_s
        self._open_seat = open_seat
        self._held: dict[str, _Held] = {}
        self._opening: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._held) + sum(self._opening.values())

    async def open(self, session_id: str, *, ticket: str, offer: str) -> Opened:
        """Has the session's seat answer `offer` for the holder of `ticket`, whose signature is known to be right.

        Raises what the seat says when it refuses, `Exhausted` for one too many, and `Unavailable`.
        """
        ufrag = ufrag_of(offer)
        if ufrag is None:
            raise Invalid("This is no SDP offer: it names no ICE user (a=ice-ufrag)")
        self._check_room(session_id)
        self._opening[session_id] = self._opening.get(session_id, 0) + 1
        try:
            seat = await self._open_seat(session_id)
            try:
                servers, answer = await _negotiate(seat, ticket=ticket, offer=offer)
            except BaseException:
                await seat.close()
                raise
        finally:
            self._opening[session_id] -= 1
            if not self._opening[session_id]:
                del self._opening[session_id]
        watch_id = secrets.token_urlsafe(16)
        held = _Held(session_id, seat, _digest(ticket), ufrag)
        self._held[watch_id] = held
        held.task = asyncio.create_task(self._keep(watch_id, held), name="watch")
        log.info("watch_opened", session_id=session_id, watches=self.count)
        return Opened(watch_id, answer, servers)

    async def add_candidates(self, session_id: str, watch_id: str, *, ticket: str, fragment: str) -> None:
        """The candidates in `fragment` (RFC 8840), for a watch of this ticket.

        Raises `NotFound`, `Denied`, and `Invalid` for too many and for what asks for an ICE restart.
        """
        held = self._find(session_id, watch_id, ticket)
        if (ufrag := ufrag_of(fragment)) is not None and ufrag != held.ufrag:
            raise Invalid("ICE restarts are not supported here: open a new watch and end this one")
        candidates = [line[2:].strip() for line in fragment.splitlines() if line.startswith("a=candidate:")]
        if len(candidates) > MAX_FRAGMENT_CANDIDATES:
            raise Invalid(f"A fragment has at most {MAX_FRAGMENT_CANDIDATES} candidates")
        try:
            for candidate in candidates:
                await held.seat.send(Candidate(candidate=candidate[:2000]).model_dump_json())
        except ConnectionClosed:
            raise NotFound("This watch is over") from None

    async def end(self, session_id: str, watch_id: str, *, ticket: str) -> None:
        """Ends a watch of this ticket; raises `NotFound` and `Denied`."""
        held = self._find(session_id, watch_id, ticket)
        with contextlib.suppress(ConnectionClosed):
            await held.seat.send(Bye().model_dump_json())
        held.task.cancel()
        await asyncio.wait([held.task])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends them all."""
        tasks = [held.task for held in self._held.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _check_room(self, session_id: str) -> None:
        of_session = sum(held.session_id == session_id for held in self._held.values())
        if self.count >= self._most:
            raise Exhausted(f"At most {self._most} players may watch at once", hint="core's max_watches says how many")
        if of_session + self._opening.get(session_id, 0) >= MAX_PER_SESSION:
            raise Exhausted(f"At most {MAX_PER_SESSION} players may watch one session")

    def _find(self, session_id: str, watch_id: str, ticket: str) -> _Held:
        held = self._held.get(watch_id)
        if held is None or held.session_id != session_id:
            raise NotFound("There is no such watch; it may be over")
        if not hmac.compare_digest(held.ticket_digest, _digest(ticket)):
            raise Denied("This watch was opened with another ticket")
        return held

    async def _keep(self, watch_id: str, held: _Held) -> None:
        """Until the seat closes, or the time is up."""
        reason = "ended by its player"
        try:
            async with asyncio.timeout(self._lifetime_s or None):
                reason = await _follow(held)
        except TimeoutError:
            reason = "its time was up"
        finally:
            self._held.pop(watch_id, None)
            log.info("watch_closed", session_id=held.session_id, reason=reason)
            await held.seat.close()


def ufrag_of(sdp: str) -> str | None:
    """The ICE user that a description or a fragment names."""
    found = _UFRAG.search(sdp)
    return found[1] if found else None


async def _negotiate(seat: ClientConnection, *, ticket: str, offer: str) -> tuple[tuple[IceServer, ...], str]:
    """Says the offer; the ICE servers and the answer. Raises what the seat says."""
    watch = Watch(version=SIGNALING_VERSION, ticket=ticket, sdp=offer).model_dump_json()
    if len(watch.encode()) > MAX_SIGNAL_BYTES:
        raise Invalid("This is no SDP offer: it is full of characters that need escaping")
    servers: tuple[IceServer, ...] = ()
    refusal: DillingerError | None = None
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            await seat.send(watch)
            while True:
                match parse_from_seat(await seat.recv()):
                    case Welcome(ice_servers=told):
                        servers = told
                    case Notice(level="error") as notice:
                        refusal = error_from_document({"code": notice.code, "detail": notice.message})
                    case Description(kind="answer", sdp=sdp):
                        return servers, sdp
    except ConnectionClosed:
        raise refusal or Conflict("The session is over, or the seat is") from None
    except TimeoutError:
        raise Unavailable(f"The seat did not answer within {_ANSWER_TIMEOUT_S:.0f} s") from None


async def _follow(held: _Held) -> str:
    """Reads what the seat says until it closes; why it did."""
    try:
        while True:
            await held.seat.recv()
    except ConnectionClosed as error:
        return (error.rcvd.reason if error.rcvd is not None else "") or "the seat closed it"


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()
