"""How sound goes out over RTP: even steps, real gaps, and twice while the path loses packets."""

from __future__ import annotations

from dillinger_stream.frames import SoundPacket
from dillinger_stream.transport.sound_rtp import TWICE_FOR_S, SoundRtp

WIDE_BPS = 20e6


def packet(number: int, *, late_ms: float = 0.0) -> SoundPacket:
    return SoundPacket(bytes([number]), number, round((number * 10 + late_ms) * 1e6), 10.0)


def sent(stream: SoundRtp, number: int, now_s: float, *, late_ms: float = 0.0) -> list[tuple[int, int]]:
    return [(sound.data[0], sound.ticks) for sound in stream.send(packet(number, late_ms=late_ms), now_s)]


def test_capture_jitter_is_not_seen_and_a_real_gap_is() -> None:
    stream = SoundRtp()
    steps = [sent(stream, number, 0.0, late_ms=number % 3) for number in (0, 1, 2, 3, 100, 101)]
    assert steps == [[(0, 0)], [(1, 480)], [(2, 960)], [(3, 1440)], [(100, 48_048)], [(101, 48_528)]]


def test_where_packets_are_lost_each_goes_once_more_before_the_next() -> None:
    stream = SoundRtp()
    assert sent(stream, 0, 0.0) == [(0, 0)]
    stream.lost(0.05, 0.0, rate_bps=WIDE_BPS)
    assert sent(stream, 1, 0.01) == [(0, 0), (1, 480)]
    stream.lost(0.0, 1.0, rate_bps=WIDE_BPS)
    assert sent(stream, 2, 1.01) == [(1, 480), (2, 960)]
    assert sent(stream, 3, TWICE_FOR_S + 1.0) == [(3, 1440)]


def test_a_thin_path_and_a_good_one_get_each_packet_once() -> None:
    stream = SoundRtp()
    sent(stream, 0, 0.0)
    stream.lost(0.2, 0.0, rate_bps=0.5e6)
    assert sent(stream, 1, 0.0) == [(1, 480)]
    for loss_ratio in (0.0, 0.004, None):
        stream.lost(loss_ratio, 0.0, rate_bps=WIDE_BPS)
    assert sent(stream, 2, 0.0) == [(2, 960)]
