"""The stream of one desktop: hub, pipelines, sound and the server that they are reached through.

On the loop; the pipelines have threads of their own and report through `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from dillinger_contracts.errors import DillingerError, Unavailable
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.session import SeatStats, SessionEnd
from dillinger_contracts.signaling import Notice
from dillinger_contracts.stages import StreamTrace
from dillinger_contracts.tickets import TicketClaims
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.encode.costs import EncodingCosts
from dillinger_stream.hub import HubParts, HubSettings, StreamHub
from dillinger_stream.pipeline import VideoPipeline

from .settings import Settings
from .sound import MachineSound
from .sources.base import DesktopSource

log = structlog.get_logger()

_COSTS_AFTER_S = 5.0


class CappedPipeline(VideoPipeline):
    """Nobody's wish goes beyond what it was made with."""

    def __init__(self, *, bitrate_bps: int, rate_hz: float, **parts: Any) -> None:
        super().__init__(bitrate_bps=bitrate_bps, rate_hz=rate_hz, **parts)
        self._most_bitrate_bps, self._most_rate_hz = bitrate_bps, rate_hz

    def reconfigure(self, *, bitrate_bps: int | None = None, rate_hz: float | None = None, **wishes: Any) -> None:
        """As the pipeline does, within the limits."""
        super().reconfigure(
            bitrate_bps=None if bitrate_bps is None else min(bitrate_bps, self._most_bitrate_bps),
            rate_hz=None if rate_hz is None else min(rate_hz, self._most_rate_hz),
            **wishes,
        )


class DesktopStream:
    """Everything between the desktop and its viewers' links."""

    def __init__(
        self,
        source: DesktopSource,
        settings: Settings,
        environment: Mapping[str, str],
        *,
        admit: Callable[[str], TicketClaims],
        has_sound: bool,
    ) -> None:
        """`source` is connected. To be made on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[DillingerError] = self._loop.create_future()
        self.has_sound = has_sound
        self.hub = StreamHub(
            HubParts(
                admit=admit,
                make_sink=lambda say: source.sink(),
                resize=None,  # whoever sits before the desktop keeps its size
                has_sound=has_sound,
                on_peers_changed=lambda peers: log.info("viewers_changed", viewers=peers),
                clipboard=source if source.shares_clipboard else None,
                set_keyboard=source.set_keyboard,
            ),
            HubSettings(max_peers=settings.server.max_viewers, spare_peers=0, media=settings.webrtc.access()),
        )
        self._costs = EncodingCosts()
        self._video = CappedPipeline(
            open_capture=source.open_capture,
            open_encoder=open_encoder,
            bitrate_bps=settings.encoder.bitrate_bps,
            rate_hz=settings.encoder.rate_hz,
            on_unit=self.hub.publish_threadsafe,
            on_part_restarted=lambda part, message: self._call(self._tell_restart, part, message),
            on_failed=lambda error: self._call(self._fail, error),
            machine=self._costs.known,
            on_pointer=self.hub.saw_pointer_threadsafe,
            is_paused=True,
        )
        source.on_pointer_moved = self._video.pointer_moved
        source.on_copied = self.hub.copied
        self._sound: MachineSound | None = None
        if has_sound:
            self._sound = MachineSound(
                settings.capture.sound_source,
                environment,
                on_packet=self.hub.publish_sound_threadsafe,
                on_failed=lambda error: self._call(self._lose_sound, error),
            )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts the pipelines; they rest until somebody looks."""
        self._video.start()
        self.hub.attach(self._video)
        if self._sound is not None:
            self._sound.start()
            self._tasks.append(asyncio.create_task(self._sound.keep(), name="sound_keep"))
            self.hub.attach_sound(self._sound)
        self._tasks.append(asyncio.create_task(self._learn_costs(), name="learn_costs"))

    async def failed(self) -> DillingerError:
        """Returns when there are no pictures any more, with why."""
        return await asyncio.shield(self._failed)

    def stats(self) -> SeatStats:
        """The last second's figures."""
        return self.hub.seat_stats(self._video.stats())

    def trace(self) -> StreamTrace:
        """What became of the last pictures."""
        return self.hub.trace(self._video.stats(), self._video.pictures())

    async def end(self, reason: EndReason, message: str) -> None:
        """Tells every viewer that it is over, and lets nobody in any more."""
        await self.hub.end(SessionEnd(reason=reason, message=message, ended_at=datetime.now(UTC)))

    async def close(self) -> None:
        """Stops the pipelines; idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._video.stop)
        if self._sound is not None:
            await self._sound.close()

    async def _learn_costs(self) -> None:
        """Finds out what this machine encodes in time, once, when somebody has watched for a while."""
        while True:
            await asyncio.sleep(_COSTS_AFTER_S)
            if self.hub.peers:
                break
        await self._costs.learn()
        self._video.reconfigure()

    def _tell_restart(self, part: str, message: str) -> None:
        self.hub.notify(Notice(level="warning", code="part_restarted", message=f"The {part} was restarted: {message}"))

    def _lose_sound(self, error: DillingerError) -> None:
        log.warning("sound_lost", error=error.message)
        self.hub.notify(Notice(level="warning", code="sound_lost", message=f"There is no sound now: {error.message}"))

    def _fail(self, error: DillingerError) -> None:
        if not self._failed.done():
            self._failed.set_result(Unavailable(error.message, hint=error.hint))

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(callback, *arguments)
