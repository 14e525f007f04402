"""Every error as an RFC 9457 problem document, whatever raised it."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from dillinger_contracts import Denied, DillingerError, Internal, Invalid, NotFound, Unavailable
from dillinger_contracts.errors import problem_document, problem_of

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger()


class KeyMissing(Denied):
    """No key was presented: who asks is unknown."""


class TooLarge(Invalid):
    """The body is over the limit."""


class TooSlow(Invalid):
    """The body did not come in time."""


_STATUS: dict[type[DillingerError], tuple[int, str]] = {
    KeyMissing: (401, "Who are you?"),
    TooLarge: (413, "The body is too large"),
    TooSlow: (408, "The body did not come in time"),
}


def problem_response(error: DillingerError) -> JSONResponse:
    """The answer that says what went wrong."""
    document = problem_document(error)
    status, title = _STATUS.get(type(error), (problem_of(error).status, str(document["title"])))
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (408, 413):
        headers["Connection"] = "close"
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return JSONResponse({**document, "status": status, "title": title}, status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Has `app` answer every error as a problem."""

    @app.exception_handler(DillingerError)
    async def _ours(_request: Request, error: DillingerError) -> JSONResponse:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return problem_response(from_validation(error))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        return _from_http(error)

    @app.exception_handler(Exception)
    async def _internal(request: Request, error: Exception) -> JSONResponse:
        log.error("request_failed", path=request.url.path, error=str(error))
        return problem_response(Internal("The runner failed to answer", hint="Its log says why"))


def from_validation(error: RequestValidationError) -> Invalid:
    """The first fault, with the field's dotted path as the caller wrote it."""
    fault = error.errors()[0]
    field = ".".join(str(part) for part in fault["loc"][1:]) or None
    if fault["type"] == "json_invalid":
        return Invalid("The body is not JSON", hint=str(fault.get("ctx", {}).get("error", "")) or None)
    what = f"{field}: {fault['msg']}" if field else str(fault["msg"])
    return Invalid(what, field=field)


def _from_http(error: HTTPException) -> JSONResponse:
    if error.status_code == 404:
        return problem_response(NotFound("There is nothing at this path", hint="GET /openapi.json lists what there is"))
    if error.status_code == 400:
        return problem_response(Invalid("The body can't be read", hint="Send one JSON object in UTF-8"))
    document = {
        "type": "about:blank",
        "title": str(error.detail),
        "status": error.status_code,
        "detail": str(error.detail),
        "code": "invalid" if error.status_code < 500 else "internal",
    }
    return JSONResponse(document, error.status_code, error.headers, media_type=MEDIA_TYPE)
