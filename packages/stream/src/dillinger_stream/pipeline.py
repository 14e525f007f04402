"""The video pipeline: damage → grab → convert → encode → `on_unit`, on a thread of its own.

Nothing is captured, converted or encoded while nothing changes or while it is paused. After motion has stopped, the
last picture is encoded again a few times, sharper, until that no longer pays. A capture or an encoder that fails is
replaced once; when it fails again soon, the pipeline ends with `on_failed`. All callbacks run on the pipeline's
thread.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from dillinger_contracts.errors import DillingerError, Internal
from dillinger_contracts.session import Preference

from .capture.base import CaptureError, CaptureSource
from .capture.geometry import EMPTY_BOX, is_empty
from .encode.base import SOFTWARE, EncoderError, EncoderSettings, VideoEncoder
from .formats import CodecWish, Machine
from .frames import AccessUnit, Frame, PointerSeen
from .pacing import TokenBucket
from .quality import Quality
from .telemetry import FrameTiming, PipelineStats, Telemetry

log = structlog.get_logger()

_KEYFRAME_GAP_NS = 200_000_000
"""Keyframes are dear: requests that come closer than this are answered together."""
_REST_NS = 300_000_000
"""So long nothing must move until the picture is encoded again, sharper."""
_REFINEMENT_GAP_NS = 100_000_000
_MOST_REFINEMENTS = 4
_WORTHWHILE_SHARE = 0.1
"""A refinement that took less than this share of a frame's bits changed next to nothing: it was the last."""
_FORGIVEN_AFTER_NS = 60_000_000_000
"""A part that ran so long since its restart may be restarted again."""
_PAUSED_POLL_MS = 10_000
_STOP_S = 2.0


@dataclass(slots=True)
class _Wishes:
    """What other threads want; guarded by the pipeline's lock, the one-shot ones are taken by its thread."""

    bitrate_bps: int
    rate_hz: float
    preference: Preference
    codec: CodecWish
    is_paused: bool
    hold_until_ns: int = 0
    is_stopping: bool = False
    keyframe: bool = False
    pointer_moved: bool = False
    draws_pointer: bool = True


