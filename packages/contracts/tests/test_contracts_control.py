"""The messages between a seat and its runner, and the header of media messages."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.cases import fuzz

from dillinger_contracts.control import (
    Ack,
    Enroll,
    Enrolled,
    FromRunner,
    FromSeat,
    PartRestarted,
    PeersChanged,
    Report,
    ReportBody,
    SeatEnded,
    SeatReady,
    StatsTaken,
    StepDone,
    StopSeat,
)
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.media import (
    FLAG_KEYFRAME,
    KIND_PICTURE,
    KIND_SOUND,
    PICTURE_HEADER_BYTES,
    SOUND_HEADER_BYTES,
    Box,
    pack_picture_header,
    pack_sound_header,
)
from dillinger_contracts.session import SeatStats, SessionEnd, StartStep

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SID = "a" * 20
BODIES: list[ReportBody] = [
    StepDone(step=StartStep(name="display", duration_ms=12.5)),
    SeatReady(),
    PeersChanged(peers=2),
    PartRestarted(part="encoder", message="it failed"),
    StatsTaken(stats=SeatStats(measured_at=AT, peers=1, capture_fps=59.5)),
    SeatEnded(end=SessionEnd(reason=EndReason.GAME_CRASHED, signal="SIGSEGV", log_tail=("a", "b"), ended_at=AT)),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.kind)
def test_a_report_survives_the_wire(body: ReportBody) -> None:
    report = Report(number=7, at=AT, body=body)
    assert FromSeat.validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(
    "message",
    [Enrolled(next_token="n", last_report=3), Ack(number=9), StopSeat(reason=EndReason.USER_STOP, grace_s=5)],
    ids=lambda message: message.type,
)
def test_a_runner_message_survives_the_wire(message: Enrolled | Ack | StopSeat) -> None:
    assert FromRunner.validate_json(message.model_dump_json()) == message


def test_tokens_are_not_shown_in_representations() -> None:
    enroll = Enroll(session_id=SID, token="very-secret", last_report=0)
    assert FromSeat.validate_json(enroll.model_dump_json()) == enroll
    assert "very-secret" not in repr(enroll)
    assert "very-secret" not in repr(Enrolled(next_token="very-secret", last_report=0))


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "report", "number": 0, "at": "2030-01-02T03:04:05Z", "body": {"kind": "seat_ready"}}',
        '{"type": "report", "number": 1, "at": "2030-01-02T03:04:05Z", "body": {"kind": "no_such"}}',
        '{"type": "report", "number": 1, "at": "2030-01-02T03:04:05Z", "body": {"kind": "peers_changed", "peers": -1}}',
        '{"type": "enroll", "session_id": "../../x", "token": "t", "last_report": 0}',
        '{"type": "enroll", "session_id": "aaaaaaaaaaaaaaaaaaaa", "token": "t", "last_report": 0, "more": 1}',
        '{"type": "ack", "number": 1}',
    ],
)
def test_a_seat_can_not_say_this(text: str) -> None:
    with pytest.raises(ValidationError):
        FromSeat.validate_json(text)


@fuzz(200)
@given(st.binary(max_size=200))
def test_garbage_is_no_message(data: bytes) -> None:
    for adapter in (FromSeat, FromRunner):
        with pytest.raises(ValidationError):
            adapter.validate_json(data)


def test_media_headers_are_laid_out_as_written() -> None:
    header = pack_picture_header(
        sequence=(1 << 32) + 5, captured_at_us=1 << 40, width_px=1920, height_px=1080,
        box=Box(8, 16, 320, 240), is_keyframe=True,
    )  # fmt: skip
    assert len(header) == PICTURE_HEADER_BYTES == 28
    assert struct.unpack("<BBHIQHHHHHH", header) == (
        KIND_PICTURE, FLAG_KEYFRAME, 0, 5, 1 << 40, 1920, 1080, 8, 16, 320, 240,
    )  # fmt: skip
    sound = pack_sound_header(sequence=9, captured_at_us=3)
    assert len(sound) == SOUND_HEADER_BYTES == 16
    assert struct.unpack("<BBHIQ", sound) == (KIND_SOUND, 0, 0, 9, 3)
