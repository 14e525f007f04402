"""One encoder, several viewers: the hub takes what the pipelines make and hands it to every peer.

It also sees to what peers share: the encoder rests while nobody looks, follows the players' smallest wish, and makes
a keyframe when somebody needs one, but not at everybody's pleasure. It listens nowhere: the seat (or `dillinger-
stream`) accepts connections and gives them to `serve`. Lives on the asyncio loop; the two `…_threadsafe` entrances
are for the pipelines' threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from dillinger_contracts.errors import Conflict, DillingerError, Exhausted, Unavailable, problem_of
from dillinger_contracts.game import Size
from dillinger_contracts.session import Preference, SessionEnd, VideoFormat
from dillinger_contracts.signaling import Ended, FromSeat, Notice, PointerTaken, ServerStats
from dillinger_contracts.tickets import TicketClaims

from .clipboard.base import Clip, Clipboard
from .formats import EVERYBODYS, CodecWish
from .frames import AccessUnit, SoundPacket
from .host import HubSettings
from .input.base import InputSink
from .peer import Peer
from .sound.voice import Voice
from .transport.link import CLOSE_TIMEOUT_S, Link
from .transport.udp_port import UdpPort

__all__ = ["HubParts", "HubSettings", "StreamHub"]

log = structlog.get_logger()


class PipelineFigures(Protocol):
    """What the hub tells peers of a pipeline's last second; None is unknown."""

    @property
    def capture_fps(self) -> float | None: ...
    @property
    def encode_ms_p50(self) -> float | None: ...
    @property
    def bitrate_bps(self) -> float | None: ...
    @property
    def limit_hz(self) -> float | None: ...
    @property
    def limit_reason(self) -> str | None: ...
    @property
    def codec_reason(self) -> str | None: ...
    @property
    def formats(self) -> tuple[VideoFormat, ...]: ...


