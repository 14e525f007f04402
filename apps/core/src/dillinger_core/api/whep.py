"""WHEP (draft-ietf-wish-whep, after RFC 9725): a standard player watches a session by one POST with its offer.

`Authorization: Bearer` carries a ticket of the session; a page of any site may ask, since no cookie counts here. A
watch is its opener's: candidates and its end take the same ticket, however old it is by then.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.routing import APIRoute

from dillinger_contracts import DillingerError, Invalid
from dillinger_contracts.ice import IceServer
from dillinger_core.watches import MAX_FRAGMENT_BYTES, MAX_OFFER_BYTES

from .guards import PartsDep
from .problems import OtherWatch, TicketRequired, TooLarge, WrongMediaType, WrongMethod, problem_response

OFFER, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
MAX_TICKET_CHARACTERS = 2048
_CROSS_ORIGIN = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "location, link, etag, retry-after",
    "cross-origin-resource-policy": "cross-origin",
}
_PREFLIGHT = {
    "access-control-allow-methods": "POST, PATCH, DELETE",
    "access-control-allow-headers": "authorization, content-type, if-match",
    "access-control-max-age": "3600",
    "accept-post": OFFER,
}


class _CrossOriginRoute(APIRoute):
    """Every answer, problems too, may be read by a page of any site."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except DillingerError as error:
                response = problem_response(error)
            response.headers.update(_CROSS_ORIGIN)
            return response

        return answer


router = APIRouter(tags=["whep"], route_class=_CrossOriginRoute)

Authorization = Annotated[str | None, Header()]


def _body(kind: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": {"type": "string"}}}}}


@router.post(
    "/whep/{session_id}", status_code=201, response_class=Response, openapi_extra=_body(OFFER),
    responses={201: {"content": {OFFER: {"schema": {"type": "string"}}}, "description": "The answer"}},
)  # fmt: skip
async def watch(session_id: str, request: Request, parts: PartsDep, authorization: Authorization = None) -> Response:
    """Answers a player's SDP offer; `Location` is the watch, `Link` tells of ICE servers (`rel="ice-server"`)."""
    ticket = _ticket(authorization)
    await parts.sessions.check_ticket(session_id, ticket)
    offer = await _text(request, OFFER, MAX_OFFER_BYTES)
    opened = await parts.watches.open(session_id, ticket=ticket, offer=offer)
    response = Response(opened.answer, 201, media_type=OFFER)
    response.headers["location"] = f"/whep/{session_id}/{opened.watch_id}"
    response.headers["etag"] = _tag(opened.watch_id)
    response.headers["cache-control"] = "no-store"
    for server in opened.ice_servers:
        for url in server.urls:
            response.headers.append("link", _link(url, server))
    return response


@router.patch(
    "/whep/{session_id}/{watch_id}", status_code=204, response_class=Response, openapi_extra=_body(FRAGMENT)
)  # fmt: skip
async def add_candidates(
    session_id: str, watch_id: str, request: Request, parts: PartsDep,
    authorization: Authorization = None, if_match: Annotated[str | None, Header()] = None,
) -> Response:  # fmt: skip
    """More ICE candidates of the player (RFC 8840). ICE restarts are refused with 422."""
    ticket = _ticket(authorization)
    if if_match is not None and if_match.strip() not in (_tag(watch_id), "*", '"*"'):  # the latter ask for a restart
        raise OtherWatch("If-Match is not the ETag of this watch", field="If-Match")
    fragment = await _text(request, FRAGMENT, MAX_FRAGMENT_BYTES)
    await parts.watches.add_candidates(session_id, watch_id, ticket=ticket, fragment=fragment)
    return Response(status_code=204)


@router.delete("/whep/{session_id}/{watch_id}", response_class=Response)
async def leave(session_id: str, watch_id: str, parts: PartsDep, authorization: Authorization = None) -> Response:
    """Ends the watch."""
    await parts.watches.end(session_id, watch_id, ticket=_ticket(authorization))
    return Response(status_code=200)


@router.api_route("/whep/{rest:path}", methods=["OPTIONS"], include_in_schema=False)
async def preflight() -> Response:
    """What a page of another site may send here."""
    return Response(status_code=204, headers=_PREFLIGHT)


@router.api_route("/whep/{rest:path}", methods=["GET", "HEAD", "PUT"], include_in_schema=False)
async def no_page() -> Response:
    """There is nothing to look at; without this it would be one of the app's pages."""
    raise WrongMethod("A watch begins with POST and ends with DELETE")


def _ticket(authorization: str | None) -> str:
    scheme, _, ticket = (authorization or "").partition(" ")
    ticket = ticket.strip()
    if scheme.lower() != "bearer" or not 0 < len(ticket) <= MAX_TICKET_CHARACTERS:
        raise TicketRequired(
            "A ticket of the session is needed (Authorization: Bearer ...)",
            hint="POST /api/v1/sessions/{id}/tickets gives one",
        )
    return ticket


async def _text(request: Request, kind: str, most: int) -> str:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != kind:
        raise WrongMediaType(f"The body is {kind}", field="Content-Type")
    body = await request.body()
    if len(body) > most:
        raise TooLarge(f"A body of {kind} has at most {most} bytes")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"The body is no text: {error.reason}") from error


def _tag(watch_id: str) -> str:
    return f'"{watch_id}"'


def _link(url: str, server: IceServer) -> str:
    parameters = ['rel="ice-server"']
    if server.username:
        parameters += [
            f'username="{server.username}"',
            f'credential="{server.credential}"',
            'credential-type="password"',
        ]
    return "; ".join([f"<{url}>", *parameters])
