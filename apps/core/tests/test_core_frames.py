"""Frames are followed in a stream of bytes however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from dillinger_core.frames import FrameMeter, TooLongError, close_frame, text_frame

payloads = st.binary(max_size=300) | st.integers(60_000, 70_000).map(bytes)
messages = st.lists(payloads, min_size=1, max_size=3)
"""A message is one frame or several."""
controls = st.sampled_from((Opcode.PING, Opcode.PONG))


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], int]:
    """Frames as bytes, and how many messages they are."""
    is_masked = draw(st.booleans())
    frames: list[Frame] = []
    count = draw(st.integers(0, 5))
    for _ in range(count):
        parts = draw(messages)
        for number, part in enumerate(parts):
            opcode = Opcode.CONT if number else Opcode.BINARY
            frames.append(Frame(opcode, part, fin=number == len(parts) - 1))
            if draw(st.booleans()):
                frames.append(Frame(draw(controls), b"hello"))
    return [frame.serialize(mask=is_masked) for frame in frames], count


@given(streams(), st.data())
def test_messages_are_counted_however_the_bytes_are_cut(stream: tuple[list[bytes], int], data: st.DataObject) -> None:
    frames, count = stream
    meter = FrameMeter(1 << 20)
    ends = {0}
    for frame in frames:
        ends.add(max(ends) + len(frame))
    everything, at = b"".join(frames), 0
    while at < len(everything):
        step = data.draw(st.integers(1, len(everything) - at))
        meter.feed(everything[at : at + step])
        at += step
        assert meter.is_between == (at in ends)
    assert (meter.messages, meter.bytes, meter.has_close) == (count, len(everything), False)


def test_a_message_too_long_is_noticed_at_its_head_and_in_parts() -> None:
    with pytest.raises(TooLongError):
        FrameMeter(100).feed(Frame(Opcode.BINARY, bytes(101)).serialize(mask=True)[:8])
    meter = FrameMeter(100)
    meter.feed(Frame(Opcode.BINARY, bytes(60), fin=False).serialize(mask=True))
    with pytest.raises(TooLongError):
        meter.feed(Frame(Opcode.CONT, bytes(60)).serialize(mask=True))
    with pytest.raises(TooLongError):
        FrameMeter(100).feed(b"\x82\xff" + b"\xff" * 12)


def test_cores_own_words_are_frames_too() -> None:
    meter = FrameMeter(100)
    meter.feed(text_frame("ünïcode", is_masked=True))
    assert meter.is_between and not meter.has_close
    meter.feed(close_frame(4403, "the login is over", is_masked=False))
    assert meter.is_between and meter.has_close and meter.messages == 1