class Video(Protocol):
    """The video pipeline, as the hub uses it; nothing here blocks."""

    def request_keyframe(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def reconfigure(
        self,
        *,
        bitrate_bps: int | None = None,
        rate_hz: float | None = None,
        preference: Preference | None = None,
        codec: CodecWish | None = None,
        hold_until_ns: int | None = None,
    ) -> None: ...
    def stats(self) -> PipelineFigures: ...


class Sound(Protocol):
    """The sound pipeline, as the hub uses it."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass(frozen=True, slots=True)
class HubParts:
    """What a hub is given."""

    admit: Callable[[str], TicketClaims]
    """Ticket → its claims, once; raises `Denied`."""
    make_sink: Callable[[Callable[[FromSeat], None]], InputSink]
    """A sink of one peer's own, from what speaks to that peer's browser."""
    resize: Callable[[int, int], Awaitable[Size]] | None
    """Even width and height → what was really set; None where the desktop's size is fixed."""
    has_sound: bool
    on_peers_changed: Callable[[int], None]
    clipboard: Clipboard | None = None
    """What players paste into; None where nothing is shared."""
    set_keyboard: Callable[[str], Awaitable[None]] | None = None
    """Gives the desktop's keyboard a layout; raises `DillingerError`. None where that is not ours to do."""
    voice: Voice | None = None
    """The game's microphone; None where it has none."""


class StreamHub:
    """All peers of one stream. To be made on the running loop."""

    def __init__(self, parts: HubParts, settings: HubSettings | None = None) -> None:
        self.settings = settings or HubSettings()
        self.udp_port = UdpPort(self.settings.media.ports)
        self.is_resizable = parts.resize is not None
        self.has_sound = parts.has_sound
        self.clipboard = parts.clipboard
        self.voice = parts.voice
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._video: Video | None = None
        self._sound: Sound | None = None
        self._peers: dict[int, Peer] = {}
        self._serving: dict[Peer, asyncio.Task[None]] = {}
        self._made_peers = 0
        self.is_pointer_taken = False
        self._end: SessionEnd | None = None
        self._interruption: Unavailable | None = None
        self._quality: tuple[int, float, Preference, CodecWish] | None = None
        self._hold_until_ns = 0
        self._keyframe_at_s = 0.0
        self._keyframe_timer: asyncio.TimerHandle | None = None
        self._size_wish: tuple[Peer, int, int] | None = None
        self._resizing: asyncio.Task[None] | None = None
        self._keyboard: tuple[Peer, str] | None = None
        self._keyboard_task: asyncio.Task[None] | None = None

    @property
    def peers(self) -> int:
        """How many watch or play."""
        return len(self._peers)

    def attach(self, video: Video) -> None:
        """From now on `video` makes the units; to be called again with its successor after a restart."""
        self._video = video
        self._quality = None
        self._set_going()

    def attach_sound(self, sound: Sound) -> None:
        """From now on `sound` makes the packets."""
        self._sound = sound
        self._set_going()

    def publish(self, unit: AccessUnit) -> None:
        """One unit for all peers; on the loop, never blocks."""
        if unit.is_keyframe and self._keyframe_timer is not None:
            self._keyframe_timer.cancel()  # whoever waits for one has it now
            self._keyframe_timer = None
        for peer in self._peers.values():
            peer.push(unit)

    def publish_sound(self, packet: SoundPacket) -> None:
        """One sound packet for all peers; on the loop, never blocks."""
        for peer in self._peers.values():
            peer.push_sound(packet)

    def publish_threadsafe(self, unit: AccessUnit) -> None:
        """`publish` from any thread."""
        self._loop.call_soon_threadsafe(self.publish, unit)

    def publish_sound_threadsafe(self, packet: SoundPacket) -> None:
        """`publish_sound` from any thread."""
        self._loop.call_soon_threadsafe(self.publish_sound, packet)

    def notify(self, notice: Notice) -> None:
        """Tells all peers something, e.g. that a part was restarted."""
        for peer in self._peers.values():
            peer.say(notice)

    def set_pointer_taken(self, is_taken: bool) -> None:
        """Tells all peers, and those who come later, whether the game has taken the pointer for itself."""
        self.is_pointer_taken = is_taken
        for peer in self._peers.values():
            peer.say(PointerTaken(is_taken=is_taken))

    def copied(self, clip: Clip) -> None:
        """Offers the players what the game copied."""
        for peer in self._peers.values():
            if peer.role == "player":
                peer.offer_clip(clip)

    async def serve(self, link: Link) -> None:
        """One peer's conversation over `link`, which is closed at the end. Raises nothing but cancellation."""
        if len(self._serving) >= 2 * self.settings.max_peers:  # those who have not said hello count too
            full = Exhausted("Too many connections to this session")
            await link.close(problem_of(full).close_code, full.message)
            return
        self._made_peers += 1
        peer = Peer(link, self, peer_id=self._made_peers)
        task = asyncio.current_task()
        assert task is not None
        self._serving[peer] = task
        try:
            await peer.run()
        except Exception:  # one peer's trouble must not end the stream of the others
            log.exception("peer_failed", peer_id=peer.peer_id)
            await link.close(4500, "Internal error")
        finally:
            del self._serving[peer]
            self._leave(peer)

    async def end(self, end: SessionEnd) -> None:
        """Tells all peers that the session is over and closes them; later ones are told at once. Idempotent."""
        self._end = end
        for peer in self._serving:
            peer.end(Ended(end=end) if peer.peer_id in self._peers else None)
        await self._see_off()

    async def interrupt(self, error: Unavailable) -> None:
        """Closes all peers, and those who come now, with `error`: the session goes on elsewhere, later."""
        self._interruption = error
        for peer in self._serving:
            peer.interrupt(error)
        await self._see_off()

    async def _see_off(self) -> None:
        own = asyncio.current_task()
        serving = [task for task in self._serving.values() if task is not own]
        if serving:
            _, stuck = await asyncio.wait(serving, timeout=1.5 * CLOSE_TIMEOUT_S)
            for task in stuck:
                task.cancel()
        if self._keyframe_timer is not None:
            self._keyframe_timer.cancel()
        for wish in (self._resizing, self._keyboard_task):
            if wish is not None:
                wish.cancel()

    # What a peer asks of its host

    def admit(self, ticket: str) -> TicketClaims:
        """Raises `Denied`."""
        return self._parts.admit(ticket)

    def make_sink(self, say: Callable[[FromSeat], None]) -> InputSink:
        """A sink of a peer's own."""
        return self._parts.make_sink(say)

    def join(self, peer: Peer) -> None:
        """`peer` gets units from now on; raises `Exhausted` when the house is full."""
        if self._end is not None:
            peer.end(Ended(end=self._end))
            raise Conflict("The session is over")
        if self._interruption is not None:
            raise self._interruption
        if len(self._peers) >= self.settings.max_peers:
            raise Exhausted(f"At most {self.settings.max_peers} may watch this session", hint="Try again later")
        self._peers[peer.peer_id] = peer
        log.info("peer_joined", peer_id=peer.peer_id, role=peer.role, peers=self.peers)
        self._set_going()
        self._parts.on_peers_changed(self.peers)

    def want_keyframe(self, peer: Peer) -> None:
        """At once, unless `peer` asked too often or there was one just now: then as soon as may be."""
        now_s = time.monotonic()
        at_s = max(now_s + peer.keyframes.take(now_s), self._keyframe_at_s + self.settings.keyframe_spacing_s)
        if at_s <= now_s:
            self._request_keyframe()
        elif self._keyframe_timer is None or self._loop.time() + at_s - now_s < self._keyframe_timer.when():
            if self._keyframe_timer is not None:
                self._keyframe_timer.cancel()
            self._keyframe_timer = self._loop.call_later(at_s - now_s, self._request_keyframe)

    def wish_changed(self) -> None:
        """Brings the encoder to the smallest wish of the players, or of the viewers where there is no player.

        So a watcher on a bad path makes nobody's picture worse: it loses units instead. While the paths of all of them
        are full, no picture is taken at all.
        """
        players = [peer for peer in self._peers.values() if peer.role == "player"]
        peers = players or list(self._peers.values())
        if not peers or self._video is None:
            return
        slowest = min(peers, key=lambda peer: peer.bitrate_bps)
        profile = slowest.profile
        everybody = self._peers.values()
        codec = CodecWish(
            profile.codec, profile.is_text_sharp,
            takes=EVERYBODYS.union(frozenset.intersection(*(peer.takes for peer in everybody))),
            decodes=EVERYBODYS.union(frozenset.intersection(*(peer.decodes for peer in everybody))),
        )  # fmt: skip
        quality = slowest.bitrate_bps, min(peer.profile.rate_hz for peer in peers), profile.prefers, codec
        if quality != self._quality:
            self._quality = quality
            self._video.reconfigure(bitrate_bps=quality[0], rate_hz=quality[1], preference=quality[2], codec=codec)
        hold_until_ns = min(peer.hold_until_ns for peer in peers)
        if hold_until_ns > self._hold_until_ns:
            self._hold_until_ns = hold_until_ns
            self._video.reconfigure(hold_until_ns=hold_until_ns)

    def want_size(self, peer: Peer, width_px: int, height_px: int) -> None:
        """Resizes the desktop to the newest wish, one after the other."""
        if self._parts.resize is None:
            peer.notice_once("fixed_size", "This game has a fixed size; the picture is scaled instead")
            return
        self._size_wish = (peer, width_px, height_px)
        if self._resizing is None or self._resizing.done():
            self._resizing = self._loop.create_task(self._resize(self._parts.resize), name="hub_resize")

    def want_keyboard(self, peer: Peer, layout: str) -> None:
        """The desktop's keyboard becomes that of the player who came or chose last."""
        if self._parts.set_keyboard is None or (self._keyboard is not None and self._keyboard[1] == layout):
            return
        self._keyboard = (peer, layout)
        if self._keyboard_task is None or self._keyboard_task.done():
            self._keyboard_task = self._loop.create_task(self._set_keyboard(self._parts.set_keyboard))

    async def _set_keyboard(self, set_keyboard: Callable[[str], Awaitable[None]]) -> None:
        done: tuple[Peer, str] | None = None
        while self._keyboard is not None and self._keyboard != done:
            done = peer, layout = self._keyboard
            try:
                await set_keyboard(layout)
                log.info("keyboard_set", layout=layout)
            except DillingerError as error:
                log.warning("keyboard_failed", layout=layout, error=error.message)
                peer.say(Notice(level="warning", code=error.code, message=error.message, hint=error.hint))

    def server_stats(self) -> ServerStats:
        """The figures of the last second that all peers share."""
        if self._video is None:
            return ServerStats(viewers=self.peers)
        figures = self._video.stats()
        return ServerStats(
            capture_fps=figures.capture_fps, encode_ms_p50=figures.encode_ms_p50,
            bitrate_bps=figures.bitrate_bps, limit_hz=figures.limit_hz, limit_reason=figures.limit_reason,
            codec_reason=figures.codec_reason, formats=figures.formats, viewers=self.peers,
        )  # fmt: skip

    async def _resize(self, resize: Callable[[int, int], Awaitable[Size]]) -> None:
        while self._size_wish is not None:
            (peer, width_px, height_px), self._size_wish = self._size_wish, None
            try:
                size = await resize(width_px, height_px)
                log.info("desktop_resized", width_px=size.width_px, height_px=size.height_px)
            except DillingerError as error:
                log.warning("resize_failed", width_px=width_px, height_px=height_px, error=error.message)
                peer.say(Notice(level="warning", code=error.code, message=error.message, hint=error.hint))

    def _leave(self, peer: Peer) -> None:
        if self._peers.pop(peer.peer_id, None) is not None:
            log.info("peer_left", peer_id=peer.peer_id, peers=self.peers)
            self._set_going()
            self._parts.on_peers_changed(self.peers)

    def _set_going(self) -> None:
        """The pipelines run while somebody is there."""
        for part in (self._video, self._sound):
            if part is not None:
                (part.resume if self._peers else part.pause)()
        self.wish_changed()

    def _request_keyframe(self) -> None:
        self._keyframe_timer = None
        self._keyframe_at_s = time.monotonic()
        if self._video is not None:
            self._video.request_keyframe()
