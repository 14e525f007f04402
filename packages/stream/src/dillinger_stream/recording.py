"""A recording of a stream: what is asked for again and again becomes one, and one becomes a file that viewers open.

The file is Chrome's trace-event JSON (Perfetto, chrome://tracing): a span for each picture from the damage to the glass
with its stages inside, and the video thread's own work. Spans of pictures overlap, so they are asynchronous ("b", "e",
told apart by `id`); a thread's do not, so they are complete ones ("X"). Times are microseconds from the first picture
on. Pure, but for the waiting that is handed in, and for `save`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from dillinger_contracts.errors import Invalid
from dillinger_contracts.stages import MEANINGS, STAGES, PictureTrace, Stage, StreamTrace

Event = dict[str, Any]
_ASK_EVERY_S = 4.0
"""A seat keeps 600 pictures: ten seconds at 60 a second, five at 120."""
_SEAT, _VIEWER = 1, 2
_VIDEO_THREAD = 1
_MAKING: tuple[Stage, ...] = ("wait", "capture", "convert", "encode")
_LEAVING: tuple[Stage, ...] = ("queue", "packetise", "send", "relay", "network", "delivery", "decode", "paint")


def record(ask: Callable[[], StreamTrace], duration_s: float, wait: Callable[[float], None]) -> StreamTrace:
    """The pictures of the next `duration_s`; `wait` waits so many seconds."""
    before = {_key(picture) for picture in ask().pictures}
    taken = []
    left_s = duration_s
    while left_s > 0:
        step_s = min(left_s, _ASK_EVERY_S)
        wait(step_s)
        left_s -= step_s
        taken.append(ask())
    return merged(taken, without=before)


def merged(traces: Sequence[StreamTrace], *, without: Collection[tuple[int, int]] = ()) -> StreamTrace:
    """All of their pictures in order, `without` those of these keys; what was told last of one counts."""
    pictures = {_key(picture): picture for trace in traces for picture in trace.pictures}
    kept = tuple(picture for key, picture in sorted(pictures.items()) if key not in without)
    last = traces[-1] if traces else StreamTrace()
    return last.model_copy(update={"pictures": kept})


def save(trace: StreamTrace, path: Path, *, title: str) -> str:
    """Writes the file, and says what is in it; raises `Invalid` where it can't be written."""
    try:
        path.write_text(trace_file(trace, title=title), "utf-8")
    except OSError as error:
        raise Invalid(f"{path} can't be written: {error.strerror}", hint="Name another file by --output") from error
    return f"{len(trace.pictures)} pictures in {path}: open it with https://ui.perfetto.dev"


def trace_file(trace: StreamTrace, *, title: str) -> str:
    """The file's text."""
    return json.dumps({"traceEvents": list(events(trace, title=title)), "displayTimeUnit": "ms"}, separators=(",", ":"))


def events(trace: StreamTrace, *, title: str) -> Iterator[Event]:
    """The file's events."""
    yield _name("process_name", _SEAT, 0, f"{title}: seat")
    yield _name("thread_name", _SEAT, _VIDEO_THREAD, "video thread")
    yield _name("process_name", _VIEWER, 0, f"{title}: pictures, from the damage to the glass")
    origin_us = min((picture.captured_at_us for picture in trace.pictures), default=0)
    for picture in trace.pictures:
        yield from _thread(picture, origin_us)
        yield from _flame(picture, trace, origin_us)
        size = {"kilobytes": round(picture.bits / 8000, 2)}
        yield {
            "name": "picture size", "ph": "C", "pid": _SEAT, "ts": picture.encoded_at_us - origin_us, "args": size,
        }  # fmt: skip


def spans(picture: PictureTrace) -> list[tuple[Stage, float, float]]:
    """Each stage with when it begins and how long it takes, in microseconds of the seat's clock."""
    found: list[tuple[Stage, float, float]] = []
    for at_us, stages in ((picture.captured_at_us, _MAKING), (picture.encoded_at_us, _LEAVING)):
        now_us = float(at_us)
        for stage in stages:
            if stage in picture.stages_ms:
                took_us = picture.stages_ms[stage] * 1000
                found.append((stage, now_us, took_us))
                now_us += took_us
    return found


def _thread(picture: PictureTrace, origin_us: int) -> Iterator[Event]:
    for stage, at_us, took_us in spans(picture):
        if stage in ("capture", "convert", "encode"):
            yield {
                "name": stage, "cat": "thread", "ph": "X", "pid": _SEAT, "tid": _VIDEO_THREAD,
                "ts": round(at_us - origin_us, 1), "dur": round(took_us, 1), "args": {"sequence": picture.sequence},
            }  # fmt: skip


def _flame(picture: PictureTrace, trace: StreamTrace, origin_us: int) -> Iterator[Event]:
    steps = spans(picture)
    if not steps:
        return
    facts = {
        "sequence": picture.sequence, "bytes": picture.bits // 8, "is_keyframe": picture.is_keyframe,
        "transport": trace.transport, "is_shown": picture.shown_at_us is not None,
    }  # fmt: skip
    whole = {"cat": "picture", "id": f"{picture.sequence}-{picture.encoded_at_us}", "pid": _VIEWER, "tid": 0}
    begin_us = min(at_us for _, at_us, _ in steps) - origin_us
    end_us = max(at_us + took_us for _, at_us, took_us in steps) - origin_us
    yield whole | {"name": "picture", "ph": "b", "ts": round(begin_us, 1), "args": facts}
    for stage, at_us, took_us in steps:
        start_us = at_us - origin_us
        yield whole | {"name": stage, "ph": "b", "ts": round(start_us, 1), "args": {"is": MEANINGS[stage]}}
        yield whole | {"name": stage, "ph": "e", "ts": round(start_us + took_us, 1), "args": {}}
    yield whole | {"name": "picture", "ph": "e", "ts": round(end_us, 1), "args": {}}


def _name(what: str, process: int, thread: int, name: str) -> Event:
    return {"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}


def _key(picture: PictureTrace) -> tuple[int, int]:
    return picture.encoded_at_us, picture.sequence


assert (*_MAKING, *_LEAVING) == STAGES
