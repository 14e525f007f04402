"""Bodies and answers of `/api/v1`, as `docs/explanation/architecture.md` states them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from dillinger_contracts import GameId, SessionState, Show, StreamProfile
from dillinger_contracts.model import Model
from dillinger_core.auth.passwords import MAX_LENGTH
from dillinger_core.sessions import SessionView
from dillinger_core.store import User


class LoginBody(Model):
    """`POST /login`."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=MAX_LENGTH, repr=False)


class UserView(Model):
    """Who is logged in."""

    name: str
    role: Literal["admin", "user"]
    must_change_password: bool


class LoginView(Model):
    """A login, and the value that requests which change something carry in `X-Dillinger-CSRF`."""

    user: UserView
    csrf: str


class MeView(Model):
    """`GET /me`: both are null while nobody is logged in."""

    user: UserView | None
    csrf: str | None


class PasswordBody(Model):
    """`POST /me/password`."""

    old_password: str = Field(min_length=1, max_length=MAX_LENGTH, repr=False)
    new_password: str = Field(max_length=MAX_LENGTH, repr=False)


class GameCard(Model):
    """A game as the library shows it."""

    game_id: str
    title: str
    summary: str
    launch_kind: str | None
    """None when `game.toml` can't be read."""
    icon_url: str | None
    is_playable: bool
    problem: str | None
    warning: str | None
    """What it lacks on this machine, such as a library; it can be tried nevertheless."""


class GamesView(Model):
    """`GET /games`."""

    games: list[GameCard]


class PlayBody(Model):
    """`POST /sessions`."""

    game_id: GameId
    profile: StreamProfile | None = None
    show: Show = "stream"
    """`host` shows it on the display of the machine that it runs on, for admins, where a runner's settings allow it."""


class SessionsView(Model):
    """`GET /sessions`."""

    sessions: list[SessionView]


class TicketBody(Model):
    """`POST /sessions/{session_id}/tickets`."""

    role: Literal["player", "viewer"]


class TicketView(Model):
    """A right to open a stream once."""

    ticket: str
    expires_at: datetime


class InvitationBody(Model):
    """`POST /sessions/{session_id}/invitations`."""

    role: Literal["player", "viewer"] = "viewer"
    """A viewer may only ever watch; a player may be given control."""
    lifetime_s: int | None = Field(default=None, ge=60, le=30 * 86_400)
    """None: until the session ends."""


class InvitationView(Model):
    """An invitation that is good."""

    invitation_id: str
    role: Literal["player", "viewer"]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    guests: int
    """How many came by it and are there now."""


class InvitationMade(Model):
    """A new invitation, and what opens it: shown once, kept nowhere."""

    invitation: InvitationView
    token: str


class InvitationsView(Model):
    """`GET /sessions/{session_id}/invitations`."""

    invitations: list[InvitationView]


class EntryBody(Model):
    """What a guest shows at the door."""

    token: str = Field(min_length=1, max_length=100, repr=False)
    name: str = Field(default="", max_length=40)
    """How the guest wants to be called."""


class InvitedView(Model):
    """What a guest may know of the session: `POST /invitations/{invitation_id}`."""

    game_title: str
    host_name: str
    state: SessionState
    """`ended` when there is nothing to be seen any more."""
    role: Literal["player", "viewer"]
    expires_at: datetime | None


class RunnerHealth(Model):
    """How the runners are: whether one answers, and what is wrong."""

    is_reachable: bool
    message: str | None


class RunnerRoom(Model):
    """How much room a runner has."""

    sessions: int
    waiting: int
    max_sessions: int
    free_memory_bytes: int
    memory_bytes: int | None
    """All that its machine has; None, as the rest, where it does not say."""
    cpu_cores: int | None
    backend: str | None
    """What holds its sessions: `process`, `docker` …"""
    shows_here: bool | None
    """Whether it may show a session on its machine's own display."""


class RunnerView(Model):
    """One runner, for admins."""

    name: str
    """What `/api/runner/…?runner=` takes."""
    is_reachable: bool
    version: str | None
    """None, as its room, while it does not answer."""
    room: RunnerRoom | None
    message: str | None
    """Why it does not answer."""
    session_ids: list[str]
    """The live sessions that are its, as far as core knows."""


class RunnersView(Model):
    """`GET /runners`."""

    runners: list[RunnerView]


class HealthView(Model):
    """`GET /health`."""

    status: Literal["ok", "degraded"]
    version: str
    runner: RunnerHealth


class FieldFault(Model):
    """One field of a body that is not valid."""

    detail: str
    pointer: str
    """A JSON pointer (RFC 6901) as a URI fragment: `#/launch/command/0`."""


class ProblemView(Model):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str | None = None
    field: str | None = None
    errors: list[FieldFault] | None = None
    retry_after_s: float | None = None


def user_view(user: User) -> UserView:
    """What a user may see of itself."""
    return UserView(name=user.name, role=user.role, must_change_password=user.must_change_password)
