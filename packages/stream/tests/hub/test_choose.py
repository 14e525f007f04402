"""The choice of the transport: pure, by wish, measurements and time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_stream.choose import (
    CONNECT_DEADLINE_S,
    FIRST_RETRY_S,
    LEAST_LOST,
    MIN_SAMPLES,
    STALL_MS,
    Choice,
    Chooser,
    WebRtcState,
)
from dillinger_stream.transport.flow import PathMeasure

CLEAN = PathMeasure(samples=60, rtt_ms_p50=3, rtt_ms_p95=8, latency_ms_p50=12)
STALLING = PathMeasure(samples=60, rtt_ms_p50=20, rtt_ms_p95=20 + STALL_MS + 1, latency_ms_p50=60)
DROPPING = PathMeasure(samples=20, rtt_ms_p50=20, rtt_ms_p95=30, latency_ms_p50=90, dropped=12)
ABSENT, OPENING, OPEN, BROKEN = WebRtcState


class Play:
    """Drives a chooser second by second, with a WebRTC that comes when it is wanted."""

    def __init__(self, chooser: Chooser) -> None:
        self.chooser = chooser
        self.now_s = 100.0
        self.webrtc = ABSENT

    def second(self, measure: PathMeasure | None = CLEAN, *, comes: WebRtcState = OPEN) -> Choice:
        self.now_s += 1
        choice = self.chooser.step(self.now_s, webrtc=self.webrtc, measure=measure)
        self.webrtc = (comes if self.webrtc is ABSENT else self.webrtc) if choice.is_webrtc_wanted else ABSENT
        return choice

    def seconds(self, measures: Sequence[PathMeasure | None]) -> Choice:
        choice = None
        for measure in measures:
            choice = self.second(measure)
        assert choice is not None
        return choice


def _auto() -> Play:
    return Play(Chooser(wish="auto", is_webrtc_able=True))


def test_a_clean_path_never_opens_webrtc() -> None:
    play = _auto()
    for _ in range(1000):
        choice = play.second(CLEAN)
        assert (choice.carry, choice.is_webrtc_wanted) == ("websocket", False)


def test_one_hiccup_changes_nothing() -> None:
    play = _auto()
    assert play.seconds([CLEAN, STALLING, CLEAN, CLEAN, DROPPING, CLEAN, CLEAN]).carry == "websocket"


def test_few_frames_say_nothing_of_the_path() -> None:
    few = PathMeasure(samples=MIN_SAMPLES - 1, rtt_ms_p50=20, rtt_ms_p95=500)
    assert not _auto().seconds([few] * 50).is_webrtc_wanted


def test_stalls_and_drops_bring_webrtc() -> None:
    for trouble in (STALLING, DROPPING):
        play = _auto()
        assert play.seconds([trouble, CLEAN, trouble, trouble]).carry == "websocket"
        choice = play.second(trouble)
        assert choice.carry == "webrtc"
        assert "stalls" in choice.reason
        assert play.seconds([CLEAN] * 300).carry == "webrtc", "and it stays"


def test_a_busy_machine_is_no_stalling_path() -> None:
    """Frames come late and are dropped, yet TCP lost nothing: WebRTC would not help."""
    for trouble in (STALLING, DROPPING):
        for lost in range(LEAST_LOST):
            busy = replace(trouble, lost_segments=lost)
            assert not _auto().seconds([busy] * 200).is_webrtc_wanted
        lossy = replace(trouble, lost_segments=4)
        assert _auto().seconds([lossy] * 5).carry == "webrtc"


def test_webrtc_that_does_not_connect_is_given_up_in_time() -> None:
    play = _auto()
    play.seconds([DROPPING] * 2)
    wanted_at_s = play.now_s + 1
    while play.second(DROPPING, comes=OPENING).is_webrtc_wanted:
        assert play.now_s - wanted_at_s <= CONNECT_DEADLINE_S + 1
    choice = play.chooser.step(play.now_s, webrtc=ABSENT)
    assert choice.carry == "websocket"
    assert "did not connect" in choice.reason


def test_webrtc_that_breaks_is_left_at_once_and_tried_ever_less_often() -> None:
    play = _auto()
    play.seconds([DROPPING] * 5)
    tried_at_s = []
    for _ in range(300):
        choice = play.second(DROPPING, comes=BROKEN)
        if choice.carry == "webrtc":
            play.webrtc = BROKEN
            assert play.chooser.step(play.now_s, webrtc=BROKEN).carry == "websocket"
            play.webrtc = ABSENT
        if choice.is_webrtc_wanted:
            tried_at_s.append(play.now_s)
    waits_s = [later - earlier for earlier, later in pairwise(tried_at_s)]
    assert min(waits_s) >= FIRST_RETRY_S
    assert waits_s == sorted(waits_s)


def test_webrtc_that_measures_slower_is_left() -> None:
    play = _auto()
    play.seconds([STALLING] * 5)
    slower = PathMeasure(samples=60, latency_ms_p50=80)
    assert play.seconds([slower] * 4).carry == "webrtc"
    choice = play.second(slower)
    assert (choice.carry, choice.reason) == ("websocket", "WebSocket: WebRTC measured slower")


def test_a_forced_choice_is_honoured() -> None:
    play = Play(Chooser(wish="websocket", is_webrtc_able=True))
    assert play.seconds([DROPPING] * 50) == Choice("websocket", False, "WebSocket, as you chose")
    play = Play(Chooser(wish="webrtc", is_webrtc_able=True))
    assert play.second().carry == "websocket"
    assert play.second() == Choice("webrtc", True, "WebRTC, as you chose")
    play.chooser.wish_for("websocket")
    assert play.second() == Choice("websocket", False, "WebSocket, as you chose")
    play.chooser.wish_for("auto")
    assert play.seconds([CLEAN] * 20) == Choice("websocket", False, "WebSocket: the path is clean")


def test_a_forced_webrtc_is_retried_at_once_when_chosen_again() -> None:
    play = Play(Chooser(wish="webrtc", is_webrtc_able=True))
    play.second(comes=BROKEN)
    choice = play.second()
    assert (choice.carry, choice.is_webrtc_wanted) == ("websocket", False)
    assert "could not connect" in choice.reason
    play.chooser.wish_for("auto")
    play.chooser.wish_for("webrtc")
    assert play.second().is_webrtc_wanted


def test_a_browser_without_webrtc_keeps_the_websocket() -> None:
    play = Play(Chooser(wish="webrtc", is_webrtc_able=False))
    assert play.seconds([DROPPING] * 9) == Choice("websocket", False, "WebSocket: this browser has no WebRTC")


_measures = st.none() | st.builds(
    PathMeasure,
    samples=st.integers(0, 100),
    rtt_ms_p50=st.none() | st.floats(0, 500),
    rtt_ms_p95=st.none() | st.floats(0, 900),
    latency_ms_p50=st.none() | st.floats(0, 900),
    dropped=st.integers(0, 5),
)


def test_webrtc_that_carried_for_long_is_opened_anew_at_once_when_it_breaks() -> None:
    play = _auto()
    play.seconds([DROPPING] * 30)
    choice = play.chooser.step(play.now_s, webrtc=BROKEN)
    assert (choice.carry, choice.is_webrtc_wanted) == ("websocket", True), "pictures meanwhile"
    assert "broke" in choice.reason
    play.webrtc = OPENING
    assert play.second(comes=OPENING).carry == "websocket"
    play.webrtc = OPEN
    choice = play.second()
    assert choice.carry == "webrtc"
    assert "before" in choice.reason
    choice = play.chooser.step(play.now_s, webrtc=BROKEN)
    assert not choice.is_webrtc_wanted, "one that breaks again at once is no good any more"


def test_what_does_not_come_back_is_given_up() -> None:
    play = _auto()
    play.seconds([DROPPING] * 30)
    play.chooser.step(play.now_s, webrtc=BROKEN)
    play.webrtc = OPENING
    choices = [play.second(comes=OPENING) for _ in range(10)]
    assert {choice.carry for choice in choices} == {"websocket"}
    assert not choices[-1].is_webrtc_wanted
    assert all("broke" in choice.reason for choice in choices)


def test_what_carried_before_a_cut_carries_after_it() -> None:
    play = Play(Chooser(wish="auto", is_webrtc_able=True, carried_by="webrtc"))
    assert play.second(None).is_webrtc_wanted
    assert play.second(None).carry == "webrtc"
    for wish, is_able, before in (
        ("websocket", True, "webrtc"),
        ("auto", False, "webrtc"),
        ("auto", True, "websocket"),
    ):
        other = Play(Chooser(wish=wish, is_webrtc_able=is_able, carried_by=before))  # type: ignore[arg-type]
        assert not other.second(None).is_webrtc_wanted


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    steps=st.lists(
        st.tuples(
            st.floats(0, 30), st.sampled_from(list(WebRtcState)), _measures,
            st.none() | st.sampled_from(["auto", "websocket", "webrtc"]),
        ),
        max_size=60,
    )
)  # fmt: skip
def test_never_carries_by_what_is_not_open_nor_hastily(
    steps: list[tuple[float, WebRtcState, PathMeasure | None, str]],
) -> None:
    chooser = Chooser(wish="auto", is_webrtc_able=True)
    now_s = 0.0
    for wait_s, webrtc, measure, wish in steps:
        now_s += wait_s
        if wish:
            chooser.wish_for(wish)  # type: ignore[arg-type]
        choice = chooser.step(now_s, webrtc=webrtc, measure=measure)
        if choice.carry == "webrtc":
            assert choice.is_webrtc_wanted
            assert webrtc is not BROKEN
        assert choice.reason
