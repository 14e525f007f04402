"""What core's tests stand on: a real core over real sockets and a real database, and a small runner to talk to.

The stand-in runner keeps sessions in memory and does as told; it can vanish and come back on the same port.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pydantic import ValidationError

from dillinger_contracts import (
    EndReason,
    GameLaunchRequest,
    Invalid,
    ResourceOverrides,
    Resources,
    RunnerCapacity,
    RunnerEvent,
    RunnerSession,
    SessionEnd,
    SessionLimits,
    SessionState,
    StartStep,
)
from dillinger_contracts.errors import problem_document
from dillinger_contracts.saves import PrefixView, SavesReset, SavesView
from dillinger_core.api import build_app
from dillinger_core.app import open_core
from dillinger_core.parts import Parts
from dillinger_core.server import QuietServer, listener_config
from dillinger_core.settings import CoreSettings
from dillinger_core.store import Database, User, Users
from dillinger_core.store.users import Role

PASSWORD = "correct horse battery"
KEY = "runner-key-of-the-tests"
WITHIN_S = 60.0
"""On a machine that has much else to do."""
GAME = """
schema = 1
title = "Test Card"
summary = "A picture that moves"
[launch]
kind = "native"
command = ["testcard"]
"""


@contextlib.asynccontextmanager
async def serving(app: Any, sock: socket.socket) -> AsyncIterator[str]:
    server = QuietServer(listener_config(app, None))
    task = asyncio.create_task(server.serve([sock]))
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def until(fact: Callable[[], object], *, within_s: float = WITHIN_S) -> None:
    """Waits for a fact of this process."""
    async with asyncio.timeout(within_s):
        while not fact():  # noqa: ASYNC110 - the fact is anything, not an event
            await asyncio.sleep(0.01)


async def until_async(fact: Callable[[], Awaitable[object]], *, within_s: float = WITHIN_S) -> None:
    async with asyncio.timeout(within_s):
        while not await fact():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)


def listening(port: int = 0) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(64)
    return sock


@dataclass
class StandInRunner:
    """A runner that does as the test says."""

    port: int = 0
    sessions: dict[str, RunnerSession] = field(default_factory=dict)
    launches: list[GameLaunchRequest] = field(default_factory=list)
    stops: list[tuple[str, str]] = field(default_factory=list)
    refusal: tuple[int, dict[str, object]] | None = None
    holds: asyncio.Event | None = None
    """While set and not fired, launches wait."""
    stream_path: str | None = None
    max_sessions: int = 16
    free_memory_bytes: int = 1 << 30
    does_wait: bool = False
    """Whether what finds no place waits, unless it is asked to be refused."""
    limits: Resources = field(default_factory=Resources)
    saves: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """User and game → the archive that was restored last."""
    _feeds: set[asyncio.Queue[RunnerEvent | None]] = field(default_factory=set)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def appear(self) -> None:
        sock = listening(self.port)
        self.port = sock.getsockname()[1]
        await self._stack.enter_async_context(serving(self._app(), sock))

    async def vanish(self) -> None:
        for feed in self._feeds:
            feed.put_nowait(None)
        await self._stack.aclose()
        self._stack = contextlib.AsyncExitStack()

    def change(self, session_id: str, state: SessionState, **values: Any) -> None:
        """A session of the runner's is now like this; every follower hears it."""
        session = self.sessions[session_id].model_copy(update={"state": state, **values})
        self.sessions[session_id] = session
        self.tell(session)

    def end(self, session_id: str, reason: EndReason, **values: Any) -> None:
        end = SessionEnd(reason=reason, ended_at=datetime.now(UTC), **values)
        self.change(session_id, SessionState.ENDED, end=end)

    def tell(self, session: RunnerSession) -> None:
        for feed in self._feeds:
            feed.put_nowait(RunnerEvent(event="session_changed", session=session))

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def keyed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
            if request.headers.get("authorization") != f"Bearer {KEY}":
                return JSONResponse({"code": "denied", "detail": "wrong key"}, 403)
            return await call_next(request)

        app.post("/sessions")(self._launch)
        app.get("/health")(self._health)
        app.get("/capacity")(self._capacity)
        app.get("/sessions")(self._list)
        app.get("/sessions/{session_id}")(self._one)
        app.delete("/sessions/{session_id}")(self._stop)
        app.get("/sessions/{session_id}/stream")(self._stream)
        app.get("/sessions/{session_id}/limits")(self._limits)
        app.patch("/sessions/{session_id}/limits")(self._limit)
        app.get("/events")(self._events)
        app.get("/containers")(self._containers)
        app.get("/saves/{user_id}/{game_id}")(self._saves)
        app.post("/saves/{user_id}/{game_id}/reset")(self._reset)
        app.get("/saves/{user_id}/{game_id}/archive")(self._archive)
        app.put("/saves/{user_id}/{game_id}/archive")(self._restore)
        return app

    async def _saves(self, user_id: str, game_id: str) -> Response:
        used = len(self.saves.get((user_id, game_id), b""))
        prefix = PrefixView(name="default", kind="wine", used_bytes=used, is_current=None)
        view = SavesView(
            used_bytes=used, limit_bytes=1 << 20, game_folder_bytes=0, prefixes=(prefix,), is_played=False, work=None
        )
        return JSONResponse(view.model_dump(mode="json", by_alias=True))

    async def _reset(self, user_id: str, game_id: str, request: Request) -> Response:
        SavesReset.model_validate_json(await request.body())
        self.saves.pop((user_id, game_id), None)
        return Response(status_code=204)

    async def _archive(self, user_id: str, game_id: str) -> Response:
        return Response(self.saves.get((user_id, game_id), b""), media_type="application/zip")

    async def _restore(self, user_id: str, game_id: str, request: Request) -> Response:
        if any(session.game_id == game_id for session in self.sessions.values()):
            return JSONResponse({"code": "conflict", "detail": "it is played", "title": "Conflict"}, 409)
        self.saves[user_id, game_id] = b"".join([chunk async for chunk in request.stream()])
        return Response(status_code=204)

    async def _launch(self, request: Request) -> Response:
        launch = GameLaunchRequest.model_validate_json(await request.body())
        self.launches.append(launch)
        if self.refusal is not None:
            return JSONResponse(self.refusal[1], self.refusal[0])
        if self._live() >= self.max_sessions and (launch.when_full == "refuse" or not self.does_wait):
            return JSONResponse({"code": "exhausted", "detail": "full", "title": "Full", "status": 429}, 429)
        if self.holds is not None:
            await self.holds.wait()
        assert launch.session_id is not None
        session = self.sessions.setdefault(
            launch.session_id,
            RunnerSession(
                session_id=launch.session_id,
                game_id=launch.game_id,
                user_id=launch.user_id,
                state=SessionState.STARTING,
                created_at=datetime.now(UTC),
                steps=(StartStep(name="placed", duration_ms=3.5),),
            ),
        )
        self.tell(session)
        return _json(session, 201)

    def _live(self) -> int:
        return sum(session.state is not SessionState.ENDED for session in self.sessions.values())

    async def _health(self) -> Response:
        return JSONResponse({"status": "ok", "version": "1", "sessions": self._live()})

    async def _capacity(self) -> Response:
        room = RunnerCapacity(
            sessions=self._live(), waiting=0, max_sessions=self.max_sessions, free_memory_bytes=self.free_memory_bytes
        )
        return JSONResponse(room.model_dump(mode="json", by_alias=True))

    async def _list(self) -> Response:
        body = {"sessions": [s.model_dump(mode="json", by_alias=True) for s in self.sessions.values()]}
        return JSONResponse(body)

    async def _one(self, session_id: str) -> Response:
        session = self.sessions.get(session_id)
        return _json(session, 200) if session else _missing()

    async def _stop(self, session_id: str, reason: str = "user_stop") -> Response:
        if session_id not in self.sessions:
            return _missing()
        self.stops.append((session_id, reason))
        self.change(session_id, SessionState.STOPPING)
        return _json(self.sessions[session_id], 202)

    async def _limits(self, session_id: str) -> Response:
        if session_id not in self.sessions:
            return _missing()
        limits = SessionLimits(session_id=session_id, is_changeable=True, **self.limits.model_dump())
        return JSONResponse(limits.model_dump(mode="json"))

    async def _limit(self, session_id: str, request: Request) -> Response:
        wish = ResourceOverrides.model_validate_json(await request.body())
        try:
            self.limits = wish.over(self.limits)
        except ValidationError as error:
            fault = Invalid(error.errors()[0]["msg"], field=f"resources.{error.errors()[0]['loc'][0]}")
            return JSONResponse(problem_document(fault), 422)
        return await self._limits(session_id)

    async def _stream(self, session_id: str) -> Response:
        if session_id not in self.sessions:
            return _missing()
        return JSONResponse({"sessionId": session_id, "unixPath": self.stream_path})

    async def _containers(self) -> Response:
        return JSONResponse({"containers": []})

    async def _events(self) -> Response:
        feed: asyncio.Queue[RunnerEvent | None] = asyncio.Queue(1000)
        for session in self.sessions.values():
            feed.put_nowait(RunnerEvent(event="session_changed", session=session))
        self._feeds.add(feed)

        async def lines() -> AsyncIterator[bytes]:
            try:
                yield b":\n\n"
                while (event := await feed.get()) is not None:
                    yield f"event: {event.event}\ndata: {event.model_dump_json(by_alias=True)}\n\n".encode()
            finally:
                self._feeds.discard(feed)

        return StreamingResponse(lines(), media_type="text/event-stream")


