"""Turns every failure into an RFC 9457 problem, so that a client reads one form only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from dillinger_contracts import Denied, DillingerError, Internal, Invalid, NotFound, Unavailable
from dillinger_contracts.errors import problem_document
from dillinger_core.auth import TooManyAttempts
from dillinger_core.library import ChangedMeanwhile

MEDIA_TYPE = "application/problem+json"
_MAX_FAULTS, _MAX_SAID = 50, 200
LAUNCH_KINDS = frozenset({"native", "wine", "proton", "qemu", "desktop"})

log = structlog.get_logger()


class LoginRequired(Denied):
    """Nobody is logged in."""

    code = "login_required"


class PasswordChangeRequired(Denied):
    """The one-time password has to be changed first."""

    code = "password_change_required"


class CsrfFailed(Denied):
    """The CSRF header is missing or wrong."""

    code = "csrf_failed"


class OriginRefused(Denied):
    """Another site's page is asking."""

    code = "origin_refused"


class TooLarge(Invalid):
    """The body is longer than is read."""

    code = "too_large"


class WrongMethod(Invalid):
    """The path is there, but not with this method."""

    code = "wrong_method"


class TicketRequired(Denied):
    """Nobody's ticket came with the request."""

    code = "ticket_required"


class WrongMediaType(Invalid):
    """The body is not of the kind that is taken here."""

    code = "wrong_media_type"


class OtherWatch(Invalid):
    """The entity tag is that of another watch."""

    code = "other_watch"


class InvalidFields(Invalid):
    """Some fields of a body are not valid; each is named, so that a form can say it where it is."""

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        self.faults = [(_path_of(fault), str(fault["msg"])[:_MAX_SAID]) for fault in faults[:_MAX_FAULTS]]
        path, message = self.faults[0]
        field = ".".join(path) or None
        super().__init__(f"{field or faults[0]['loc'][0]}: {message}", field=field)


_STATUS: dict[type[DillingerError], HTTPStatus] = {
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    WrongMethod: HTTPStatus.METHOD_NOT_ALLOWED,
    ChangedMeanwhile: HTTPStatus.PRECONDITION_FAILED,
    TicketRequired: HTTPStatus.UNAUTHORIZED,
    WrongMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    OtherWatch: HTTPStatus.PRECONDITION_FAILED,
}
"""Where HTTP has a closer word than the error's family."""


def problem_body(error: DillingerError) -> tuple[int, bytes, dict[str, str]]:
    """Status, document and headers for `error`."""
    document = problem_document(error)
    if type(error) in _STATUS:
        document["status"] = int(_STATUS[type(error)])
    if isinstance(error, InvalidFields):
        document["errors"] = [
            {"detail": message, "pointer": "#/" + "/".join(_escaped(part) for part in path)}
            for path, message in error.faults
        ]
    headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
    if isinstance(error, TicketRequired):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, Unavailable | TooManyAttempts):
        headers["retry-after"] = str(max(1, round(error.retry_after_s)))
    return int(str(document["status"])), json.dumps(document).encode(), headers


def problem_response(error: DillingerError) -> Response:
    """The answer that tells of `error`."""
    status, body, headers = problem_body(error)
    return Response(body, status, headers)


def install(app: FastAPI) -> None:
    """Has `app` answer every failure as a problem."""
    app.add_exception_handler(DillingerError, _dillinger)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


async def _dillinger(_: Request, error: Exception) -> Response:
    assert isinstance(error, DillingerError)
    if isinstance(error, Internal):
        log.error("request_failed", reason=error.message)
    return problem_response(error)


async def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(InvalidFields(error.errors()))


def _path_of(fault: Mapping[str, Any]) -> tuple[str, ...]:
    """The fault's field. Pydantic's location begins with where (body, path, query, header), names the kind of a union
    after its field, and may end in a position in bad JSON."""
    if fault["type"] == "json_invalid":
        return ()
    # A key of the body is part of it, however long it is.
    _, *path = (str(part)[:_MAX_SAID] for part in fault["loc"])
    if path[:1] == ["launch"] and path[1:2] and path[1] in LAUNCH_KINDS:
        del path[1]
    return tuple(path)


def _escaped(part: str) -> str:
    """As RFC 6901 has it."""
    return part.replace("~", "~0").replace("/", "~1")


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, DillingerError):
        # FastAPI wraps whatever is raised while it reads a body.
        return problem_response(error.__cause__)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(NotFound("There is nothing at this address"))
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response = problem_response(WrongMethod("This address does not take this method"))
        response.headers.update(error.headers or {})
        return response
    return problem_response(Invalid(str(error.detail)))


async def _fault(_: Request, error: Exception) -> Response:
    return problem_response(Internal("Something went wrong on our side; the log of core has the details"))
