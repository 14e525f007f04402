"""A bound on every request's body, in bytes and in time, kept while it streams in.

What is over it is thrown away for a moment before the answer: closing on a caller that still sends would take the
answer from it.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problems import TooLarge, TooSlow, problem_response

BODY_LIMIT_BYTES = 64 * 1024
BODY_TIMEOUT_S = 5.0

_STREAMED = re.compile(r"/saves/[^/]+/[^/]+/archive")
"""Bounded by who reads them: by what a player may have."""
_DISCARD_BYTES = 32 * 1024 * 1024
_DISCARD_S = 2.0


class BodyLimit:
    """ASGI middleware: reads the body, bounded, before the application sees the request."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int = BODY_LIMIT_BYTES, timeout_s: float = BODY_TIMEOUT_S) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on, or answers 413 or 408."""
        if scope["type"] != "http" or (scope["method"] == "PUT" and _STREAMED.fullmatch(scope["path"])):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._read(scope, receive)
        except TimeoutError:
            await problem_response(TooSlow(f"The body did not come within {self._timeout_s:g} s"))(scope, receive, send)
            return
        except TooLarge as error:
            await _discard(receive)
            await problem_response(error)(scope, receive, send)
            return
        if body is None:
            return
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return first.pop() if first else await receive()

        await self._app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        fault = TooLarge(f"A body may have {self._limit_bytes} bytes", hint="No request of this API needs more")
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:19]) > self._limit_bytes:
            raise fault
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._limit_bytes:
                raise fault
            if not message.get("more_body", False):
                return bytes(body)


async def _discard(receive: Receive) -> None:
    left_bytes = _DISCARD_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_S):
            while left_bytes > 0:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                left_bytes -= len(message.get("body", b""))
