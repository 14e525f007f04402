"""Routes of sessions, the event feed, and the stream's WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from dillinger_contracts import Conflict, DillingerError, Invalid
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_core.auth import Login
from dillinger_core.parts import Parts
from dillinger_core.sessions import SessionView
from dillinger_core.sessions.feed import Afresh, FeedEvent
from dillinger_core.splice import CONNECTION_EXTENSION, Browser

from .guards import FullLogin, PartsDep, check_origin, check_password_changed, login_of, parts_of
from .models import PlayBody, SessionsView, TicketBody, TicketView
from .problems import problem_response

router = APIRouter(tags=["sessions"])

BEAT_S = 15.0
"""How often a quiet feed says that it is there, and looks whether the login still holds."""


@router.post("/sessions", status_code=201, responses={200: {"model": SessionView}})
async def play(body: PlayBody, login: FullLogin, response: Response, parts: PartsDep) -> SessionView:
    """Plays a game; while a session of this user and game lives, answers with that one (200)."""
    game = await parts.library.game(body.game_id)
    view, is_new = await parts.sessions.play(login.user, game, body.profile, show=body.show)
    response.status_code = 201 if is_new else 200
    return view


@router.get("/sessions")
async def sessions(login: FullLogin, parts: PartsDep) -> SessionsView:
    """One's own sessions, live ones first; admins see everybody's."""
    return SessionsView(sessions=await parts.sessions.visible_to(login.user))


@router.get("/sessions/{session_id}")
async def session(session_id: str, login: FullLogin, parts: PartsDep) -> SessionView:
    """One session."""
    return await parts.sessions.get(login.user, session_id)


@router.delete("/sessions/{session_id}", status_code=202)
async def stop(session_id: str, login: FullLogin, parts: PartsDep) -> SessionView:
    """Asks for the end of a session."""
    return await parts.sessions.stop(login.user, session_id)


@router.post("/sessions/{session_id}/tickets")
async def ticket(session_id: str, body: TicketBody, login: FullLogin, parts: PartsDep) -> TicketView:
    """A right to open the session's stream once, within a minute."""
    signed, expires_at = await parts.sessions.ticket(login.user, session_id, body.role)
    return TicketView(ticket=signed, expires_at=expires_at)


@router.get("/events", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def events(
    login: FullLogin, parts: PartsDep, last_event_id: Annotated[str | None, Header(max_length=100)] = None
) -> StreamingResponse:
    """Changes as server-sent events: `session` (data: SessionView) and `library` (data: {})."""
    return StreamingResponse(
        _feed(parts, login, last_event_id), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _feed(parts: Parts, login: Login, last_event_id: str | None) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n\n"
    async for item in parts.feed.follow(last_event_id, beat_s=BEAT_S):
        match item:
            case FeedEvent(event_id, event, data, user_name):
                if login.user.is_admin or user_name in (None, login.user.name):
                    yield f"id: {event_id}\nevent: {event}\ndata: {data}\n\n".encode()
            case Afresh(event_id):
                for view in await parts.sessions.snapshot(login.user):
                    yield f"event: session\ndata: {view.model_dump_json()}\n\n".encode()
                yield f"id: {event_id}\nevent: library\ndata: {{}}\n\n".encode()
            case None:
                if not await parts.gate.holds(login):
                    return
                yield b":\n\n"


class StreamSocket:
    """`WS /sessions/{session_id}/stream` as plain ASGI: checks who asks, then hands over to the relay."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one socket."""
        socket = WebSocket(scope, receive, send)
        await receive()  # websocket.connect
        parts = parts_of(socket)
        session_id: str = scope["path_params"]["session_id"]
        try:
            login = await _admit(socket, session_id)
        except DillingerError as error:
            await socket.send_denial_response(problem_response(error))
            return

        async def is_still_allowed() -> bool:
            return await parts.gate.holds(login)

        browser: Browser = scope["extensions"][CONNECTION_EXTENSION]
        await parts.relay.run(session_id, browser, send, is_still_allowed=is_still_allowed)


async def _admit(socket: WebSocket, session_id: str) -> Login:
    check_origin(socket)
    login = check_password_changed(await login_of(socket))
    view = await parts_of(socket).sessions.get(login.user, session_id)
    if view.ended_at is not None:
        raise Conflict("This session has ended")
    if SUBPROTOCOL not in socket.scope["subprotocols"]:
        raise Invalid(f"This socket speaks {SUBPROTOCOL}", field="Sec-WebSocket-Protocol")
    return login
