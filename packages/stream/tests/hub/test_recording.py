"""A recording's file is what viewers of traces open, and holds each picture once with its stages in their order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dillinger_contracts.stages import STAGES, PictureTrace, StageTimes, StreamTrace
from dillinger_stream.recording import merged, record, trace_file

WHOLE: StageTimes = {stage: 0.5 + place / 4 for place, stage in enumerate(STAGES)}


def picture(sequence: int, *, stages: StageTimes = WHOLE, is_shown: bool = True) -> PictureTrace:
    captured_us = 5_000_000_000 + sequence * 4_000  # closer than a picture takes: their spans overlap
    making_us = sum(round(stages.get(stage, 0.0) * 1000) for stage in STAGES[:4])
    encoded_us = captured_us + making_us
    return PictureTrace(
        sequence=sequence, captured_at_us=captured_us, encoded_at_us=encoded_us, sent_at_us=encoded_us + 3_000,
        shown_at_us=encoded_us + 30_000 if is_shown else None, bits=80_000, is_keyframe=sequence == 0, stages_ms=stages,
    )  # fmt: skip


def trace(*numbers: int, **more: Any) -> StreamTrace:
    pictures = tuple(picture(number, **more) for number in numbers)
    return StreamTrace(transport="websocket", width_px=1280, height_px=720, rate_hz=60, pictures=pictures)


def check_format(text: str) -> list[dict[str, Any]]:
    """The events of a file that follows Google's "Trace Event Format", as far as its kinds are used here."""
    document = json.loads(text)
    assert document["displayTimeUnit"] in ("ms", "ns")
    open_spans: dict[tuple[str, str, int], list[tuple[str, float]]] = {}
    ends_of_thread: dict[tuple[int, int], float] = {}
    for event in document["traceEvents"]:
        assert isinstance(event["name"], str)
        assert isinstance(event["pid"], int)
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name")
            assert isinstance(event["args"]["name"], str)
            continue
        assert isinstance(event["ts"], (int, float))
        assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
            before = ends_of_thread.get((event["pid"], event["tid"]), 0.0)
            assert event["ts"] >= before - 0.2  # a thread does one thing at a time
            ends_of_thread[event["pid"], event["tid"]] = event["ts"] + event["dur"]
        elif event["ph"] in "be":
            spans = open_spans.setdefault((event["cat"], event["id"], event["pid"]), [])
            if event["ph"] == "b":
                assert not spans or event["ts"] >= spans[-1][1] - 0.2
                spans.append((event["name"], event["ts"]))
            else:
                name, began = spans.pop()
                assert (name, event["ts"] >= began) == (event["name"], True)
        else:
            assert event["ph"] == "C"
            assert all(isinstance(value, (int, float)) for value in event["args"].values())
    assert not any(open_spans.values())
    events: list[dict[str, Any]] = document["traceEvents"]
    return events


def test_a_file_follows_the_format_and_has_all_stages_of_each_picture() -> None:
    events = check_format(trace_file(trace(0, 5, 10), title="doom"))
    flames = [event["name"] for event in events if event["ph"] == "b"]
    assert flames == ["picture", *STAGES] * 3
    assert {event["name"] for event in events if event["ph"] == "X"} == {"capture", "convert", "encode"}


def test_stages_follow_each_other() -> None:
    events = check_format(trace_file(trace(0), title="doom"))
    begins = [event["ts"] for event in events if event["ph"] == "b" and event["name"] != "picture"]
    assert begins == sorted(begins)
    assert begins[0] == 0
    assert begins[4] == sum(WHOLE[stage] for stage in STAGES[:4]) * 1000


@pytest.mark.parametrize("stages", [{}, {"convert": 0.2, "encode": 1.0}, {"encode": 1.0, "queue": 0.1, "send": 2.0}])
def test_pictures_of_which_little_is_known_are_in_it_too(stages: StageTimes) -> None:
    check_format(trace_file(trace(0, 1, stages=stages, is_shown=False), title="x"))


def test_nothing_recorded_is_a_file_too() -> None:
    check_format(trace_file(StreamTrace(), title="x"))


def test_a_title_is_only_text() -> None:
    events = check_format(trace_file(trace(0), title='"],"x":{"</script>'))
    assert events[0]["args"]["name"].startswith('"],"x":{"</script>')


def test_a_recording_has_each_picture_once_and_none_of_before() -> None:
    answers = [trace(0, 1), trace(0, 1, 2, 3), trace(2, 3, 4), trace(4, 5)]
    waits: list[float] = []
    recorded = record(lambda: answers[len(waits)], 9.0, waits.append)
    assert [one.sequence for one in recorded.pictures] == [2, 3, 4, 5]
    assert waits == [4.0, 4.0, 1.0]


def test_what_was_told_last_of_a_picture_counts() -> None:
    early = StreamTrace(pictures=(picture(1, stages={"encode": 1.0}, is_shown=False),))
    late = StreamTrace(pictures=(picture(1, stages={"encode": 1.0}),))
    [one] = merged([early, late]).pictures
    assert one.shown_at_us is not None
