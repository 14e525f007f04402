"""Routes about this installation: health, figures, and the certificate authority's root."""

from __future__ import annotations

import asyncio
import ipaddress

from fastapi import APIRouter, Request, Response

from dillinger_contracts import DillingerError
from dillinger_core import __version__
from dillinger_core.metrics import CONTENT_TYPE
from dillinger_core.parts import Parts
from dillinger_core.sessions import Runner

from .guards import AdminLogin, PartsDep, admin_login, any_login, full_login
from .models import HealthView, RunnerHealth, RunnerRoom, RunnersView, RunnerView

router = APIRouter(tags=["machine"])

_RUNNER_TIMEOUT_S = 3.0


@router.get("/health")
async def health(parts: PartsDep) -> HealthView:
    """How core and its runner are; open, and 200 as long as core answers."""
    message = _what_is_wrong(parts)
    return HealthView(
        status="ok" if message is None else "degraded",
        version=__version__,
        runner=RunnerHealth(is_reachable=parts.sessions.is_runner_reachable, message=message),
    )


def _what_is_wrong(parts: Parts) -> str | None:
    runners = parts.runners.all()
    away = sum(not runner.is_reachable for runner in runners)
    if runners and not away:
        return None
    if away < len(runners):
        return f"{away} of {len(runners)} runners can't be reached: their games go on, new ones start on the others"
    return f"The runner can't be reached: running games go on, {_what_of_new_ones(parts)}"


def _what_of_new_ones(parts: Parts) -> str:
    return "the next one starts it" if parts.settings.runner_command else "new ones can't be started"


@router.get("/runners")
async def runners(_: AdminLogin, parts: PartsDep) -> RunnersView:
    """Every runner: whether it answers, how much room it has, which sessions are its."""
    sessions = await parts.sessions.live_by_runner()
    views = [_runner(runner, sessions.get(runner.name, [])) for runner in parts.runners.all()]
    return RunnersView(runners=await asyncio.gather(*views))


async def _runner(runner: Runner, session_ids: list[str]) -> RunnerView:
    version, room, message = None, None, None
    try:
        async with asyncio.timeout(_RUNNER_TIMEOUT_S):
            version = (await runner.client.health()).version
            room = RunnerRoom.model_validate((await runner.client.capacity()).model_dump(by_alias=False))
    except TimeoutError:
        message = f"It did not answer within {_RUNNER_TIMEOUT_S:g} s"
    except DillingerError as error:
        message = error.message
    return RunnerView(
        name=runner.name,
        is_reachable=runner.is_reachable,
        version=version,
        room=room,
        message=message,
        session_ids=session_ids,
    )


@router.get("/ca.pem", response_class=Response, responses={200: {"content": {"application/x-x509-ca-cert": {}}}})
async def ca_pem(parts: PartsDep) -> Response:
    """The root of this machine's certificate authority, for browsers to trust; open."""
    content = await asyncio.to_thread(parts.ca_file.read_bytes)
    headers = {"content-disposition": 'attachment; filename="dillinger-ca.pem"'}
    return Response(content, media_type="application/x-x509-ca-cert", headers=headers)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request, parts: PartsDep) -> Response:
    """Core's figures for Prometheus; for admins, and for this machine itself."""
    if not _is_loopback(request):
        await admin_login(await full_login(await any_login(request)))
    parts.metrics.sessions_live.set(await parts.sessions.live_count())
    parts.metrics.runner_reachable.set(parts.sessions.is_runner_reachable)
    sessions = await parts.sessions.live_by_runner()
    parts.metrics.runner_up.clear()
    parts.metrics.runner_sessions.clear()
    for runner in parts.runners.all():
        parts.metrics.runner_up.labels(runner.name).set(runner.is_reachable)
        parts.metrics.runner_sessions.labels(runner.name).set(len(sessions.get(runner.name, [])))
    return Response(parts.metrics.exposition(), headers={"content-type": CONTENT_TYPE})


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
