"""Routes about this installation: health, figures, and the certificate authority's root."""

from __future__ import annotations

import asyncio
import ipaddress

from fastapi import APIRouter, Request, Response

from dillinger_core import __version__
from dillinger_core.metrics import CONTENT_TYPE
from dillinger_core.parts import Parts

from .guards import PartsDep, admin_login, any_login, full_login
from .models import HealthView, RunnerHealth

router = APIRouter(tags=["machine"])


@router.get("/health")
async def health(parts: PartsDep) -> HealthView:
    """How core and its runner are; open, and 200 as long as core answers."""
    is_reachable = parts.sessions.is_runner_reachable
    message = None if is_reachable else f"The runner can't be reached: running games go on, {_what_of_new_ones(parts)}"
    return HealthView(
        status="ok" if is_reachable else "degraded",
        version=__version__,
        runner=RunnerHealth(is_reachable=is_reachable, message=message),
    )


def _what_of_new_ones(parts: Parts) -> str:
    return "the next one starts it" if parts.settings.runner_command else "new ones can't be started"


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
    return Response(parts.metrics.exposition(), headers={"content-type": CONTENT_TYPE})


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
