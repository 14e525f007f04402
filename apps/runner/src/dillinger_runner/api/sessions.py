"""Sessions over HTTP: asked for, listed, looked at, ended."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from dillinger_contracts import (
    Conflict,
    EndReason,
    GameLaunchRequest,
    RunnerSession,
    SessionState,
    SessionUsage,
    StreamAddress,
    Unavailable,
)
from dillinger_contracts.cell import RuntimeFolder
from dillinger_contracts.model import WireModel
from dillinger_contracts.stages import StreamTrace
from dillinger_runner.keeper import Keeper

from .access import KeyRequired

router = APIRouter(dependencies=[KeyRequired], tags=["sessions"])


class SessionList(WireModel):
    """Answer of `GET /sessions`."""

    sessions: tuple[RunnerSession, ...]


class Container(WireModel):
    """One thing that runs, as its backend sees it."""

    session_id: str
    backend: str
    place: str
    phase: str
    state: SessionState
    isolation: str
    measured_at: datetime
    cpu_cores: float | None = None
    """In use, on the average since it was asked before; None the first time."""
    memory_bytes: int | None = None
    processes: int | None = None
    network_bps: float | None = None
    """What its stream sends, as the seat measured it."""
    game_network_bytes: int | None = None
    """What the game's own network has carried, in and out, since it began; 0 where it has none."""
    gpu: float | None = None
    """Share of a graphics card, 0 to 1 (more with several cards); None where nobody measures it."""
    gpu_memory_bytes: int | None = None


class ContainerList(WireModel):
    """Answer of `GET /containers`."""

    containers: tuple[Container, ...]


def keeper_of(request: Request) -> Keeper:
    """The application's keeper."""
    keeper: Keeper = request.app.state.keeper
    return keeper


KeeperHere = Annotated[Keeper, Depends(keeper_of)]
StopReason = Literal["user_stop", "admin_stop", "idle_timeout", "time_limit"]


@router.post("/sessions", status_code=201, responses={200: {"description": "This session_id is placed already"}})
async def create_session(body: GameLaunchRequest, keeper: KeeperHere, response: Response) -> RunnerSession:
    """Places a seat for a game; with a `sessionId` the same wish is placed once."""
    record, is_new = await keeper.create(body)
    response.status_code = 201 if is_new else 200
    return record.view()


@router.get("/sessions")
async def list_sessions(keeper: KeeperHere) -> SessionList:
    """All live sessions and those that ended a short while ago, newest first."""
    return SessionList(sessions=tuple(record.view() for record in keeper.all()))


@router.get("/sessions/{session_id}")
async def read_session(session_id: str, keeper: KeeperHere) -> RunnerSession:
    """One session."""
    return keeper.get(session_id).view()


@router.delete("/sessions/{session_id}", status_code=202, responses={200: {"description": "It had ended before"}})
async def end_session(
    session_id: str, keeper: KeeperHere, response: Response, reason: Annotated[StopReason, Query()] = "user_stop"
) -> RunnerSession:
    """Has a session end; the answer comes before it has."""
    if not keeper.get(session_id).is_live:
        response.status_code = 200
    return (await keeper.stop(session_id, EndReason(reason))).view()


@router.get("/sessions/{session_id}/usage")
async def read_usage(session_id: str, keeper: KeeperHere) -> SessionUsage:
    """What a session uses, as the kernel counts it."""
    return await usage_of(keeper, session_id)


@router.get("/sessions/{session_id}/stream")
async def read_stream(session_id: str, keeper: KeeperHere) -> StreamAddress:
    """Where the session's seat listens for streams."""
    record = keeper.get(session_id)
    if not record.is_live:
        raise Conflict("This session has ended and streams no more")
    if record.state in (SessionState.REQUESTED, SessionState.PLACING):
        raise Unavailable("This session has no seat yet", retry_after_s=1)
    spec = record.spec
    if spec.screen is not None:
        raise Conflict("This session is shown on its machine's own display, and not streamed")
    if spec.stream_listen is None:
        return StreamAddress(session_id=session_id, unix_path=f"{spec.runtime_dir}/{RuntimeFolder.STREAM_SOCKET}")
    port = await asyncio.to_thread(keeper.store.stream_port, session_id)
    if port is None:
        raise Unavailable("This session's seat does not listen yet", retry_after_s=1)
    return StreamAddress(session_id=session_id, host=spec.stream_listen.host, port=port)


@router.get("/sessions/{session_id}/trace")
async def read_trace(session_id: str, keeper: KeeperHere) -> StreamTrace:
    """What became of each of the stream's last pictures, some ten seconds of them, on their way to who plays."""
    record = keeper.get(session_id)
    if not record.is_live:
        raise Conflict("This session has ended and streams no more")
    if record.link is None:
        raise Unavailable("This session's seat is out of reach", retry_after_s=1)
    return await record.link.trace()


@router.get("/containers")
async def list_containers(keeper: KeeperHere) -> ContainerList:
    """What runs for live sessions, as their keeper saw it last, and what it uses; cheap enough to ask each second."""
    rows = []
    for record in [record for record in keeper.all() if record.is_live]:
        seen = record.observed or await keeper.backend.observe(record.handle)
        sample = await keeper.meter.read(record.session_id)
        row = Container(
            session_id=record.session_id,
            backend=keeper.backend.kind,
            place=seen.place,
            phase=seen.phase,
            state=record.state,
            isolation=record.spec.isolation,
            measured_at=sample.usage.measured_at,
            cpu_cores=sample.cpu_cores,
            memory_bytes=sample.usage.memory_bytes,
            processes=sample.usage.processes,
            network_bps=record.stats.bitrate_bps if record.stats else None,
            game_network_bytes=sample.usage.network_bytes,
            gpu=sample.usage.gpu,
            gpu_memory_bytes=sample.usage.gpu_memory_bytes,
        )
        rows.append(row)
    return ContainerList(containers=tuple(rows))


async def usage_of(keeper: Keeper, session_id: str) -> SessionUsage:
    """The session's usage; raises NotFound."""
    usage = (await keeper.meter.read(keeper.get(session_id).session_id)).usage
    return SessionUsage(
        session_id=session_id,
        measured_at=usage.measured_at,
        cpu_s=usage.cpu_s,
        memory_bytes=usage.memory_bytes,
        processes=usage.processes,
        network_bytes=usage.network_bytes,
        gpu=usage.gpu,
        gpu_memory_bytes=usage.gpu_memory_bytes,
    )
