"""One encoder, several viewers: the hub takes what the pipelines make and hands it to every peer.

It also sees to what peers share: one of them plays (`contracts/floor` says who), the encoder rests while nobody looks,
follows the player's wish, and makes a keyframe when somebody needs one, but not at everybody's pleasure. It listens
nowhere: the seat (or `dillinger-stream`) accepts connections and gives them to `serve`. Lives on the asyncio loop; the
two `…_threadsafe` entrances are for the pipelines' threads.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from dillinger_contracts.errors import Conflict, Exhausted, Unavailable, problem_of
from dillinger_contracts.floor import Floor, FloorWish
from dillinger_contracts.session import Preference, SeatStats, SessionEnd
from dillinger_contracts.signaling import Ended, FromSeat, Notice, PointerTaken, ServerStats
from dillinger_contracts.stages import StreamTrace
from dillinger_contracts.tickets import TicketClaims

from .clipboard.base import Clip
from .cursors import Cursors
from .formats import CodecWish, common_formats
from .frames import AccessUnit, PointerSeen, SoundPacket
from .hands import Grip
from .host import HubParts, HubSettings, PipelineFigures, Sound, Video
from .input.base import InputSink
from .keyframes import KeyframeRation
from .peer import Peer
from .telemetry import FrameTiming, PipelineStats
from .telling import tell, tell_all, trace
from .transport.link import CLOSE_TIMEOUT_S, Link
from .transport.udp_port import UdpPort
from .wishes import DesktopWishes

__all__ = ["HubParts", "HubSettings", "StreamHub"]

log = structlog.get_logger()


class StreamHub:
    """All peers of one stream. To be made on the running loop."""

    def __init__(self, parts: HubParts, settings: HubSettings | None = None) -> None:
        self.settings = settings or HubSettings()
        self.udp_port = UdpPort(self.settings.media.ports)
        self.is_resizable = parts.resize is not None
        self.has_sound = parts.has_sound
        self.clipboard = parts.clipboard
        self.voice = parts.voice
        self.has_head_tracking = parts.has_head_tracking
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._video: Video | None = None
        self._sound: Sound | None = None
        self._peers: dict[int, Peer] = {}
        self._line: list[Peer] = []
        """All of them, who plays first: nobody's picture waits for a watcher's."""
        self._floor = Floor()
        self._serving: dict[Peer, asyncio.Task[None]] = {}
        self._made_peers = 0
        self.is_pointer_taken = False
        self._end: SessionEnd | None = None
        self._interruption: Unavailable | None = None
        self._quality: tuple[int, float, Preference, CodecWish] | None = None
        self._hold_until_ns = 0
        self._cursors = Cursors()
        self._is_pointer_in_picture = True
        self._ration = KeyframeRation(spacing_s=self.settings.keyframe_spacing_s)
        self._keyframe_timer: asyncio.TimerHandle | None = None
        self._wishes = DesktopWishes(parts.resize, parts.set_keyboard)

    @property
    def peers(self) -> int:
        """How many watch or play."""
        return len(self._peers)

    def attach(self, video: Video) -> None:
        """From now on `video` makes the units; to be called again with its successor after a restart."""
        self._video = video
        self._quality, self._is_pointer_in_picture = None, True
        self._settle_cursor()
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
        for peer in self._line:
            peer.push(unit)

    def publish_sound(self, packet: SoundPacket) -> None:
        """One sound packet for all peers; on the loop, never blocks."""
        for peer in self._line:
            peer.push_sound(packet)

    def saw_pointer(self, seen: PointerSeen) -> None:
        """The desktop's pointer is another or elsewhere; on the loop."""
        self._cursors.saw(seen)
        self._settle_cursor()

    def saw_pointer_threadsafe(self, seen: PointerSeen) -> None:
        """`saw_pointer` from any thread."""
        self._loop.call_soon_threadsafe(self.saw_pointer, seen)

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
        """Offers the player what the game copied."""
        for peer in self._peers.values():
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
            self.leave(peer)

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
        self._wishes.close()

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
        most = self.settings.max_peers + (0 if peer.claims.rank == "guest" else self.settings.spare_peers)
        if len(self._peers) >= most:
            raise Exhausted(f"At most {self.settings.max_peers} may watch this session", hint="Try again later")
        self._peers[peer.peer_id] = peer
        twin = self._peers.pop(self._floor.join(peer.member()) or 0, None)
        if twin is not None:
            self._ration.forget(twin.peer_id)
            twin.hold(Grip.NOTHING)
            twin.interrupt(Conflict("This page has come back by another connection"))
        log.info("peer_joined", peer_id=peer.peer_id, user=peer.claims.sub, rank=peer.claims.rank, peers=self.peers)
        self._settle_floor()
        self._set_going()
        self._parts.on_peers_changed(self.peers)

    def leave(self, peer: Peer) -> None:
        """It gets and does nothing any more. Idempotent."""
        if self._peers.get(peer.peer_id) is not peer:
            return
        del self._peers[peer.peer_id]
        self._floor.leave(peer.peer_id, is_cut_off=not peer.has_said_bye)
        self._ration.forget(peer.peer_id)
        log.info("peer_left", peer_id=peer.peer_id, peers=self.peers)
        peer.hold(Grip.NOTHING)
        self._settle_floor()
        self._tell_all()
        self._settle_cursor()
        self._set_going()
        self._parts.on_peers_changed(self.peers)

    def tell_people(self, peer: Peer) -> None:
        """`peer` was welcomed: everybody hears that it is there, and it hears who else is."""
        self._tell_all()
        self._settle_cursor()

    def wish_floor(self, peer: Peer, wish: FloorWish) -> None:
        """Raises what `Floor.act` does."""
        if peer.peer_id not in self._peers:
            return  # it is being seen off
        before = self._floor.people()
        self._floor.act(peer.peer_id, wish, time.monotonic())
        if self._floor.people() == before:
            return
        log.info("floor_changed", by=peer.peer_id, act=wish.act, player=self._floor.holder)
        self._settle_floor()
        self.wish_changed()
        self._tell_all()

    def _settle_floor(self) -> None:
        """Hands follow the floor: who lost it lets go before the next takes hold."""
        holder = self._peers.get(self._floor.holder or 0)
        others = [peer for peer in self._peers.values() if peer is not holder]
        for peer in others:
            peer.hold(Grip.PADS if self._floor.has_pads(peer.peer_id) else Grip.NOTHING)
        if holder is not None:
            holder.hold(Grip.ALL)
        self._line = others if holder is None else [holder, *others]

    def _tell_all(self) -> None:
        people = self._floor.people()
        for peer in self._line:
            peer.say(people)

    def _settle_cursor(self) -> None:
        in_picture = self._cursors.settle(self._peers.values())
        if self._peers and self._video is not None and in_picture != self._is_pointer_in_picture:
            self._is_pointer_in_picture = in_picture
            self._video.reconfigure(draws_pointer=in_picture)

    def want_keyframe(self, peer: Peer) -> None:
        """At once, unless there was one just now or `peer` asks too often (see `keyframes`): then as soon as may be."""
        now_s = time.monotonic()
        is_watcher = peer.role == "viewer" and self._floor.holder is not None
        wait_s = self._ration.wait_s(peer.peer_id, now_s, is_watcher=is_watcher)
        if wait_s <= 0:
            self._request_keyframe()
        elif self._keyframe_timer is None or self._loop.time() + wait_s < self._keyframe_timer.when():
            if self._keyframe_timer is not None:
                self._keyframe_timer.cancel()
            self._keyframe_timer = self._loop.call_later(wait_s, self._request_keyframe)

    def wish_changed(self) -> None:
        """Brings the encoder to the wish of the player, or to the smallest of the viewers where there is no player.

        So a watcher on a bad path makes nobody's picture worse: it loses units instead. While the paths of all of them
        are full, no picture is taken at all.
        """
        players = [peer for peer in self._peers.values() if peer.role == "player"]
        peers = players or list(self._peers.values())
        if not peers or self._video is None:
            return
        slowest = min(peers, key=lambda peer: peer.bitrate_bps)
        profile = slowest.profile
        everybody = players + [peer for peer in self._line if peer not in players]
        codec = CodecWish(
            profile.codec, profile.is_text_sharp,
            takes=common_formats(peer.takes for peer in everybody),
            decodes=common_formats(peer.decodes for peer in everybody),
            players_take=common_formats(peer.takes for peer in peers),
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
        """The newest wish wins."""
        self._wishes.want_size(peer, width_px, height_px)

    def want_keyboard(self, peer: Peer, layout: str) -> None:
        """The newest wish wins."""
        self._wishes.want_keyboard(peer, layout)

    def seat_stats(self, figures: PipelineStats) -> SeatStats:
        """The last second's figures, with those of whoever plays, or of who came first where nobody does."""
        return tell_all(figures, self._by_weight(), time.monotonic_ns())

    def trace(self, figures: PipelineFigures, pictures: Sequence[FrameTiming]) -> StreamTrace:
        """What became of each of `pictures` on the way to the same viewer."""
        return trace(figures, pictures, next(iter(self._by_weight()), None))

    def _by_weight(self) -> list[Peer]:
        return sorted(self._line, key=lambda peer: peer.role != "player")

    def server_stats(self, peer: Peer) -> ServerStats:
        """The figures of the last second, those of the peer's own pictures among them."""
        if self._video is None:
            return ServerStats(viewers=self.peers)
        figures = self._video.stats()
        return ServerStats(
            capture_fps=figures.capture_fps, encode_ms_p50=figures.encode_ms_p50,
            bitrate_bps=figures.bitrate_bps, limit_hz=figures.limit_hz, limit_reason=figures.limit_reason,
            codec_reason=figures.codec_reason, formats=figures.formats, viewers=self.peers,
            **tell(figures, peer, time.monotonic_ns()),
        )  # fmt: skip

    def _set_going(self) -> None:
        """The pipelines run while somebody is there."""
        for part in (self._video, self._sound):
            if part is not None:
                (part.resume if self._peers else part.pause)()
        self.wish_changed()

    def _request_keyframe(self) -> None:
        self._keyframe_timer = None
        self._ration.made(time.monotonic())
        if self._video is not None:
            self._video.request_keyframe()
