"""Limits of a session over HTTP: looked at, and changed while it runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from dillinger_contracts import SessionLimits
from dillinger_contracts.session import ResourceOverrides
from dillinger_runner.bounds import BoundsDesk

from .access import KeyRequired

router = APIRouter(dependencies=[KeyRequired], tags=["sessions"])


def desk_of(request: Request) -> BoundsDesk:
    """The application's desk."""
    desk: BoundsDesk = request.app.state.bounds
    return desk


DeskHere = Annotated[BoundsDesk, Depends(desk_of)]


@router.get("/sessions/{session_id}/limits")
async def read_limits(session_id: str, desk: DeskHere) -> SessionLimits:
    """What the session may use, and whether that can be changed now."""
    return await desk.read(session_id)


@router.patch("/sessions/{session_id}/limits")
async def change_limits(session_id: str, body: ResourceOverrides, desk: DeskHere) -> SessionLimits:
    """Changes what is named, while the game runs."""
    return await desk.change(session_id, body)
