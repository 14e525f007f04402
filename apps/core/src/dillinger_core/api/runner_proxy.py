"""`/api/runner/*`: a runner's own API for admins, with core's key put in on the way.

`?runner=NAME` says which of several, by its name in `/api/v1/runners`; without it, the first.
Only the calls listed here pass, so that no path trick reaches anything else, and the stream's address stays inside.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from dillinger_contracts import NotFound
from dillinger_core.sessions.runner_client import RunnerAnswer

from .guards import AdminLogin, PartsDep

router = APIRouter(prefix="/api/runner", include_in_schema=False)

_ID = r"[a-z0-9]{20}"
_CALLS = {
    "GET": re.compile(
        rf"health|sessions|sessions/{_ID}(/usage|/limits|/trace)?|capacity|containers|pool|runtimes|events|metrics"
    ),
    "POST": re.compile(r"sessions"),
    "PATCH": re.compile(rf"sessions/{_ID}/limits"),
    "DELETE": re.compile(rf"sessions/{_ID}"),
}
_SENT = ("content-type", "last-event-id")
_PASSED = ("content-type", "retry-after", "cache-control")


@router.api_route("/{path:path}", methods=["GET", "POST", "PATCH", "DELETE"])
async def proxy(path: str, request: Request, _: AdminLogin, parts: PartsDep) -> StreamingResponse:
    """Passes one call on."""
    if not _CALLS[request.method].fullmatch(path):
        raise NotFound("The runner has no such call for admins")
    params = dict(request.query_params)
    runner = parts.runners.named(params.pop("runner", None))
    passed = {name: value for name in _SENT if (value := request.headers.get(name))}
    async with AsyncExitStack() as stack:
        answer = await stack.enter_async_context(
            runner.client.passed(
                request.method,
                f"/{path}",
                params=params,
                content=await request.body(),
                headers=passed,
            )
        )
        kept = stack.pop_all()
    headers = {name: value for name in _PASSED if (value := answer.headers.get(name))}
    return StreamingResponse(_body(answer, kept), answer.status, headers)


async def _body(answer: RunnerAnswer, kept: AsyncExitStack) -> AsyncIterator[bytes]:
    async with kept:
        async for chunk in answer.body:
            yield chunk
