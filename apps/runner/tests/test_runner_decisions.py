"""The pure parts: what is decided, admitted, remembered and told."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dillinger_contracts import (
    EndReason,
    Game,
    GameLaunchRequest,
    NativeLaunch,
    Resources,
    RunnerEvent,
    RunnerSession,
    SessionEnd,
    SessionState,
    Unsupported,
    WineLaunch,
)
from dillinger_contracts.game import DesktopLaunch
from dillinger_runner.admission import Capacity, Claim, Machine, admit_game, line_up, never_fits, shortage
from dillinger_runner.backends.base import SeatPhase
from dillinger_runner.events import EventFeed
from dillinger_runner.reconcile import Deadlines, Facts, Step, decide, expired
from dillinger_runner.tokens import digest, is_good, new_token, succeed
from dillinger_runner.wishes import game_of

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DEADLINES = Deadlines(start_s=30, unreachable_s=60, grace_s=8)
GIB = 1 << 30

facts = st.builds(
    Facts,
    state=st.sampled_from(SessionState),
    phase=st.sampled_from(SeatPhase),
    in_state_s=st.floats(0, 1e6),
    stop=st.none() | st.sampled_from(EndReason),
    has_link=st.booleans(),
    leaving_s=st.none() | st.floats(0, 100),
    was_out_of_memory=st.booleans(),
    exit_code=st.none() | st.integers(-64, 255),
    has_end=st.booleans(),
)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(facts)
def test_every_situation_has_a_next_step(now: Facts) -> None:
    """Nothing hangs: a rest has an end, a finish a reason, and an ended session is left alone."""
    decision = decide(now, DEADLINES)
    if now.state is SessionState.ENDED:
        assert decision.step is Step.REST
    if decision.step is Step.REST:
        assert 0 < decision.again_s <= 10
    if decision.step in (Step.FINISH, Step.STOP):
        assert decision.reason is not None
    if now.stop is not None:
        assert decision.step not in (Step.PLACE, Step.STOP)
    if decision.step is Step.FINISH:
        assert now.phase in (SeatPhase.ABSENT, SeatPhase.EXITED)


class OneSession(RuleBasedStateMachine):
    """A world of one session: whatever happens in whatever order, it is placed once, and ends once it is to end."""

    def __init__(self) -> None:
        super().__init__()
        self.state = SessionState.REQUESTED
        self.phase = SeatPhase.ABSENT
        self.stop: EndReason | None = None
        self.has_link = False
        self.leaving_at: float | None = None
        self.has_end = False
        self.now = 0.0
        self.entered_at = 0.0
        self.births = 0

    def enter(self, state: SessionState) -> None:
        self.state, self.entered_at = state, self.now

    def tick(self) -> None:
        decision = decide(
            Facts(
                state=self.state,
                phase=self.phase,
                in_state_s=self.now - self.entered_at,
                stop=self.stop,
                has_link=self.has_link,
                leaving_s=None if self.leaving_at is None else self.now - self.leaving_at,
                has_end=self.has_end,
            ),
            DEADLINES,
        )
        match decision.step:
            case Step.PLACE:
                assert self.stop is None
                self.births += 1
                self.phase = SeatPhase.RUNNING
                self.enter(SessionState.STARTING)
            case Step.STOP:
                self.stop = decision.reason
                self.enter(SessionState.STOPPING)
            case Step.ASK:
                assert self.stop is not None
                self.leaving_at = self.now
            case Step.FORCE:
                self.phase, self.has_link = SeatPhase.EXITED, False
            case Step.FINISH:
                self.phase, self.has_link = SeatPhase.ABSENT, False
                self.enter(SessionState.ENDED)
            case Step.REST:
                self.now += decision.again_s

    @rule()
    def look(self) -> None:
        self.tick()

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.state is not SessionState.ENDED and self.stop is None)
    @rule()
    def user_stops(self) -> None:
        self.stop = EndReason.USER_STOP
        self.enter(SessionState.STOPPING)

    @precondition(lambda self: self.phase is SeatPhase.RUNNING)
    @rule()
    def seat_enrols(self) -> None:
        self.has_link = True
        if not self.has_end:
            self.leaving_at = None
        if self.state in (SessionState.STARTING, SessionState.UNREACHABLE):
            self.enter(SessionState.READY)

    @precondition(lambda self: self.has_link)
    @rule()
    def seat_says_how_it_ended(self) -> None:
        """It goes on for a moment, or hangs."""
        self.has_end, self.leaving_at = True, self.now if self.leaving_at is None else self.leaving_at
        self.enter(SessionState.STOPPING)

    @precondition(lambda self: self.has_link)
    @rule()
    def link_is_lost(self) -> None:
        self.has_link = False
        if self.state is SessionState.READY:
            self.enter(SessionState.UNREACHABLE)

    @precondition(lambda self: self.phase is SeatPhase.RUNNING)
    @rule(writes_end=st.booleans())
    def seat_exits(self, writes_end: bool) -> None:
        self.phase, self.has_link, self.has_end = SeatPhase.EXITED, False, self.has_end or writes_end
        if self.state is SessionState.READY:
            self.enter(SessionState.UNREACHABLE)

    @precondition(lambda self: self.state is not SessionState.ENDED)
    @rule()
    def runner_restarts(self) -> None:
        self.has_link, self.leaving_at = False, None
        if self.stop is not None:
            self.enter(SessionState.STOPPING)
        else:
            self.enter(SessionState.PLACING if self.phase is SeatPhase.ABSENT else SessionState.UNREACHABLE)

    @invariant()
    def is_placed_once(self) -> None:
        assert self.births <= 1

    def teardown(self) -> None:
        if self.stop is None and self.leaving_at is None:
            return
        for _ in range(8):
            self.tick()
        assert self.state is SessionState.ENDED, "a session that is to end ends in a few looks"
        assert self.phase is SeatPhase.ABSENT


TestOneSession = OneSession.TestCase
TestOneSession.settings = settings(derandomize=True, database=None, deadline=None, max_examples=100)


def test_a_seat_that_is_gone_is_named_lost_unless_the_kernel_says_why() -> None:
    """out_of_memory before everything else, then the wish, then seat_lost."""
    gone = Facts(SessionState.READY, SeatPhase.EXITED, 1.0, exit_code=-9)
    assert decide(gone, DEADLINES).reason is EndReason.SEAT_LOST
    assert "-9" in decide(gone, DEADLINES).message
    starved = Facts(SessionState.READY, SeatPhase.EXITED, 1.0, stop=EndReason.USER_STOP, was_out_of_memory=True)
    assert decide(starved, DEADLINES).reason is EndReason.OUT_OF_MEMORY


def test_history_keeps_the_newest_and_the_young() -> None:
    """Too many or too old: both go."""
    ended = [
        (name, SessionEnd(reason=EndReason.USER_STOP, ended_at=NOW - timedelta(hours=age)))
        for name, age in (("new", 0), ("mid", 1), ("old", 30))
    ]
    assert expired(ended, now=NOW, keep=10, keep_s=86_400) == ["old"]
    assert expired(ended, now=NOW, keep=1, keep_s=86_400) == ["mid", "old"]
    assert expired(ended, now=NOW, keep=0, keep_s=86_400) == ["new", "mid", "old"]


CAPACITY = Capacity(max_sessions=3, memory_reserve_bytes=GIB // 2, memory_overcommit=1.0, seat_memory_bytes=GIB)


def claim(number: int = 0, user_id: str = "ann", **resources: float) -> Claim:
    return Claim(f"{number}", user_id, Resources.model_validate(resources))


@pytest.mark.parametrize(
    ("live", "machine", "says"),
    [
        (3, Machine(64 * GIB, 32 * GIB), "no more than 3"),
        (1, Machine(9 * GIB, 8 * GIB), "add up to 10240 MiB"),
        (0, Machine(16 * GIB, GIB // 4), "256 MiB of memory are available"),
    ],
)
def test_what_does_not_fit_is_told_with_its_figures(live: int, machine: Machine, says: str) -> None:
    """Sessions, the sum of limits, and what is really free."""
    short = shortage(claim(), [claim()] * live, machine, CAPACITY)
    assert short is not None and says in short.message and short.hint and not short.is_of_user


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ({"user_max_sessions": 1}, "no more than 1 of one user"),
        ({"user_memory_bytes": 6 * GIB}, "add up to 8192 MiB"),
        ({"user_cpu_cores": 7.5}, "8 processor cores"),
    ],
)
def test_what_one_user_may_have_counts_that_user_s_sessions_alone(limit: dict[str, Any], says: str) -> None:
    capacity = replace(CAPACITY, **limit)
    short = shortage(claim(), [claim(1), claim(2, "bob")], Machine(64 * GIB, 32 * GIB), capacity)
    assert short is not None and says in short.message and short.is_of_user
    assert shortage(claim(3, "eve"), [claim(1), claim(2, "bob")], Machine(64 * GIB, 32 * GIB), capacity) is None


def test_what_fits_is_admitted_and_zero_switches_the_checks_off() -> None:
    """CPU is shared by time and refused only where that is set."""
    machine = Machine(16 * GIB, 8 * GIB, cpu_cores=2)
    assert shortage(claim(cpu_cores=1000), [claim()], machine, CAPACITY) is None
    assert shortage(claim(), [], Machine(GIB, 0), Capacity(1, 0, 0, GIB)) is None
    short = shortage(claim(cpu_cores=3), [claim(cpu_cores=2)], machine, replace(CAPACITY, cpu_overcommit=2.0))
    assert short is not None and "5 processor cores, and this machine takes 4" in short.message


def test_nobody_overtakes_on_the_machine_s_room_and_nobody_waits_for_another_user_s() -> None:
    machine = Machine(16 * GIB, 15 * GIB)
    capacity = replace(CAPACITY, max_sessions=9, user_max_sessions=2)
    live = [claim(1, memory_bytes=9 * GIB), claim(2, memory_bytes=GIB)]
    waiting = [claim(3), claim(4, "bob", memory_bytes=8 * GIB), claim(5, "eve", memory_bytes=64 << 20)]
    own, large, small = line_up(waiting, live, machine, capacity)
    assert own is not None and own.is_of_user
    assert large is not None and "add up to" in large.message
    assert small == large, "it would fit, and it is not its turn"
    own, small = line_up([waiting[0], waiting[2]], live, machine, capacity)
    assert own is not None and small is None
    assert line_up(waiting, [], machine, capacity) == [None, None, None]


def test_what_would_not_fit_into_the_empty_machine_is_known_as_such() -> None:
    assert never_fits(claim(), Machine(16 * GIB, 0), CAPACITY) is None
    short = never_fits(claim(memory_bytes=16 * GIB), Machine(16 * GIB, 16 * GIB), CAPACITY)
    assert short is not None and "17408 MiB" in short.message


def test_launch_kinds_of_later_releases_are_unsupported() -> None:
    """With a hint at what can be started."""
    game = Game(game_id="a", title="A", launch=NativeLaunch(command=("a",)))
    admit_game(game)
    with pytest.raises(Unsupported, match="desktop"):
        admit_game(game.model_copy(update={"launch": DesktopLaunch()}))
    admit_game(game.model_copy(update={"display": game.display.model_copy(update={"desktop": "wayland"})}))


def test_a_token_is_good_until_its_successor_is_used() -> None:
    """So that a crash between handing the next one over and storing it locks nobody out."""
    first, second, third = new_token(), new_token(), new_token()
    digests = [digest(first)]
    assert is_good(first, digests)
    assert not is_good(second, digests)
    digests = succeed(first, second)
    assert is_good(first, digests)
    assert is_good(second, digests)
    digests = succeed(second, third)
    assert not is_good(first, digests)
    assert not is_good("", [])


def fact(number: int) -> RunnerEvent:
    session = RunnerSession(
        session_id=f"{number:020d}", game_id="a", user_id="ann", state=SessionState.READY, created_at=NOW
    )
    return RunnerEvent(event="session_changed", session=session)


async def read(feed: EventFeed, last_event_id: str | None, count: int) -> list[tuple[str | None, int]]:
    """The next facts: their ids and sessions' numbers."""
    found: list[tuple[str | None, int]] = []
    async with asyncio.timeout(30), aclosing(feed.follow(last_event_id, heartbeat_s=60)) as facts:  # type: ignore[type-var]
        async for one in facts:
            assert one is not None
            found.append((one.event_id, int(one.event.session.session_id)))
            if len(found) == count:
                break
    return found


