"""The runner itself over HTTP: health, figures, the event feed, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import StreamingResponse

from dillinger_contracts import RunnerCapacity
from dillinger_contracts.model import WireModel
from dillinger_runner.keeper import Keeper
from dillinger_runner.metrics import CONTENT_TYPE

from .access import KeyRequired
from .sessions import KeeperHere, usage_of

HEARTBEAT_S = 15.0

open_router = APIRouter(tags=["service"])
router = APIRouter(dependencies=[KeyRequired], tags=["service"])


class Health(WireModel):
    """Answer of `GET /health`."""

    status: str
    version: str
    sessions: int
    """How many live now."""


class Shutdown(WireModel):
    """Body of `POST /shutdown`."""

    stop_sessions: bool = False


@open_router.get("/health")
async def read_health(keeper: KeeperHere) -> Health:
    """Whether the runner serves; no key is needed."""
    live = sum(record.is_live for record in keeper.all())
    return Health(status="ok", version=version("dillinger-runner"), sessions=live)


@router.get("/capacity")
async def read_capacity(keeper: KeeperHere) -> RunnerCapacity:
    """How much room there is for sessions."""
    more = {"backend": keeper.backend.kind, "shows_here": keeper.shows_here}
    return keeper.waiting.capacity().model_copy(update=more)


@router.get("/metrics", response_class=Response)
async def read_metrics(keeper: KeeperHere) -> Response:
    """Figures for Prometheus."""
    live = [record for record in keeper.all() if record.is_live]
    usages = await asyncio.gather(*(usage_of(keeper, record.session_id) for record in live))
    page = keeper.metrics.page([record.view() for record in live], {usage.session_id: usage for usage in usages})
    return Response(page, media_type=CONTENT_TYPE)


@router.get("/events", response_class=StreamingResponse)
async def follow_events(
    keeper: KeeperHere, last_event_id: Annotated[str | None, Header(max_length=64)] = None
) -> StreamingResponse:
    """Server-sent events (WHATWG HTML section 9.2). Without a `Last-Event-ID` of this feed it begins with how all is
    now."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_event_stream(keeper, last_event_id), media_type="text/event-stream", headers=headers)


@router.post("/shutdown", status_code=202)
async def shut_down(body: Shutdown, request: Request) -> dict[str, bool]:
    """Ends the runner, and all sessions before it if asked."""
    request.app.state.shut_down(body.stop_sessions)
    return {"stopSessions": body.stop_sessions}


async def _event_stream(keeper: Keeper, last_event_id: str | None) -> AsyncIterator[str]:
    yield ": hello\n\n"
    async for fact in keeper.feed.follow(last_event_id, heartbeat_s=HEARTBEAT_S):
        if fact is None:
            yield ": alive\n\n"
            continue
        number = f"id: {fact.event_id}\n" if fact.event_id else ""
        yield f"{number}event: {fact.event.event}\ndata: {fact.event.model_dump_json()}\n\n"
