"""The binary input protocol: round trips, limits, and hostile bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cases import fuzz

from dillinger_contracts import input as protocol
from dillinger_contracts.errors import Invalid
from dillinger_contracts.input import (
    HEADER_BYTES,
    KEY_CODES,
    KNOWN_BUTTONS,
    KNOWN_KEYS,
    MOST_PADS,
    MOST_PITCH,
    MOST_TURN,
    PAD_BUTTONS,
    Button,
    InputEvent,
    Key,
    Look,
    Move,
    MoveBy,
    Pad,
    PadGone,
    ReleaseAll,
    Shown,
    Text,
    Wheel,
    decode,
    definition,
    encode,
    is_typeable,
)

u8, pads = st.integers(0, 0xFF), st.integers(0, MOST_PADS - 1)
turns, pitches = st.integers(-MOST_TURN, MOST_TURN), st.integers(-MOST_PITCH, MOST_PITCH)
u16, i16, u32 = st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF), st.integers(0, 0xFFFFFFFF)
stamp = {"seq": u16, "client_time_ms": u32}
events: st.SearchStrategy[InputEvent] = st.one_of(
    st.builds(Key, code=st.sampled_from(sorted(KNOWN_KEYS)), is_down=st.booleans(), **stamp),
    st.builds(Button, button=st.sampled_from(sorted(KNOWN_BUTTONS)), is_down=st.booleans(), **stamp),
    st.builds(Move, x=u16, y=u16, **stamp),
    st.builds(MoveBy, dx=i16, dy=i16, **stamp),
    st.builds(Wheel, dx=i16, dy=i16, **stamp),
    st.builds(ReleaseAll, **stamp),
    st.builds(Shown, frame=u32, decode_us=u16, draw_us=u16, **stamp),
    st.builds(
        Pad, pad=pads, buttons=st.integers(0, (1 << len(PAD_BUTTONS)) - 1), left_x=i16, left_y=i16, right_x=i16,
        right_y=i16, left_trigger=u8, right_trigger=u8, **stamp,
    ),
    st.builds(PadGone, pad=pads, **stamp),
    st.builds(Look, yaw=turns, pitch=pitches, roll=turns, **stamp),
    st.builds(Text, code_point=st.integers(0, 0x10FFFF).filter(is_typeable), **stamp),
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(events)
def test_an_event_survives_the_wire(event: InputEvent) -> None:
    assert decode(encode(event)) == event


@fuzz(500)
@given(st.binary(max_size=24))
def test_bytes_are_one_event_or_invalid(message: bytes) -> None:
    try:
        event = decode(message)
    except Invalid as refusal:
        assert refusal.message
        return
    assert encode(event) == message


@fuzz(200)
@given(events, st.data())
def test_a_cut_or_longer_message_is_refused(event: InputEvent, data: st.DataObject) -> None:
    message = encode(event)
    for wrong in (message[: data.draw(st.integers(0, len(message) - 1))], message + b"\x00"):
        with pytest.raises(Invalid):
            decode(wrong)


def test_sequence_and_clock_wrap_instead_of_failing() -> None:
    event = decode(encode(ReleaseAll(seq=0x1_0005, client_time_ms=0x1_0000_0007)))
    assert (event.seq, event.client_time_ms) == (5, 7)


@pytest.mark.parametrize("event", [Move(x=-1, y=0), Move(x=0x1_0000, y=0), MoveBy(dx=0x8000, dy=0)], ids=repr)
def test_a_value_that_does_not_fit_is_not_sent(event: InputEvent) -> None:
    with pytest.raises(Invalid, match="does not fit"):
        encode(event)


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"", "at least 8 bytes"),
        (struct.pack("<BBHI", 99, 0, 0, 0), "no input op 99"),
        (struct.pack("<BBHI", 6, 1, 0, 0), "flags are reserved"),
        (struct.pack("<BBHIHB", 1, 0, 0, 0, 30, 2), "is_down of the input op key is 0 or 1"),
        (struct.pack("<BBHIHB", 1, 0, 0, 0, 0, 1), "no key 0"),
        (struct.pack("<BBHIHB", 1, 0, 0, 0, 0xFFFF, 1), "no key 65535"),
        (struct.pack("<BBHIBB", 2, 0, 0, 0, 4, 1), "no pointer button 4"),
        (struct.pack("<BBHIBI4hBB", 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0), "no gamepad 4"),
        (struct.pack("<BBHIBI4hBB", 8, 0, 0, 0, 0, 1 << 17, 0, 0, 0, 0, 0, 0), "0x20000 names others"),
        (struct.pack("<BBHIB", 9, 0, 0, 0, 255), "no gamepad 255"),
        (struct.pack("<BBHI3h", 10, 0, 0, 0, 18_001, 0, 0), "No head is turned by 18001, 0, 0"),
        (struct.pack("<BBHI3h", 10, 0, 0, 0, 0, -9_001, 0), "No head is turned by 0, -9001, 0"),
        (struct.pack("<BBHI3h", 10, 0, 0, 0, 0, 0, -0x8000), "No head is turned by 0, 0, -32768"),
        *(
            (struct.pack("<BBHII", 11, 0, 0, 0, code_point), "no character that can be typed")
            for code_point in (0, 0x1B, 0x7F, 0x9B, 0xD800, 0xDFFF, 0xFDD0, 0xFFFE, 0x1FFFF, 0x110000, 0xFFFFFFFF)
        ),
        (struct.pack("<BBHI", 11, 0, 0, 0) + b"x" * 10_000_000, "text has 12 bytes, this one 10000008"),
        (struct.pack("<BBHI3d", 10, 0, 0, 0, float("nan"), float("inf"), 1e300), "look has 14 bytes, this one 32"),
    ],
)
def test_hostile_bytes_get_a_reason(message: bytes, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        decode(message)


def test_the_definition_is_complete() -> None:
    ops = definition()["ops"]
    assert len({entry["op"] for entry in ops.values()}) == len(ops)
    assert {entry["channel"] for entry in ops.values()} == {"input", "motion"}
    assert len(KNOWN_KEYS) == len(KEY_CODES), "two key names share a number"
    assert all(entry["doc"] for entry in ops.values())
    assert HEADER_BYTES == 8
    assert set(ops) == {event.name for event in protocol.InputEvent.__subclasses__()}
