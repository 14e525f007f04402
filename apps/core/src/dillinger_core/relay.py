"""Carries a stream between a browser and its seat: opens the seat's socket and makes two connections one (`splice`).

720p60 video goes through here, so nothing is looked at (the seat checks ticket and contents) and nothing is done for
each message. What it adds is the kernel's word on the browser's connection, ten times a second. A slow browser holds
back the seat's socket, and the seat decides what to drop. Owned by the event loop; two tasks a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import structlog

from dillinger_contracts import DillingerError
from dillinger_contracts.errors import problem_of
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_contracts.tcp_path import read_counters, report

from .dialing import Dialer, notice_death, socket_of
from .metrics import Metrics
from .settings import CoreSettings
from .splice import Browser, Close, Lane, Splice

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BROWSER_BYTES = 256 * 1024
"""Largest message of a browser: signaling has at most 64 KiB, input far less."""
_WATCH_EVERY_S = 10.0
_TELL_EVERY_S = 0.1
_TIMER_S = 0.001
"""No timer of the loop is finer; what it is later than that is the loop's own doing."""
_GOING_AWAY = 1001
_DENIED = 4403

log = structlog.get_logger()


class Relay:
    """Opens and copies streams."""

    def __init__(self, settings: CoreSettings, dialer: Dialer, metrics: Metrics) -> None:
        self._dialer = dialer
        self._metrics = metrics
        self._idle_s = settings.relay_idle_timeout_s

    async def run(
        self,
        session_id: str,
        browser: Browser,
        send: Send,
        *,
        is_still_allowed: Callable[[], Awaitable[bool]],
        over: asyncio.Event | None = None,
    ) -> None:
        """Accepts the browser's socket, whose user may see this session, and copies until either side ends.

        `over` fires when its user may not any more.
        """
        try:
            seat = await self._dialer.connect_raw(session_id)
        except DillingerError as error:
            # A refusal before the accept would reach the browser without its reason.
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await send({"type": "websocket.close", "code": problem_of(error).close_code, "reason": error.message[:120]})
            return
        self._metrics.relays.inc()
        splice: Splice | None = None
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            splice = Splice(browser, seat, most_up_bytes=MOST_BROWSER_BYTES, most_down_bytes=self._dialer.most_bytes)
            notice_death(browser.transport)
            watching = self._watch(splice, is_still_allowed, over or asyncio.Event())
            close = await _until_over(splice, watching, _tell_path(splice, browser.transport))
            await splice.gone()
        finally:
            self._metrics.relays.dec()
            if splice is not None:
                self._count(splice)
            seat.transport.close()
        log.info("stream_closed", session_id=session_id, code=close.code, down_bytes=splice.down.meter.bytes)

    async def _watch(
        self, splice: Splice, is_still_allowed: Callable[[], Awaitable[bool]], over: asyncio.Event
    ) -> None:
        """Ends it when nothing was said for too long, or when the login or the invitation is over."""
        loop = asyncio.get_running_loop()
        seen, quiet_since_s = (-1, -1), loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_WATCH_EVERY_S, self._idle_s or _WATCH_EVERY_S)):
                    await over.wait()
                    return splice.finish(Close(_DENIED, "the invitation is over"))
            now = (splice.down.meter.messages, splice.up.meter.messages)
            if now != seen:
                seen, quiet_since_s = now, loop.time()
            elif self._idle_s and loop.time() - quiet_since_s >= self._idle_s:
                return splice.finish(Close(_GOING_AWAY, "nothing was said for too long"))
            if not await is_still_allowed():
                return splice.finish(Close(_DENIED, "the login is over"))

    def _count(self, splice: Splice) -> None:
        for direction, lane in (("down", splice.down), ("up", splice.up)):
            self._metrics.relayed_bytes.labels(direction).inc(lane.meter.bytes)
            self._metrics.relayed_messages.labels(direction).inc(lane.meter.messages)


async def _until_over(splice: Splice, *beside: Coroutine[Any, Any, None]) -> Close:
    """Why it ended; what goes on beside it ends with it."""
    tasks = [asyncio.create_task(one) for one in beside]
    try:
        return await splice.over()
    finally:
        splice.finish(Close(_GOING_AWAY))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Holding:
    """How long one lane holds what it passes on, the mean since it was asked before."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._passes, self._held_ns = lane.passes, lane.held_ns

    def read_ms(self) -> float:
        passes, held_ns = self._lane.passes - self._passes, self._lane.held_ns - self._held_ns
        self._passes, self._held_ns = self._lane.passes, self._lane.held_ns
        return held_ns / passes / 1e6 if passes else 0.0


async def _tell_path(splice: Splice, transport: asyncio.Transport) -> None:
    """Tells the seat how the browser's connection does, while something goes through."""
    connection = socket_of(transport)
    if (before := read_counters(connection)) is None:
        return
    loop = asyncio.get_running_loop()
    told_at_s, told_bytes = loop.time(), splice.down.meter.bytes
    holding = _Holding(splice.down)
    while True:
        asleep_s = time.monotonic()
        await asyncio.sleep(_TELL_EVERY_S)
        late_s = max(0.0, time.monotonic() - asleep_s - _TELL_EVERY_S - _TIMER_S)
        now_s, now = loop.time(), read_counters(connection)
        if now is None:
            return
        down_bytes = splice.down.meter.bytes
        if down_bytes != told_bytes or now.unsent_bytes:
            buffered = transport.get_write_buffer_size()
            relay_ms = holding.read_ms() + late_s * 1000
            path = report(before, now, interval_s=now_s - told_at_s, buffered_bytes=buffered, relay_ms=relay_ms)
            if not splice.up.tell(path.model_dump_json()):
                continue  # in the middle of a long message; the next report covers this span too
        before, told_at_s, told_bytes = now, now_s, down_bytes
