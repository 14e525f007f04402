"""What is concluded from what an engine says of a session, or does not say."""

from __future__ import annotations

from datetime import UTC, datetime

from dillinger_contracts import EndReason, SessionEnd, SessionState
from dillinger_runner.backends.base import SeatPhase
from dillinger_runner.reconcile import Deadlines, Facts, Step, decide, honest


def test_nothing_follows_from_an_engine_that_does_not_answer() -> None:
    deadlines = Deadlines(start_s=1, unreachable_s=1, grace_s=1)
    for state in (SessionState.STARTING, SessionState.UNREACHABLE, SessionState.STREAMING):
        facts = Facts(state, SeatPhase.UNKNOWN, in_state_s=1e6)
        assert decide(facts, deadlines).step is Step.REST
    leaving = Facts(SessionState.STOPPING, SeatPhase.UNKNOWN, 0.0, stop=EndReason.USER_STOP, has_link=True)
    assert decide(leaving, deadlines).step is Step.ASK


def test_a_cell_that_fell_as_a_whole_for_want_of_memory_is_told_as_that() -> None:
    ended = SessionEnd(reason=EndReason.INTERNAL, message="The session's cell is gone", ended_at=datetime.now(UTC))
    assert honest(ended, was_out_of_memory=True).reason is EndReason.OUT_OF_MEMORY
    assert honest(ended, was_out_of_memory=False) == ended
    crashed = ended.model_copy(update={"reason": EndReason.USER_STOP})
    assert honest(crashed, was_out_of_memory=True) == crashed


def test_a_seat_that_was_ended_by_a_signal_is_told_why() -> None:
    ended = SessionEnd(reason=EndReason.SEAT_LOST, message="From outside", ended_at=datetime.now(UTC))
    assert honest(ended, was_out_of_memory=False, stop=EndReason.START_TIMEOUT).reason is EndReason.START_TIMEOUT
    assert honest(ended, was_out_of_memory=False) == ended
    given_up = honest(ended, was_out_of_memory=False, stop=EndReason.SEAT_LOST)
    assert (given_up.reason, given_up.message) == (EndReason.SEAT_LOST, ""), "why it was given up is the runner's word"
    crashed = ended.model_copy(update={"reason": EndReason.GAME_CRASHED})
    assert honest(crashed, was_out_of_memory=False, stop=EndReason.USER_STOP) == crashed
