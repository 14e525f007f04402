"""The signaling machine: who may say what when, and what garbage does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.cases import fuzz

from dillinger_contracts.conversation import SignalingMachine, SignalingState
from dillinger_contracts.errors import Conflict, DillingerError, Invalid
from dillinger_contracts.floor import FloorWish, People, Person
from dillinger_contracts.signaling import (
    MAX_SIGNAL_BYTES,
    SIGNALING_VERSION,
    Bye,
    Candidate,
    ClientStats,
    Description,
    Hello,
    KeyframeWanted,
    Notice,
    Ping,
    Pong,
    Resize,
    SetProfile,
    SetTransport,
    SignalingError,
    VideoConfig,
    Watch,
    Welcome,
    parse_from_browser,
    parse_from_seat,
)

HELLO = Hello(version=SIGNALING_VERSION, ticket="t").model_dump_json()
ANSWER = Description(kind="answer", sdp="v=0").model_dump_json()
OFFER = Description(kind="offer", sdp="v=0").model_dump_json()
PING = Ping(time_ms=1.5).model_dump_json()

FROM_BROWSER = [
    Hello(version=1, ticket="t", transport="webrtc", is_webrtc_able=False),
    Watch(version=1, ticket="t", sdp="v=0\r\n"),
    Hello(version=1, ticket="t", carried_by="webrtc"),
    Resize(width_px=1281, height_px=721),
    SetProfile.model_validate({"profile": {"bitrate_bps": 4_000_000}}),
    SetTransport(transport="websocket"),
    KeyframeWanted(),
    Description(kind="answer", sdp="v=0"),
    Candidate(candidate="", sdp_mid="0", sdp_m_line_index=0),
    Ping(time_ms=0.1),
    ClientStats(shown_fps=59.9, rtt_ms=1.0),
    FloorWish(act="ask"),
    FloorWish(act="give", peer_id=3),
    Bye(),
]
FROM_SEAT = [
    Welcome(peer_id=3, role="viewer", has_sound=True, is_resizable=False),
    VideoConfig(codec="avc1.42c020", width_px=1280, height_px=720),
    Pong(time_ms=0.1),
    Notice(level="warning", code="x", message="y"),
    People(player=None, people=(Person(peer_id=3, name="Ben", rank="guest", may_play=False),)),
]


@pytest.mark.parametrize("message", FROM_BROWSER, ids=lambda message: message.type)
def test_a_browser_message_survives_the_wire(message: Ping) -> None:
    assert parse_from_browser(message.model_dump_json()) == message
    with pytest.raises(Invalid):
        parse_from_seat(message.model_dump_json().replace(f'"{message.type}"', '"no_such"'))


@pytest.mark.parametrize("message", FROM_SEAT, ids=lambda message: message.type)
def test_a_seat_message_survives_the_wire(message: Pong) -> None:
    assert parse_from_seat(message.model_dump_json()) == message


def test_nothing_but_hello_may_come_first() -> None:
    for text in (PING, ANSWER, Bye().model_dump_json()):
        machine = SignalingMachine()
        assert not machine.binary_allowed()
        with pytest.raises(Conflict, match="first message is hello"):
            machine.receive(text)
        assert machine.state is SignalingState.CLOSED


def test_one_fault_before_hello_closes_and_nothing_opens_it_again() -> None:
    machine = SignalingMachine()
    with pytest.raises(Invalid):
        machine.receive("{")
    with pytest.raises(Conflict, match="over"):
        machine.receive(HELLO)
    assert machine.state is SignalingState.CLOSED and not machine.binary_allowed()


def test_another_version_is_refused_with_a_hint() -> None:
    machine = SignalingMachine()
    with pytest.raises(Invalid, match="version 1, not 2") as refusal:
        machine.receive(Hello(version=2, ticket="t").model_dump_json())
    assert refusal.value.field == "version" and refusal.value.hint
    assert machine.state is SignalingState.CLOSED


def test_a_second_hello_is_refused_but_the_talk_goes_on() -> None:
    machine = SignalingMachine()
    machine.receive(HELLO)
    with pytest.raises(Conflict, match="said already"):
        machine.receive(HELLO)
    assert isinstance(machine.receive(PING), Ping)


def test_ten_faults_close() -> None:
    machine = SignalingMachine()
    machine.receive(HELLO)
    for count in range(10):
        assert machine.state is SignalingState.OPEN, count
        with pytest.raises(Invalid):
            machine.receive('{"type": "nonsense"}')
    assert machine.state is SignalingState.CLOSED


def test_an_offer_is_answered_once_and_only_by_an_answer() -> None:
    machine = SignalingMachine()
    machine.receive(HELLO)
    with pytest.raises(Conflict):
        machine.receive(ANSWER)
    machine.offered()
    with pytest.raises(Conflict):
        machine.receive(OFFER)
    assert isinstance(machine.receive(ANSWER), Description)
    with pytest.raises(Conflict):
        machine.receive(ANSWER)


def test_who_watches_with_an_offer_of_its_own_says_nothing_but_candidates() -> None:
    machine = SignalingMachine()
    assert isinstance(machine.receive(Watch(version=1, ticket="t", sdp="v=0").model_dump_json()), Watch)
    assert isinstance(machine.receive(Candidate(candidate="").model_dump_json()), Candidate)
    machine.offered()
    for text in (PING, ANSWER, HELLO, Resize(width_px=640, height_px=480).model_dump_json()):
        with pytest.raises(Conflict):
            machine.receive(text)
    assert isinstance(machine.receive(Bye().model_dump_json()), Bye)


def test_bye_ends_the_talk() -> None:
    machine = SignalingMachine()
    machine.receive(HELLO)
    machine.receive(Bye().model_dump_json())
    assert machine.state is SignalingState.CLOSED and not machine.binary_allowed()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"type": "resize", "width_px": "wide", "height_px": 720}', "resize.width_px"),
        ('{"type": "resize", "width_px": 10, "height_px": 720}', "resize.width_px"),
        ('{"type": "ping", "time_ms": 1, "extra": 1}', "ping.extra"),
        ('{"type": "profile", "profile": {"bitrate_bps": 1}}', "profile.profile.bitrate_bps"),
        ('{"type": "floor", "act": "steal"}', "floor.act"),
        ('{"type": "floor", "act": "give", "peer_id": -1}', "floor.peer_id"),
        ("[]", None),
        ("null", None),
        ('{"type": 5}', None),
    ],
)
def test_a_fault_names_its_field(text: str, field: str | None) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_from_browser(text)
    assert refusal.value.field == field


def test_a_message_that_is_too_long_is_not_even_parsed() -> None:
    with pytest.raises(Invalid, match="at most"):
        parse_from_browser(json.dumps({"type": "ping", "time_ms": 1, "x": "y" * MAX_SIGNAL_BYTES}))


@pytest.mark.parametrize("text", ["{", '{"type": "hello", "version": 1}', "x" * (MAX_SIGNAL_BYTES + 1)])
def test_what_can_not_be_read_is_signaling_s_own_error(text: str) -> None:
    with pytest.raises(SignalingError):
        parse_from_browser(text)


def test_a_ticket_is_not_shown_in_a_representation() -> None:
    assert "secret" not in repr(Hello(version=1, ticket="secret"))


@fuzz(300)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_garbage_is_refused_as_invalid(text: str | bytes) -> None:
    for parse in (parse_from_browser, parse_from_seat):
        with pytest.raises(Invalid):
            parse(text)


class Talk(RuleBasedStateMachine):
    """Any order of messages and garbage; a model says what may be."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = SignalingMachine()
        self.faults = 0
        self.has_closed = False

    def _say(self, text: str | bytes) -> None:
        was_awaiting = self.machine.state is SignalingState.AWAITING_HELLO
        try:
            message = self.machine.receive(text)
        except DillingerError:
            self.faults += 1
            self.has_closed |= was_awaiting or self.faults >= 10
            return
        assert not self.has_closed, "a closed talk took a message"
        assert was_awaiting == isinstance(message, Hello | Watch)
        self.has_closed |= isinstance(message, Bye)

    @rule()
    def hello(self) -> None:
        self._say(HELLO)

    @rule(text=st.sampled_from([message.model_dump_json() for message in FROM_BROWSER[1:]]))
    def message(self, text: str) -> None:
        self._say(text)

    @rule(text=st.text(max_size=50) | st.binary(max_size=50))
    def garbage(self, text: str | bytes) -> None:
        self._say(text)

    @precondition(lambda self: self.machine.state is SignalingState.OPEN)
    @rule()
    def offer(self) -> None:
        self.machine.offered()

    @invariant()
    def binary_only_while_open(self) -> None:
        assert self.machine.binary_allowed() == (self.machine.state is SignalingState.OPEN)

    @invariant()
    def closed_is_closed(self) -> None:
        assert self.has_closed == (self.machine.state is SignalingState.CLOSED)


TestTalk = Talk.TestCase
TestTalk.settings = settings(max_examples=50, stateful_step_count=25, deadline=None, derandomize=True)
