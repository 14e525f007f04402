"""Speaks to the runner's API; the only file that knows the HTTP client.

Calls that may be repeated (all of these: a launch carries its session id) are, a little, when the link fails. What
the runner refuses comes back as the contracts' error; that it does not know core's key is core's trouble and shows as
`Unavailable`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from dillinger_contracts import (
    DillingerError,
    EndReason,
    GameLaunchRequest,
    Internal,
    RunnerCapacity,
    RunnerEvent,
    RunnerSession,
    SessionLimits,
    StreamAddress,
    Unavailable,
)
from dillinger_contracts.errors import error_from_document
from dillinger_contracts.saves import SavesReset, SavesView
from dillinger_contracts.session import ResourceOverrides
from dillinger_core.settings import RunnerAt

RETRY_AFTER_S = 2.0
_RETRY_DELAYS_S = (0.1, 0.4)
_SILENCE_S = 45.0
"""The event feed says something at least every 15 s; three times that is a dead link."""
_LONG_S = 600.0
"""Saves may be gigabytes, and the runner answers when they are on disk."""
_JSON = {"content-type": "application/json"}
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


M = TypeVar("M", bound=BaseModel)


class RunnerSessions(BaseModel):
    """Answer of `GET /sessions`."""

    sessions: tuple[RunnerSession, ...]


class RunnerHealth(BaseModel):
    """Answer of `GET /health`."""

    version: str


class Unanswered(Unavailable):
    """The runner may have heard what it was asked, and did not answer."""


@dataclass(frozen=True, slots=True)
class RunnerAnswer:
    """An answer of the runner that is passed on as it is."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class RunnerClient:
    """One runner; `close` it in the end."""

    def __init__(self, at: RunnerAt, *, timeout_s: float) -> None:
        self._keys = at.keys
        self._timeout_s = timeout_s
        self._http = httpx2.AsyncClient(
            base_url=at.url,
            timeout=self._timeout_s,
            trust_env=False,
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=8),
        )

    async def close(self) -> None:
        """Ends its connections."""
        await self._http.aclose()

    async def is_up(self) -> bool:
        """Whether it answers at all, be it a refusal."""
        try:
            await self._http.get("/health")
        except httpx2.TransportError:
            return False
        return True

    async def health(self) -> RunnerHealth:
        """How it is; no key is needed."""
        return _parse(RunnerHealth, await self._call("GET", "/health"))

    async def capacity(self) -> RunnerCapacity:
        """How much room it has."""
        return _parse(RunnerCapacity, await self._call("GET", "/capacity"))

    async def launch(self, request: GameLaunchRequest) -> RunnerSession:
        """Has a wish placed; the same `session_id` is placed once, however often this is asked. Raises `Unanswered`
        where it may have been."""
        assert request.session_id is not None, "only a launch with an id may be repeated"
        body = request.model_dump(mode="json", by_alias=True, exclude_none=True)
        return _parse(RunnerSession, await self._call("POST", "/sessions", json=body))

    async def sessions(self) -> tuple[RunnerSession, ...]:
        """Every session that the runner knows."""
        return _parse(RunnerSessions, await self._call("GET", "/sessions")).sessions

    async def session(self, session_id: str) -> RunnerSession:
        """One session; raises `NotFound`."""
        return _parse(RunnerSession, await self._call("GET", f"/sessions/{session_id}"))

    async def stop(self, session_id: str, reason: EndReason) -> RunnerSession:
        """Asks for the end; raises `NotFound`."""
        path = f"/sessions/{session_id}"
        return _parse(RunnerSession, await self._call("DELETE", path, params={"reason": reason.value}))

    async def limits(self, session_id: str) -> SessionLimits:
        """What the session may use; raises `NotFound`."""
        return _parse(SessionLimits, await self._call("GET", f"/sessions/{session_id}/limits"))

    async def change_limits(self, session_id: str, wish: ResourceOverrides) -> SessionLimits:
        """Changes what `wish` names; raises what the runner refuses with."""
        body = wish.model_dump(mode="json", by_alias=True, exclude_none=True)
        return _parse(SessionLimits, await self._call("PATCH", f"/sessions/{session_id}/limits", json=body))

    async def stream_address(self, session_id: str) -> StreamAddress:
        """Where the session's seat listens."""
        return _parse(StreamAddress, await self._call("GET", f"/sessions/{session_id}/stream"))

    async def events(self) -> AsyncIterator[RunnerEvent]:
        """The runner's feed from its beginning (every session as it is now, then changes) until the link is lost.

        Raises `Unavailable` when it is.
        """
        async with self._open("GET", "/events", read_s=_SILENCE_S) as response:
            await _refuse_errors(response)
            try:
                async for event in httpx2.EventSource(response):
                    if event.data:
                        yield _parse(RunnerEvent, event.data)
            except httpx2.TransportError as error:
                raise _away(error) from error
        raise Unavailable("The runner ended its event feed", retry_after_s=RETRY_AFTER_S)

    async def saves(self, user_id: str, game_id: str) -> SavesView:
        """What a user has of a game; raises `NotFound` for what is no id."""
        return _parse(SavesView, await self._call("GET", f"/saves/{user_id}/{game_id}"))

    async def reset_saves(self, user_id: str, game_id: str, reset: SavesReset) -> None:
        """Empties a part of it; raises `Conflict` while it is played, `NotFound`."""
        body = reset.model_dump_json().encode()
        async with self._open(
            "POST", f"/saves/{user_id}/{game_id}/reset", read_s=_LONG_S, content=body, headers=_JSON
        ) as response:
            await _refuse_errors(response)

    @asynccontextmanager
    async def exported_saves(self, user_id: str, game_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """All of it as one archive; raises `Conflict` while it is played."""
        async with self._open("GET", f"/saves/{user_id}/{game_id}/archive", read_s=_LONG_S) as response:
            await _refuse_errors(response)
            yield response.aiter_raw()

    async def restore_saves(self, user_id: str, game_id: str, archive: AsyncIterator[bytes]) -> None:
        """Puts an archive in the place of what is there; raises `Conflict` while it is played, `Invalid`,
        `Exhausted`."""
        path = f"/saves/{user_id}/{game_id}/archive"
        async with self._open("PUT", path, read_s=_LONG_S, content=archive) as response:
            await _refuse_errors(response)

    @asynccontextmanager
    async def passed(
        self, method: str, path: str, *, params: Mapping[str, str], content: bytes, headers: Mapping[str, str]
    ) -> AsyncIterator[RunnerAnswer]:
        """Somebody else's call, passed on with core's key; raises `Unavailable` when the runner is away."""
        # The event feed is silent for as long as nothing happens; its heartbeat is shorter than this.
        async with self._open(method, path, read_s=_SILENCE_S, params=params, content=content, headers=headers) as got:
            if got.status_code in (401, 403):
                await _refuse_errors(got)
            yield RunnerAnswer(got.status_code, got.headers, got.aiter_raw())

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        *,
        read_s: float,
        params: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx2.Response]:
        request = self._http.build_request(
            method,
            path,
            params=params,
            content=content or None,
            headers={**(headers or {}), **await self._authorization()},
            timeout=httpx2.Timeout(self._timeout_s, read=read_s),
        )
        try:
            response = await self._http.send(request, stream=True)
        except httpx2.TransportError as error:
            raise _away(error) from error
        try:
            yield response
        finally:
            await response.aclose()

    async def _call(
        self, method: str, path: str, *, json: object = None, params: Mapping[str, str] | None = None
    ) -> bytes:
        was_sent = False
        for delay_s in (*_RETRY_DELAYS_S, None):
            try:
                headers = await self._authorization()
                response = await self._http.request(method, path, json=json, params=params, headers=headers)
            except httpx2.TransportError as error:
                was_sent = was_sent or not isinstance(error, _NOT_SENT)
                if delay_s is None or isinstance(error, httpx2.ReadTimeout):
                    raise _away(error, was_sent=was_sent) from error
                await asyncio.sleep(delay_s)
            else:
                await _refuse_errors(response)
                return response.content
        raise AssertionError("the last round returns or raises")

    async def _authorization(self) -> dict[str, str]:
        # Read at each call, in a thread's time of microseconds, so that a rotated key counts at once.
        try:
            text = await asyncio.to_thread(self._keys.read_text, "utf-8")
        except OSError as error:
            raise Unavailable(
                f"The runner's key file {self._keys} can't be read: {error.strerror}",
                retry_after_s=RETRY_AFTER_S, hint="The runner makes it at its first start",
            ) from error  # fmt: skip
        for line in text.splitlines():
            if key := line.partition("#")[0].strip():
                return {"authorization": f"Bearer {key}"}
        raise Unavailable(f"There is no key in {self._keys}", retry_after_s=RETRY_AFTER_S)


async def _refuse_errors(response: httpx2.Response) -> None:
    if response.is_success:
        return
    if response.status_code in (401, 403):
        raise Unavailable(
            "The runner does not accept core's key",
            retry_after_s=RETRY_AFTER_S, hint="Compare the runner's keys with core's runner_key_file",
        )  # fmt: skip
    await response.aread()
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict) or "code" not in document:
        raise Internal(f"The runner answered {response.status_code} without saying why")
    raise error_from_document(document)


def _parse(model: type[M], content: bytes | str) -> M:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise Internal(f"The runner's answer is no {model.__name__}: do both have the same version?") from error


def _away(error: httpx2.TransportError, *, was_sent: bool = True) -> DillingerError:
    family = Unanswered if was_sent else Unavailable
    return family(
        f"The runner can't be reached ({type(error).__name__})",
        retry_after_s=RETRY_AFTER_S, hint="Games that run go on meanwhile",
    )  # fmt: skip
