"""Limits of a session that runs, for admins: what it may use, changed while the game goes on."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from dillinger_contracts import SessionLimits
from dillinger_contracts.model import Model
from dillinger_contracts.session import ResourceOverrides

from .guards import AdminLogin, PartsDep

router = APIRouter(tags=["sessions"])


class LimitsBody(Model):
    """`PATCH /sessions/{session_id}/limits`: what is named is changed."""

    memory_bytes: int | None = None
    swap_bytes: int | None = None
    cpu_cores: float | None = None
    pids: int | None = None
    disk_weight: int | None = Field(default=None, description="Share of a busy disk, 10 to 1000.")


class LimitsView(Model):
    """What a session may use now, and whether that can be changed while it runs."""

    session_id: str
    memory_bytes: int
    swap_bytes: int
    cpu_cores: float
    pids: int
    disk_weight: int
    saves_bytes: int
    scratch_bytes: int
    is_changeable: bool
    problem: str | None


@router.get("/sessions/{session_id}/limits")
async def read_limits(session_id: str, login: AdminLogin, parts: PartsDep) -> LimitsView:
    """What the session may use."""
    await parts.sessions.get(login.user, session_id)
    return _view(await (await parts.sessions.runner_of(session_id)).limits(session_id))


@router.patch("/sessions/{session_id}/limits")
async def change_limits(session_id: str, body: LimitsBody, login: AdminLogin, parts: PartsDep) -> LimitsView:
    """Changes what is named while the game runs; 409, 429 or 501 say why it can't be."""
    await parts.sessions.get(login.user, session_id)
    wish = ResourceOverrides(**body.model_dump(exclude_none=True))
    return _view(await (await parts.sessions.runner_of(session_id)).change_limits(session_id, wish))


def _view(limits: SessionLimits) -> LimitsView:
    return LimitsView(**limits.model_dump(by_alias=False))
