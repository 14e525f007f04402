"""The table of a session's life: every state and event, and what must hold on every way through it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dillinger_contracts.errors import Conflict
from dillinger_contracts.lifecycle import LIVE_STATES, TRANSITIONS, SessionEvent, SessionState, apply, mermaid

S, E = SessionState, SessionEvent

PAIRS = [(state, event) for state in S for event in E]

EXPECTED: dict[SessionState, dict[SessionEvent, SessionState]] = {
    S.REQUESTED: {E.PLACE: S.PLACING, E.STOP: S.STOPPING, E.END: S.ENDED},
    S.PLACING: {E.PLACED: S.STARTING, E.STOP: S.STOPPING, E.END: S.ENDED},
    S.STARTING: {
        E.SEAT_READY: S.READY,
        E.LINK_LOST: S.UNREACHABLE,
        E.RESTART: S.PLACING,
        E.STOP: S.STOPPING,
        E.END: S.ENDED,
    },
    S.READY: {
        E.PEER_JOINED: S.STREAMING,
        E.LINK_LOST: S.UNREACHABLE,
        E.RESTART: S.PLACING,
        E.STOP: S.STOPPING,
        E.END: S.ENDED,
    },
    S.STREAMING: {
        E.PEERS_LEFT: S.READY,
        E.LINK_LOST: S.UNREACHABLE,
        E.RESTART: S.PLACING,
        E.STOP: S.STOPPING,
        E.END: S.ENDED,
    },
    S.UNREACHABLE: {
        E.SEAT_RESUMED: S.STARTING,
        E.SEAT_READY: S.READY,
        E.RESTART: S.PLACING,
        E.STOP: S.STOPPING,
        E.END: S.ENDED,
    },
    S.STOPPING: {E.END: S.ENDED},
    S.ENDED: {},
}


@pytest.mark.parametrize(("state", "event"), PAIRS, ids=lambda value: str(value))
def test_every_step_is_the_expected_one_or_refused(state: SessionState, event: SessionEvent) -> None:
    target = EXPECTED[state].get(event)
    if target is not None:
        assert apply(state, event) is target
        return
    with pytest.raises(Conflict) as refusal:
        apply(state, event)
    assert str(state) in refusal.value.message and str(event) in refusal.value.message


def test_ended_is_the_only_terminal_state_and_every_live_state_reaches_it_by_stop_and_end() -> None:
    sources = {source for source, _ in TRANSITIONS}
    assert set(S) - sources == {S.ENDED}
    assert frozenset(sources) == LIVE_STATES
    for state in LIVE_STATES:
        stopped = state if state is S.STOPPING else apply(state, E.STOP)
        assert apply(stopped, E.END) is S.ENDED


def test_the_diagram_has_every_step_once() -> None:
    lines = [line.strip() for line in mermaid().splitlines()]
    assert lines[0] == "stateDiagram-v2"
    steps = [line for line in lines if ": " in line]
    assert sorted(steps) == sorted(f"{source} --> {target}: {event}" for (source, event), target in TRANSITIONS.items())
    assert "[*] --> requested" in lines and "ended --> [*]" in lines


class AnyLife(RuleBasedStateMachine):
    """Any order of events: a refusal changes nothing, an end is final, and nobody streams before the seat was ready."""

    def __init__(self) -> None:
        super().__init__()
        self.state = S.REQUESTED
        self.was_ready = False
        self.has_ended = False

    @rule(event=st.sampled_from(list(E)))
    def happen(self, event: SessionEvent) -> None:
        try:
            target = apply(self.state, event)
        except Conflict:
            return
        assert not self.has_ended, "something happened after the end"
        self.was_ready |= event is E.SEAT_READY
        self.has_ended = target is S.ENDED
        self.state = target

    @invariant()
    def nobody_streams_before_the_seat_was_ready(self) -> None:
        assert self.was_ready or self.state not in (S.READY, S.STREAMING)

    @invariant()
    def an_end_is_an_end(self) -> None:
        assert self.has_ended == (self.state is S.ENDED)


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, derandomize=True)