def _json(session: RunnerSession, status: int) -> Response:
    return JSONResponse(session.model_dump(mode="json", by_alias=True), status)


def _missing() -> Response:
    return JSONResponse({"code": "not_found", "detail": "no such session", "title": "Not found"}, 404)


@dataclass
class House:
    """A core that runs in this test, and its runner."""

    url: str
    settings: CoreSettings
    parts: Parts
    runner: StandInRunner

    def first_login(self) -> dict[str, str]:
        login: dict[str, str] = json.loads((self.settings.core_dir / "first-login.json").read_text())
        return login

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=WITHIN_S)

    @contextlib.asynccontextmanager
    async def logged_in(self, name: str = "admin", password: str = PASSWORD) -> AsyncIterator[httpx2.AsyncClient]:
        async with self.client() as client:
            await log_in(client, name, password)
            yield client

    def admin(self) -> contextlib.AbstractAsyncContextManager[httpx2.AsyncClient]:
        """The admin of a house that was lived in before."""
        return self.logged_in("admin")


async def log_in(client: httpx2.AsyncClient, name: str, password: str) -> None:
    """Logs `client` in; its cookie and CSRF header stay with it."""
    answer = await client.post("/api/v1/login", json={"name": name, "password": password})
    assert answer.status_code == 200, answer.text
    client.headers["x-dillinger-csrf"] = answer.json()["csrf"]


def add_game(library: Path, game_id: str, text: str = GAME) -> Path:
    folder = library / game_id
    (folder / "art").mkdir(parents=True)
    (folder / "game.toml").write_text(text)
    return folder


@cache
def password_hash() -> str:
    """The hash of `PASSWORD`, one that is quickly checked: core's own take a fifth of a second of CPU, on purpose."""
    return PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)).hash(PASSWORD)


async def add_user(settings: CoreSettings, name: str, role: Role) -> None:
    """A user who changed its first password long ago."""
    database = await Database.open(settings.database)
    user = User(name, role, password_hash(), must_change_password=False)
    await Users(database).add(user, now=datetime.now(UTC))
    await database.close()


@contextlib.asynccontextmanager
async def open_house(settings: CoreSettings, runner: StandInRunner) -> AsyncIterator[House]:
    async with open_core(settings) as core, serving(build_app(core.parts), listening()) as url:
        try:
            yield House(url, settings, core.parts, runner)
        finally:
            core.parts.feed.close()
