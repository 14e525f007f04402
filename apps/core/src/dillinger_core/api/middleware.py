"""What wraps every request, whatever answers it: body limit, security headers, counting. Plain ASGI, outermost."""

from __future__ import annotations

import asyncio
import contextlib
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dillinger_contracts.pages import SECURITY_HEADERS, content_security_policy
from dillinger_core.metrics import Metrics

from .problems import TooLarge, problem_body

_SECURITY = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_STREAMED = re.compile(r"/api/v1/games/[^/]+/saves/archive")
"""Bodies that are read by nobody here: they go on to the runner, which knows what a player may have."""
_DRAIN_BYTES = 32 << 20
_DRAIN_S = 5.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Shell:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, metrics: Metrics) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        policy = content_security_policy(headers.get(b"host", b"").decode("latin-1")).encode()
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        has_begun = False

        async def secured(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                own = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in _SECURITY if pair[0] not in own),
                    *([] if b"content-security-policy" in own else [(b"content-security-policy", policy)]),
                ]
                self._metrics.requests.labels(method, str(message["status"])).inc()
            await send(message)

        if method == "PUT" and _STREAMED.fullmatch(scope["path"]):
            await self._app(scope, receive, secured)
            return
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._max_body_bytes:
            await _refuse(receive, secured, self._max_body_bytes)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise TooLarge(f"A request body has at most {self._max_body_bytes} bytes")
            return message

        try:
            await self._app(scope, limited, secured)
        except TooLarge:
            if has_begun:
                raise
            await _refuse(receive, secured, self._max_body_bytes)


async def _refuse(receive: Receive, send: Send, limit: int) -> None:
    # Closing on unread data resets the connection, and the client would never see why: drop some more, then answer.
    dropped = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            while dropped < _DRAIN_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body"):
                    break
    status, body, headers = problem_body(TooLarge(f"A request body has at most {limit} bytes"))
    pairs = [(name.encode(), value.encode()) for name, value in {**headers, "connection": "close"}.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
