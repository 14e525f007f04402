"""What a seat and its runner say to each other over the control socket (`/seats`), as JSON text messages.

The seat dials, sends `Enroll`, gets `Enrolled`, and from then on sends numbered `Report`s that the runner acknowledges;
after a lost link it enrols again and repeats what was not acknowledged, so a report is seen at least once and `number`
sorts out repeats. Tokens are one-time: `Enrolled` brings the token for the next time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .lifecycle import EndReason
from .model import Model, SessionId
from .session import SeatStats, SessionEnd, StartStep
from .stages import StreamTrace

CONTROL_VERSION = 1


class Enroll(Model):
    """First message of the seat."""

    type: Literal["enroll"] = "enroll"
    version: int = CONTROL_VERSION
    session_id: SessionId
    token: str = Field(max_length=200, repr=False)
    last_report: int = Field(ge=0)
    """Number of the last report that the seat has made; 0 at first."""
    is_ready: bool = False
    """Whether the seat has reported ready before (it resumes)."""
    peers: int = 0
    steps: tuple[StartStep, ...] = ()


class Enrolled(Model):
    """The runner's answer."""

    type: Literal["enrolled"] = "enrolled"
    next_token: str = Field(repr=False)
    last_report: int
    """The last report that this runner has seen; later ones are to be sent again. 0 after a restart of the runner."""


class StepDone(Model):
    """A step of the start is done."""

    kind: Literal["step_done"] = "step_done"
    step: StartStep


class SeatReady(Model):
    """The game shows, streams may be opened."""

    kind: Literal["seat_ready"] = "seat_ready"


class PeersChanged(Model):
    """A viewer came or went."""

    kind: Literal["peers_changed"] = "peers_changed"
    peers: int = Field(ge=0)


class PartRestarted(Model):
    """A failed part was started again."""

    kind: Literal["part_restarted"] = "part_restarted"
    part: str
    message: str


class StatsTaken(Model):
    """A second's figures."""

    kind: Literal["stats_taken"] = "stats_taken"
    stats: SeatStats


class SeatEnded(Model):
    """The last report; the seat exits after it."""

    kind: Literal["seat_ended"] = "seat_ended"
    end: SessionEnd


ReportBody = Annotated[
    StepDone | SeatReady | PeersChanged | PartRestarted | StatsTaken | SeatEnded, Field(discriminator="kind")
]


class Report(Model):
    """A numbered report of the seat."""

    type: Literal["report"] = "report"
    number: int = Field(ge=1)
    at: datetime
    body: ReportBody


class Ack(Model):
    """The runner has seen all reports up to `number`."""

    type: Literal["ack"] = "ack"
    number: int


class StopSeat(Model):
    """The runner asks the seat to end."""

    type: Literal["stop"] = "stop"
    reason: EndReason
    grace_s: float = Field(ge=0, le=60)


class TraceWanted(Model):
    """The runner asks what became of the last pictures."""

    type: Literal["trace_wanted"] = "trace_wanted"
    number: int = Field(ge=1)
    """The answer has the same."""


class TraceTold(Model):
    """The seat's answer; no report, since nothing follows from it that a runner would have to know later."""

    type: Literal["trace_told"] = "trace_told"
    number: int = Field(ge=1)
    trace: StreamTrace


FromSeat = TypeAdapter[Enroll | Report | TraceTold](Annotated[Enroll | Report | TraceTold, Field(discriminator="type")])
FromRunner = TypeAdapter[Enrolled | Ack | StopSeat | TraceWanted](
    Annotated[Enrolled | Ack | StopSeat | TraceWanted, Field(discriminator="type")]
)
