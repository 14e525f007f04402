"""Routes of invitations: their owners make, list and revoke them; guests open the one they have, and nothing else.

A guest has no login. The token stands in the bodies of a guest's requests; for the stream's WebSocket, to which a page
can add nothing, it is a cookie that browsers send to this one invitation only.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from dillinger_contracts import Conflict, DillingerError, Invalid
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_core.parts import Parts
from dillinger_core.sessions.guests import InvitationRefused
from dillinger_core.splice import CONNECTION_EXTENSION, Browser
from dillinger_core.store import InvitationRow, SessionRow

from .guards import FullLogin, PartsDep, check_origin, parts_of
from .models import (
    EntryBody,
    InvitationBody,
    InvitationMade,
    InvitationsView,
    InvitationView,
    InvitedView,
    TicketView,
)
from .problems import problem_response

router = APIRouter(tags=["invitations"])

GUEST_COOKIE = "dillinger_guest"


@router.post("/sessions/{session_id}/invitations", status_code=201)
async def invite(session_id: str, body: InvitationBody, login: FullLogin, parts: PartsDep) -> InvitationMade:
    """A link to watch a session, or to play along in it, for people without an account."""
    row, token = await parts.invitations.make(login.user, session_id, role=body.role, lifetime_s=body.lifetime_s)
    return InvitationMade(invitation=_view(row, 0), token=token)


@router.get("/sessions/{session_id}/invitations")
async def invitations(session_id: str, login: FullLogin, parts: PartsDep) -> InvitationsView:
    """The good invitations of a session, and how many came by each."""
    found = await parts.invitations.of_session(login.user, session_id)
    return InvitationsView(invitations=[_view(row, guests) for row, guests in found])


@router.delete("/sessions/{session_id}/invitations/{invitation_id}", status_code=204)
async def revoke(session_id: str, invitation_id: str, login: FullLogin, parts: PartsDep) -> None:
    """Ends an invitation; whoever came by it is gone at once."""
    await parts.invitations.revoke(login.user, session_id, invitation_id)


@router.post("/invitations/{invitation_id}")
async def enter(
    invitation_id: str, body: EntryBody, request: Request, response: Response, parts: PartsDep
) -> InvitedView:
    """What a guest may know; sets the cookie that opens the stream's WebSocket."""
    row, session = await _open(request, parts, invitation_id, body.token)
    response.set_cookie(
        GUEST_COOKIE,
        body.token,
        path=f"/api/v1/invitations/{row.invitation_id}",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    response.headers["cache-control"] = "no-store"
    return InvitedView(
        game_title=session.game_title, host_name=session.user_name, state=session.state, role=row.role,
        expires_at=row.expires_at,
    )  # fmt: skip


@router.post("/invitations/{invitation_id}/tickets")
async def guest_ticket(invitation_id: str, body: EntryBody, request: Request, parts: PartsDep) -> TicketView:
    """A right to open the session's stream once, within a minute."""
    row, session = await _open(request, parts, invitation_id, body.token)
    signed, expires_at = await parts.invitations.ticket(row, session, body.name)
    return TicketView(ticket=signed, expires_at=expires_at)


async def _open(
    connection: HTTPConnection, parts: Parts, invitation_id: str, token: str
) -> tuple[InvitationRow, SessionRow]:
    check_origin(connection)
    address = connection.client.host if connection.client else "unknown"
    return await parts.invitations.open(invitation_id, token, address=address)


def _view(row: InvitationRow, guests: int) -> InvitationView:
    return InvitationView(
        invitation_id=row.invitation_id,
        role=row.role,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        guests=guests,
    )


class GuestSocket:
    """`WS /invitations/{invitation_id}/stream` as plain ASGI: checks who asks, then hands over to the relay."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one socket."""
        socket = WebSocket(scope, receive, send)
        await receive()  # websocket.connect
        parts = parts_of(socket)
        try:
            row, session = await _admit(socket, parts, scope["path_params"]["invitation_id"])
            if not session.is_live:
                raise Conflict("This session has ended")
            browser: Browser = scope["extensions"][CONNECTION_EXTENSION]
            with parts.invitations.stay(row) as guest:
                await parts.relay.run(
                    row.session_id, browser, send, over=guest.over,
                    is_still_allowed=lambda: parts.invitations.holds(row),
                )  # fmt: skip
        except DillingerError as error:
            await socket.send_denial_response(problem_response(error))


async def _admit(socket: WebSocket, parts: Parts, invitation_id: str) -> tuple[InvitationRow, SessionRow]:
    token = socket.cookies.get(GUEST_COOKIE)
    if not token or len(token) > 100:
        raise InvitationRefused("Open the invitation first")
    opened = await _open(socket, parts, invitation_id, token)
    if SUBPROTOCOL not in socket.scope["subprotocols"]:
        raise Invalid(f"This socket speaks {SUBPROTOCOL}", field="Sec-WebSocket-Protocol")
    return opened
