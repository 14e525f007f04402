"""The stream of one session: hub, pipelines and the socket that they are reached through.

Importing this loads the codecs, which takes a while: the seat does it in a thread while the cell starts. On the loop;
the pipelines have threads of their own and report through `call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve, unix_serve

from dillinger_contracts.errors import DillingerError, Unavailable
from dillinger_contracts.game import Size
from dillinger_contracts.ice import MediaAccess
from dillinger_contracts.session import SeatStats, SessionEnd, StreamListen, StreamProfile
from dillinger_contracts.signaling import Notice
from dillinger_contracts.stages import StreamTrace
from dillinger_contracts.tickets import TicketClaims
from dillinger_stream.capture.base import CaptureError
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.encode.costs import EncodingCosts
from dillinger_stream.hub import HubParts, HubSettings, StreamHub
from dillinger_stream.input.base import InputSink
from dillinger_stream.input.several import SeveralSinks
from dillinger_stream.pipeline import VideoPipeline
from dillinger_stream.sound.pipeline import SoundPipeline
from dillinger_stream.sound.voice import Voice
from dillinger_stream.transport.link import SERVER_OPTIONS, WebSocketLink

from .desktops.base import Desktop
from .head import Head
from .listening import listening, write_port
from .pads.slots import PadSlots

log = structlog.get_logger()

ANSWER_LOOK_S = 2.0
"""How often the game's window is asked whether its program lives, while somebody watches."""
COSTS_AFTER_S = 5.0
"""A stream shows for so long before it is tried what else this machine encodes in time."""
POINTER_LOOK_S = 0.5
"""How often the display is asked whether the game has taken the pointer, while somebody watches."""


@dataclass(frozen=True, slots=True)
class StreamingEvents:
    """What the stream tells its seat, on the loop."""

    peers_changed: Callable[[int], None]
    part_restarted: Callable[[str, str], None]
    picture_failed: Callable[[DillingerError], None]
    sound_failed: Callable[[DillingerError], None]


@dataclass(frozen=True, slots=True)
class CellEnds:
    """What the stream reaches in the cell, beside the desktop."""

    sound_fd: int
    voice: Voice
    pads: PadSlots
    head: Head | None
    """None where the game follows none."""
    set_keyboard: Callable[[str], Awaitable[None]]