class VideoPipeline:
    """Every method may be called from any thread; only `stop` waits."""

    def __init__(
        self,
        *,
        open_capture: Callable[[], CaptureSource],
        open_encoder: Callable[[EncoderSettings], VideoEncoder],
        bitrate_bps: int,
        rate_hz: float,
        on_unit: Callable[[AccessUnit], None],
        on_part_restarted: Callable[[str, str], None],
        on_failed: Callable[[DillingerError], None],
        is_paused: bool = False,
        machine: Callable[[], Machine] = Machine,
        on_pointer: Callable[[PointerSeen], None] = lambda seen: None,
    ) -> None:
        """`on_part_restarted` gets "capture" or "encoder" and what happened; `on_failed` is the last word; `machine` is
        what is known by now of what this machine encodes in time; `on_pointer` gets the desktop's pointer whenever it
        is another or elsewhere, where the capture tells it apart from the picture."""
        self._open_capture = open_capture
        self._open_encoder = open_encoder
        self._on_unit = on_unit
        self._on_part_restarted = on_part_restarted
        self._on_failed = on_failed
        self._on_pointer = on_pointer
        self._lock = threading.Lock()
        self._wishes = _Wishes(bitrate_bps, rate_hz, "balanced", CodecWish(), is_paused)
        self._has_wishes = False
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wake_poll = select.poll()
        self._wake_poll.register(self._wake_fd, select.POLLIN)
        self._is_closed = False
        self._thread = threading.Thread(target=self._main, name="video", daemon=True)
        self._telemetry = Telemetry()
        # What follows belongs to the thread alone.
        self._standing = replace(self._wishes)
        """The wishes without those for one time only."""
        self._applied: _Wishes | None = None
        self._capture: CaptureSource | None = None
        self._encoder: VideoEncoder | None = None
        self._opened_with = EncoderSettings(0, 0, bitrate_bps, rate_hz)
        self._bucket = TokenBucket(rate_hz)
        self._quality = Quality(machine)
        self._sequence = 0
        self._pointer: PointerSeen | None = None
        self._last_frame: Frame | None = None
        """None when the next picture must be grabbed as a whole."""
        self._wants_keyframe = False
        self._keyframe_at_ns = 0
        self._refine_at_ns = 0
        self._refinements_left = 0
        self._restarted_at_ns: dict[str, int] = {}

    def start(self) -> None:
        """Starts the thread, which opens the capture first."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and waits for it, for 2 s at most; idempotent, and fine before `start`."""
        self._wish(is_stopping=True)
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(_STOP_S / 2)
            capture = self._capture
            if self._thread.is_alive() and capture is not None:
                capture.abort()
                self._thread.join(_STOP_S / 2)
        with self._lock:
            if not self._is_closed and not self._thread.is_alive():
                self._is_closed = True
                os.close(self._wake_fd)

    def pause(self) -> None:
        """Nothing is captured until `resume`."""
        self._wish(is_paused=True)

    def resume(self) -> None:
        """Goes on, with a keyframe of the present picture."""
        self._wish(is_paused=False, keyframe=True, pointer_moved=True)

    def request_keyframe(self) -> None:
        """A keyframe follows at once, or 0.2 s after the last one where that was less than 0.2 s ago."""
        self._wish(keyframe=True)

    def pointer_moved(self) -> None:
        """Input may have moved the pointer: the picture follows."""
        self._wish(pointer_moved=True)

    def reconfigure(
        self,
        *,
        bitrate_bps: int | None = None,
        rate_hz: float | None = None,
        preference: Preference | None = None,
        codec: CodecWish | None = None,
        hold_until_ns: int | None = None,
        draws_pointer: bool | None = None,
    ) -> None:
        """From the next frame on; until `hold_until_ns` (monotonic) what the game draws is not captured. With nothing
        at all: looks again at what is wished, since the machine is known better."""
        changes: dict[str, int | float | str | CodecWish | None] = {
            "bitrate_bps": bitrate_bps, "rate_hz": rate_hz, "preference": preference, "codec": codec,
            "hold_until_ns": hold_until_ns, "draws_pointer": draws_pointer,
        }  # fmt: skip
        self._wish(**{name: value for name, value in changes.items() if value is not None})

    def stats(self) -> PipelineStats:
        """What the last second measured."""
        told, made = self._quality.told, self._opened_with
        return replace(
            self._telemetry.stats(time.monotonic_ns()), limit_hz=told.limit_hz, limit_reason=told.limit_reason,
            codec_reason=told.codec_reason, formats=told.formats,
            format=made.format, is_hardware=made.engine != SOFTWARE, rate_hz=self._standing.rate_hz,
        )  # fmt: skip

    def pictures(self) -> list[FrameTiming]:
        """What became of the last ones, oldest first."""
        return self._telemetry.pictures()

    def _wish(self, **changes: bool | int | float | str | CodecWish) -> None:
        with self._lock:
            if self._is_closed:
                return
            for name, value in changes.items():
                setattr(self._wishes, name, value)
            self._has_wishes = True
            os.eventfd_write(self._wake_fd, 1)

    def _take_wishes(self) -> _Wishes:
        if not self._has_wishes:  # looked at without the lock: a wish that comes now ends the next wait
            return self._standing
        with self._lock:
            os.eventfd_read(self._wake_fd)
            taken = replace(self._wishes)
            self._wishes.keyframe = self._wishes.pointer_moved = self._has_wishes = False
        self._standing = replace(taken, keyframe=False, pointer_moved=False)
        return taken

    def _main(self) -> None:
        self._telemetry.begin()
        try:
            while not self._wishes.is_stopping:
                self._supervised_step()
        except DillingerError as error:
            if not self._wishes.is_stopping:
                self._on_failed(error)
        except Exception as error:  # the thread's supervision point: whatever it was ends the stream by name
            log.exception("video_pipeline_broke")
            self._on_failed(Internal(f"The video pipeline broke: {error!r}"))
        finally:
            self._drop_encoder()
            self._drop_capture()

    def _supervised_step(self) -> None:
        try:
            self._step()
        except CaptureError as error:
            self._drop_capture()
            self._note_restart("capture", error)
        except EncoderError as error:
            self._drop_encoder()
            if self._quality.refused(self._opened_with, error.message):
                self._applied = None  # in the format that everybody takes it goes on at once
                self._on_part_restarted("encoder", error.message)
            else:
                self._note_restart("encoder", error)

    def _note_restart(self, part: str, error: DillingerError) -> None:
        """Raises `error` when `part` was restarted shortly before."""
        if self._wishes.is_stopping:
            return
        now_ns = time.monotonic_ns()
        before_ns = self._restarted_at_ns.get(part)
        if before_ns is not None and now_ns - before_ns < _FORGIVEN_AFTER_NS:
            raise error
        self._restarted_at_ns[part] = now_ns
        log.warning("stream_part_restarted", part=part, error=error.message)
        self._on_part_restarted(part, error.message)

    def _step(self) -> None:
        """Waits for one reason to make a unit, and makes it."""
        wishes = self._take_wishes()
        if wishes.is_stopping:
            return
        self._wants_keyframe |= wishes.keyframe
        capture = self._ensure_capture()
        if wishes.is_paused:
            capture.wait(0, self._wake_fd)  # reads what the server said, lest it queues up there
            self._wake_poll.poll(_PAUSED_POLL_MS)
            return
        if wishes is not self._applied or self._quality.has_moved:
            self._apply_wishes(wishes)
            self._applied = wishes
        capture.draw_pointer(is_drawn=wishes.draws_pointer)
        if wishes.pointer_moved:
            capture.pointer_moved()
        self._tell_pointer(capture)
        is_damaged = self._last_frame is None or capture.wait(self._wait_s(), self._wake_fd)
        if is_damaged:
            now_ns = time.monotonic_ns()
            # Looked at without the lock: it may have been wished while this waited for the damage.
            hold_ns = max(self._bucket.wait_ns(now_ns), self._wishes.hold_until_ns - now_ns)
            if hold_ns > 0 and self._wake_poll.poll(max(1, hold_ns // 1_000_000)):
                return  # a new wish first; the damage waits in the capture
        elif self._wait_s() != 0 or self._wake_poll.poll(0):
            return
        self._make_unit(capture, is_damaged=is_damaged)

    def _tell_pointer(self, capture: CaptureSource) -> None:
        pointer = capture.pointer
        if pointer is not None and pointer != self._pointer:
            self._pointer = pointer
            self._on_pointer(pointer)

    def _wait_s(self) -> float | None:
        """How long to wait for damage before there is something else to do."""
        due = []
        if self._wants_keyframe:
            due.append(self._keyframe_at_ns)
        if self._refinements_left:
            due.append(self._refine_at_ns)
        return max(0, min(due) - time.monotonic_ns()) / 1e9 if due else None

    def _make_unit(self, capture: CaptureSource, *, is_damaged: bool) -> None:
        start_ns = time.monotonic_ns()
        is_key_due = self._wants_keyframe and start_ns >= self._keyframe_at_ns
        if is_damaged:
            self._bucket.take(start_ns)
            frame = capture.grab(whole=self._last_frame is None)
        else:
            assert self._last_frame is not None
            frame = replace(self._last_frame, captured_at_ns=start_ns)
            if not is_key_due and start_ns < self._refine_at_ns:
                return
        if is_damaged and is_empty(frame.box) and not is_key_due:
            return
        grabbed_ns = time.monotonic_ns()
        encoder = self._ensure_encoder(frame)
        unit = encoder.encode(frame, keyframe=is_key_due)
        unit = replace(unit, sequence=self._sequence, encoded_at_ns=time.monotonic_ns())
        self._sequence += 1
        self._last_frame = Frame(None, frame.width_px, frame.height_px, EMPTY_BOX, frame.captured_at_ns)
        if unit.is_keyframe:
            self._wants_keyframe = False
            self._keyframe_at_ns = start_ns + _KEYFRAME_GAP_NS
        if is_damaged and not unit.is_keyframe and encoder.timing.quantizer:
            self._quality.saw(start_ns, encoder.timing.quantizer)
        self._plan_refinement(unit, is_damaged=is_damaged)
        timing = FrameTiming(
            at_ns=unit.encoded_at_ns,
            bits=len(unit.data) * 8,
            is_capture=is_damaged,
            damage_to_grab_ms=max(0, start_ns - frame.captured_at_ns) / 1e6,
            grab_ms=(grabbed_ns - start_ns) / 1e6,
            convert_ms=encoder.timing.convert_ms,
            encode_ms=encoder.timing.encode_ms,
            sequence=unit.sequence,
            captured_at_ns=frame.captured_at_ns,
            is_keyframe=unit.is_keyframe,
        )
        self._telemetry.add(timing, width_px=unit.width_px, height_px=unit.height_px)
        self._on_unit(unit)

    def _plan_refinement(self, unit: AccessUnit, *, is_damaged: bool) -> None:
        now_ns = time.monotonic_ns()
        if is_damaged:
            self._refinements_left = _MOST_REFINEMENTS
            self._refine_at_ns = now_ns + _REST_NS
            return
        self._refine_at_ns = now_ns + _REFINEMENT_GAP_NS
        frame_bits = self._opened_with.bitrate_bps / self._opened_with.rate_hz
        if unit.is_keyframe:
            self._refinements_left = _MOST_REFINEMENTS
        elif len(unit.data) * 8 < frame_bits * _WORTHWHILE_SHARE:
            self._refinements_left = 0
        else:
            self._refinements_left -= 1

    def _apply_wishes(self, wishes: _Wishes) -> None:
        before = self._opened_with
        settings = self._quality.settings(
            before,
            bitrate_bps=wishes.bitrate_bps,
            rate_hz=wishes.rate_hz,
            preference=wishes.preference,
            codec=wishes.codec,
        )
        if settings == before:
            return
        self._opened_with = settings
        self._bucket.set_rate(settings.rate_hz)
        if (settings.format, settings.scale, settings.engine) != (before.format, before.scale, before.engine):
            self._drop_encoder()
        elif self._encoder is not None:
            self._encoder.reconfigure(bitrate_bps=settings.bitrate_bps, rate_hz=settings.rate_hz)

    def _ensure_capture(self) -> CaptureSource:
        if self._capture is None:
            self._last_frame = None
            self._capture = self._open_capture()
        return self._capture

    def _ensure_encoder(self, frame: Frame) -> VideoEncoder:
        size = (frame.width_px, frame.height_px)
        if self._encoder is not None and size != (self._opened_with.width_px, self._opened_with.height_px):
            self._drop_encoder()
        if self._encoder is None:
            self._opened_with = replace(self._opened_with, width_px=frame.width_px, height_px=frame.height_px)
            self._apply_wishes(self._standing)  # what is possible depends on the size
            self._encoder = self._open_encoder(self._opened_with)
        return self._encoder

    def _drop_capture(self) -> None:
        if self._capture is not None:
            self._capture.close()
            self._capture = None

    def _drop_encoder(self) -> None:
        self._last_frame = None
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None
