"""The limits of sessions that run: looked at, and changed where their backend can.

A change is checked like a start: its range, what the session uses now, the sums of its user and of the machine. It is
made, then written to the session's paper, so that a runner that takes over knows of it. On the runner's loop.
"""

from __future__ import annotations

import asyncio

import structlog

from dillinger_contracts import Conflict, Resources, SessionLimits, SessionState, Unsupported
from dillinger_contracts.session import ResourceOverrides

from .admission import Claim
from .keeper import Keeper
from .records import Record
from .wishes import changed

_RUNNING = (SessionState.STARTING, SessionState.READY, SessionState.STREAMING, SessionState.UNREACHABLE)
_FIXED = ("saves_bytes", "scratch_bytes")
"""How large a mounted file system is, and what a seat watches, is settled at the start."""

log = structlog.get_logger()


class BoundsDesk:
    """Changes the limits of one keeper's sessions."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._changing = asyncio.Lock()

    async def read(self, session_id: str) -> SessionLimits:
        """The limits as they are; raises NotFound."""
        record = self._keeper.get(session_id)
        problem = None
        if record.state not in _RUNNING:
            problem = f"This session is {record.state}: only what runs can be changed"
        elif not self._keeper.backend.capabilities.limits:
            problem = "This machine enforces no limits: `dillinger doctor` says why"
        resources = record.spec.session.resources.model_dump()
        return SessionLimits(session_id=session_id, is_changeable=problem is None, problem=problem, **resources)

    async def change(self, session_id: str, overrides: ResourceOverrides) -> SessionLimits:
        """Sets what `overrides` names; raises NotFound, Invalid, Unsupported, Conflict, Exhausted or Unavailable."""
        async with self._changing:
            record = self._keeper.get(session_id)
            before = record.spec.session.resources
            wanted = changed(before, overrides)
            self._check(record, before, wanted)
            await self._check_use(record, before, wanted)
            await self._keeper.backend.limit(record.handle, wanted)
            session = record.spec.session.model_copy(update={"resources": wanted})
            record.spec = record.spec.model_copy(update={"session": session})
            await asyncio.to_thread(self._keeper.store.save_spec, record.spec)
        named = overrides.model_dump(exclude_none=True, by_alias=False)
        log.info("limits_changed", session_id=session_id, **named)
        return await self.read(session_id)

    def _check(self, record: Record, before: Resources, wanted: Resources) -> None:
        if record.state not in _RUNNING:
            raise Conflict(f"This session is {record.state}, and only what runs can be changed")
        fixed = [name for name in _FIXED if getattr(before, name) != getattr(wanted, name)]
        if fixed:
            raise Unsupported(
                f"{', '.join(fixed)} can't be changed while a game runs",
                hint="Change the game's own limits, and start it again",
            )
        claim = Claim(record.session_id, record.spec.session.user_id, wanted)
        is_more = wanted.memory_bytes > before.memory_bytes or wanted.cpu_cores > before.cpu_cores
        if is_more and (short := self._keeper.waiting.shortage_of_change(claim)) is not None:
            raise short.error()

    async def _check_use(self, record: Record, before: Resources, wanted: Resources) -> None:
        if wanted.memory_bytes >= before.memory_bytes:
            return
        used_bytes = (await self._keeper.backend.usage(record.handle)).memory_bytes or 0
        if used_bytes > wanted.memory_bytes:
            raise Conflict(
                f"The session uses {used_bytes >> 20} MiB, and {wanted.memory_bytes >> 20} MiB would be its limit",
                hint="Choose more, or have the game free some first",
            )