async def test_a_reader_goes_on_where_it_was_and_one_that_is_too_late_gets_everything() -> None:
    """The history is bounded, and nobody misses a state."""
    feed = EventFeed(lambda: [fact(100), fact(200)], history=3)
    for number in range(1, 6):
        feed.publish(fact(number))
    [(_, _), (last_id, _)] = await read(feed, None, 2)
    assert last_id is not None
    name = last_id.partition("-")[0]
    assert [number for _, number in await read(feed, f"{name}-3", 2)] == [4, 5]
    for unknown in (f"{name}-1", "other-4", f"{name}-99", f"{name}--1", f"{name}-²", "", "x" * 64):
        snapshot = await read(feed, unknown, 2)
        assert [number for _, number in snapshot] == [100, 200], unknown
        assert [event_id for event_id, _ in snapshot] == [None, f"{name}-5"], "only the last is a place to go on from"


async def test_a_reader_waits_for_news_and_ends_with_the_feed() -> None:
    """Without anything to tell it gives signs of life."""
    feed = EventFeed(list)
    facts = feed.follow(None, heartbeat_s=0.01)
    assert await anext(facts) is None
    reading = asyncio.ensure_future(anext(facts))
    feed.publish(fact(7))
    while (first := await reading) is None:
        reading = asyncio.ensure_future(anext(facts))
    assert first.event == fact(7)
    feed.close()
    assert [one async for one in facts] == []


def test_a_wish_configures_the_launch_of_its_platform() -> None:
    """What the request says goes over the entry, what it does not say stays, and the entry itself is not touched."""
    own = {"kind": "wine", "command": ["./game.exe"], "environment": {"A": "1", "B": "1"}, "windows_version": "win10"}
    game = Game.model_validate({"game_id": "g", "title": "G", "launch": own})
    wish = {"gameId": "g", "userId": "ann", "launch": {"windows_version": "win98", "environment": {"B": "2", "C": "2"}}}
    launch = game_of(game, GameLaunchRequest.model_validate(wish)).launch
    assert isinstance(launch, WineLaunch)
    assert (launch.command, launch.windows_version) == (("./game.exe",), "win98")
    assert launch.environment == {"A": "1", "B": "2", "C": "2"}
    assert game_of(game, GameLaunchRequest(game_id="g", user_id="ann")) is game
