"""What a microphone's packets become, and what is refused."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from hypothesis import given
from hypothesis import strategies as st
from tests.cases import fuzz

from dillinger_contracts.errors import Invalid
from dillinger_stream.sound.voice import MOST_PACKET_BYTES, RATE_HZ, VoiceDecoder

PACKET_SAMPLES = RATE_HZ // 50


def opus_of(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> list[bytes]:
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = RATE_HZ, "mono", "s16"
    packets = []
    for start in range(0, len(samples), PACKET_SAMPLES):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + PACKET_SAMPLES], "s16", "mono")
        frame.sample_rate = RATE_HZ
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def test_voice_comes_out_as_it_went_in() -> None:
    tone = (10_000 * np.sin(np.arange(RATE_HZ) * 2 * np.pi * 440 / RATE_HZ)).astype(np.int16)
    decoder = VoiceDecoder()
    heard = np.frombuffer(b"".join(decoder.decode(packet) for packet in opus_of(tone)), np.int16)
    assert len(heard) == pytest.approx(RATE_HZ, abs=2 * PACKET_SAMPLES)
    assert np.abs(heard[RATE_HZ // 2 :]).max() == pytest.approx(10_000, rel=0.2)
    assert np.argmax(np.abs(np.fft.rfft(heard[-RATE_HZ // 2 :]))) == pytest.approx(220, abs=2)


@pytest.mark.parametrize("packet", [b"", bytes(MOST_PACKET_BYTES + 1)], ids=["empty", "too long"])
def test_what_can_be_no_packet_is_refused(packet: bytes) -> None:
    with pytest.raises(Invalid):
        VoiceDecoder().decode(packet)


@fuzz(100)
@given(st.binary(max_size=200))
def test_any_bytes_are_sound_or_a_clear_error(packet: bytes) -> None:
    decoder = VoiceDecoder()
    try:
        assert len(decoder.decode(packet)) % 2 == 0
    except Invalid as error:
        assert error.message