class Streaming:
    """Everything between the desktop and the viewers' sockets."""

    def __init__(
        self,
        desktop: Desktop,
        profile: StreamProfile,
        events: StreamingEvents,
        *,
        admit: Callable[[str], TicketClaims],
        media: MediaAccess,
        is_resizable: bool,
        ends: CellEnds,
    ) -> None:
        """Takes over `sound_fd`."""
        self._loop = asyncio.get_running_loop()
        self._desktop = desktop
        self._hub = StreamHub(
            HubParts(
                admit=admit,
                make_sink=lambda say: SeveralSinks(desktop.sink(), ends.pads.sink(say), *_head_sinks(ends)),
                resize=self._resize if is_resizable else None,
                has_sound=True,
                on_peers_changed=events.peers_changed,
                clipboard=desktop,
                voice=ends.voice,
                has_head_tracking=ends.head is not None,
                set_keyboard=ends.set_keyboard,
            ),
            HubSettings(media=media),
        )
        desktop.on_copied = self._hub.copied
        self._costs = EncodingCosts()
        self._video = VideoPipeline(
            open_capture=desktop.open_capture,
            open_encoder=open_encoder,
            bitrate_bps=profile.bitrate_bps,
            rate_hz=profile.rate_hz,
            on_unit=self._hub.publish_threadsafe,
            on_part_restarted=lambda part, message: self._call(events.part_restarted, part, message),
            on_failed=lambda error: self._call(events.picture_failed, error),
            is_paused=True,
            machine=self._costs.known,
            on_pointer=self._hub.saw_pointer_threadsafe,
        )
        self._sound = SoundPipeline(
            ends.sound_fd,
            on_packet=self._hub.publish_sound_threadsafe,
            on_failed=lambda error: self._call(events.sound_failed, error),
        )
        self._servers: list[Server] = []

    @property
    def peers(self) -> int:
        """How many watch or play."""
        return self._hub.peers

    async def open(self, socket_path: Path) -> None:
        """Starts the pipelines (they rest until somebody looks) and listens at a socket of this machine."""
        self._video.start()
        self._sound.start()
        self._hub.attach(self._video)
        self._hub.attach_sound(self._sound)
        self._servers.append(await unix_serve(self._serve, str(socket_path), **SERVER_OPTIONS))

    async def open_to_network(self, where: StreamListen, port_file: Path) -> None:
        """Listens by TCP too, and says at which port; raises `Exhausted` where none is free, and `Unavailable`."""
        listener = listening(where)
        # No page of a browser gets as far as the ticket: core is no page, and says no `Origin`.
        server = await serve(self._serve, sock=listener, origins=[None], **SERVER_OPTIONS)
        self._servers.append(server)
        await asyncio.to_thread(write_port, port_file, listener.getsockname()[1])

    async def _serve(self, connection: ServerConnection) -> None:
        await self._hub.serve(WebSocketLink(connection))

    def pointer_moved(self) -> None:
        """The pointer is part of the picture."""
        self._video.pointer_moved()

    def notify(self, code: str, message: str, *, hint: str | None = None) -> None:
        """Tells every viewer."""
        self._hub.notify(Notice(level="warning", code=code, message=message, hint=hint))

    async def watch_answers(self, title: str, limit_s: float) -> None:
        """Tells the viewers when the game no longer answers, again and again, and when it does again; ends nothing."""
        is_told = False
        with contextlib.suppress(CaptureError):
            while True:
                await asyncio.sleep(min(ANSWER_LOOK_S, limit_s / 4))
                if not self.peers:
                    continue
                silent_s = await self._desktop.silent_s()
                if silent_s >= limit_s:
                    words = f"{title} has not answered for {silent_s:.0f} s."
                    self.notify("not_answering", words, hint="Wait, or end it: what was not saved is lost then.")
                elif is_told:
                    self.notify("answers_again", f"{title} answers again.")
                is_told = silent_s >= limit_s

    async def watch_pointer(self) -> None:
        """Tells the viewers when the game takes the pointer or gives it back, until the display is gone."""
        was_taken = False
        with contextlib.suppress(CaptureError):
            while True:
                await asyncio.sleep(POINTER_LOOK_S)
                if self.peers and (is_taken := await self._desktop.is_pointer_taken()) != was_taken:
                    was_taken = is_taken
                    self._hub.set_pointer_taken(is_taken)

    async def learn_costs(self) -> None:
        """Finds out what this machine encodes in time, once, when somebody watches."""
        while True:
            await asyncio.sleep(COSTS_AFTER_S)
            if self.peers:
                break
        await self._costs.learn()
        self._video.reconfigure()

    def stats(self) -> SeatStats:
        """The last second's figures, with those of whoever plays."""
        return self._hub.seat_stats(self._video.stats())

    def trace(self) -> StreamTrace:
        """What became of the last pictures."""
        return self._hub.trace(self._video.stats(), self._video.pictures())

    async def end(self, end: SessionEnd) -> None:
        """Tells every viewer how the session ended, and lets nobody in any more."""
        await self._hub.end(end)

    async def interrupt(self, message: str) -> None:
        """Tells every viewer to come again later, and why."""
        await self._hub.interrupt(Unavailable(message))

    async def close(self) -> None:
        """Stops listening and the pipelines."""
        for server in self._servers:
            server.close(close_connections=True)
            await server.wait_closed()
        await asyncio.to_thread(self._video.stop)
        await asyncio.to_thread(self._sound.stop)

    async def _resize(self, width_px: int, height_px: int) -> Size:
        return await self._desktop.resize(Size(width_px=width_px, height_px=height_px))

    def _call(self, callback: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(callback, *arguments)


def _head_sinks(ends: CellEnds) -> tuple[InputSink, ...]:
    return () if ends.head is None else (ends.head.sink(),)
