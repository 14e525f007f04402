"""What is measured: the parts that every picture or packet goes through, each prepared to be done once and again.

A picture is one of 720p at 60 a second and 12 Mbit/s: 25,000 bytes in some 21 packets. Nothing here does I/O but the
conversion, which calls libyuv; what is called is what the seat and core call.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from dillinger_contracts.input import Move, decode, encode
from dillinger_contracts.media import Box, pack_picture_header
from dillinger_core.frames import FrameMeter
from dillinger_stream.capture.damage import changed_box
from dillinger_stream.capture.geometry import clip, even, union
from dillinger_stream.encode.picture import YuvPicture
from dillinger_stream.frames import AccessUnit
from dillinger_stream.telemetry import FrameTiming, Telemetry
from dillinger_stream.transport._aiortc_codecs import pack_h264
from dillinger_stream.transport.arrivals import Arrival, ArrivalGauge
from dillinger_stream.transport.duplication import Duplication
from dillinger_stream.transport.flow import FlowWindow
from dillinger_stream.transport.pacer import Pacer
from dillinger_stream.transport.rate import PathState, RateControl
from dillinger_stream.transport.rtp_av1 import pack_av1
from dillinger_stream.transport.rtp_vpx import pack_vp8, pack_vp9
from dillinger_stream.transport.trail import Trail

WIDTH_PX, HEIGHT_PX = 1280, 720
UNIT_BYTES, PACKET_BYTES, PACKETS = 25_000, 1200, 21
WISH_BPS = 12_000_000
WHOLE = Box(0, 0, WIDTH_PX, HEIGHT_PX)
SMALL = Box(300, 200, 200, 200)
_INTERVAL_NS = 16_666_667

Once = Callable[[], object]


class Counting:
    """Numbers of pictures, and the times at which they come."""

    def __init__(self) -> None:
        self.number = 0

    def next_ns(self) -> int:
        """One picture further."""
        self.number += 1
        return self.number * _INTERVAL_NS


def _bytes(count: int) -> bytes:
    return np.random.default_rng(1).integers(1, 255, count, dtype=np.uint8).tobytes()


def _h264() -> Once:
    unit = b"\0\0\0\1\x41" + _bytes(UNIT_BYTES)
    return lambda: pack_h264(unit)


def _vp8() -> Once:
    unit = b"\x11\0\0" + _bytes(UNIT_BYTES)
    return lambda: pack_vp8(unit, picture_id=1)


def _vp9() -> Once:
    unit = _bytes(UNIT_BYTES)
    return lambda: pack_vp9(unit, picture_id=1, is_keyframe=False, size_px=(WIDTH_PX, HEIGHT_PX))


def _av1() -> Once:
    unit = b"\x30" + _bytes(UNIT_BYTES)  # one frame OBU without a size, to the end of the unit
    return lambda: pack_av1(unit, is_keyframe=False)


def _header() -> Once:
    return lambda: pack_picture_header(
        sequence=1, captured_at_us=1, width_px=WIDTH_PX, height_px=HEIGHT_PX, box=SMALL, is_keyframe=False
    )


def _pacer() -> Once:
    pacer, counting = Pacer(), Counting()

    def once() -> None:
        now_s = counting.next_ns() / 1e9
        for _ in range(PACKETS):
            pacer.wait_s(now_s, PACKET_BYTES, rate_bps=2.5 * WISH_BPS)

    return once


def _rate() -> Once:
    control, counting = RateControl(), Counting()
    path = PathState(queue_ms=3.0, carried_bps=WISH_BPS, rtt_ms=20.0, loss_ratio=0.01)
    return lambda: control.step(counting.next_ns() / 1e9, path, wish_bps=WISH_BPS)


def _duplication() -> Once:
    duplication, counting = Duplication(), Counting()
    return lambda: duplication.take(counting.next_ns() / 1e9, loss_ratio=0.04, rtt_ms=40.0, room_bps=float(WISH_BPS))


def _arrivals() -> Once:
    gauge, counting = ArrivalGauge(), Counting()

    def once() -> None:
        now_s = counting.next_ns() / 1e9
        arrivals = []
        for _ in range(PACKETS):
            number = gauge.number()
            gauge.sent(number, PACKET_BYTES, now_s)
            arrivals.append(Arrival(number, now_s + 0.01))
        gauge.take(arrivals, now_s + 0.02)

    return once


def _damage_merge() -> Once:
    boxes = [Box(place * 90, place * 40, 61, 33) for place in range(8)]

    def once() -> Box:
        merged: Box | None = None
        for box in boxes:
            merged = union(merged, box)
        return even(clip(merged or WHOLE, WIDTH_PX, HEIGHT_PX))

    return once


def _damage_compare() -> Once:
    before = np.zeros((HEIGHT_PX, WIDTH_PX), dtype=np.uint32)
    after = before.copy()
    after[SMALL.y : SMALL.y + SMALL.height, SMALL.x : SMALL.x + SMALL.width] = 7
    return lambda: changed_box(before, after)


def _convert(box: Box) -> Once:
    picture = YuvPicture(WIDTH_PX, HEIGHT_PX)
    pixels = np.zeros((HEIGHT_PX, WIDTH_PX, 4), dtype=np.uint8)
    picture.take(pixels, WHOLE)
    part = np.ascontiguousarray(pixels[: box.height, : box.width])
    return lambda: picture.take(part, box)


def _times() -> Once:
    trail, telemetry, counting = Trail(), Telemetry(), Counting()

    def once() -> None:
        now_ns = counting.next_ns()
        number = counting.number
        unit = AccessUnit(b"", number, now_ns, WIDTH_PX, HEIGHT_PX, WHOLE, False, "avc1.42c020", encoded_at_ns=now_ns)
        timing = FrameTiming(now_ns, 200_000, True, 0.1, 0.4, 0.3, 3.0, number, now_ns, False)
        telemetry.add(timing, width_px=WIDTH_PX, height_px=HEIGHT_PX)
        trail.packed(unit, taken_ns=now_ns, now_ns=now_ns)
        trail.sent(number, now_ns)
        trail.shown(number, now_ns, decode_us=1600, paint_us=100)

    return once


def _flow() -> Once:
    window, counting = FlowWindow(), Counting()

    def once() -> None:
        now_ns = counting.next_ns()
        window.sent(counting.number, captured_at_ns=now_ns, now_ns=now_ns)
        window.shown(counting.number, browser_us=1700, now_ns=now_ns + 5_000_000)
        if counting.number % 60 == 0:
            window.measure()

    return once


def _input() -> Once:
    message = encode(Move(seq=1, client_time_ms=1, x=100, y=200))
    return lambda: decode(message)


def _relay() -> Once:
    meter = FrameMeter(1 << 20)
    frame = b"\x82\x7e" + UNIT_BYTES.to_bytes(2) + _bytes(UNIT_BYTES)
    return lambda: meter.feed(frame)


CASES = MappingProxyType[str, Callable[[], Once]]({
    "micro_pack_h264": _h264,
    "micro_pack_vp8": _vp8,
    "micro_pack_vp9": _vp9,
    "micro_pack_av1": _av1,
    "micro_header": _header,
    "micro_pacer": _pacer,
    "micro_rate": _rate,
    "micro_duplication": _duplication,
    "micro_arrivals": _arrivals,
    "micro_damage_merge": _damage_merge,
    "micro_damage_compare": _damage_compare,
    "micro_convert_box": lambda: _convert(SMALL),
    "micro_convert_whole": lambda: _convert(WHOLE),
    "micro_times": _times,
    "micro_flow": _flow,
    "micro_input": _input,
    "micro_relay": _relay,
})  # fmt: skip
"""Name of the figure → what makes it ready, and returns what is timed."""
