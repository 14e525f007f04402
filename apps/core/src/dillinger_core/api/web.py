"""Puts the routes together into one ASGI app."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from dillinger_core import __version__
from dillinger_core.parts import Parts

from . import (
    accounts,
    games,
    invitations,
    library_admin,
    limits,
    machine,
    pages,
    problems,
    runner_proxy,
    saves,
    sessions,
    whep,
)
from .middleware import Shell
from .models import ProblemView

_PROBLEM = {"model": ProblemView}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    403: {**_PROBLEM, "description": "Not logged in, or not allowed"},
    404: {**_PROBLEM, "description": "Not found"},
    409: {**_PROBLEM, "description": "Conflicts with the present state"},
    413: {**_PROBLEM, "description": "The body is too long"},
    422: {**_PROBLEM, "description": "The request is not valid"},
    429: {**_PROBLEM, "description": "A limit is reached"},
    501: {**_PROBLEM, "description": "Not supported here"},
    503: {**_PROBLEM, "description": "Not available now"},
}


_WHEP_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {**_PROBLEM, "description": "A ticket is needed"},
    412: {**_PROBLEM, "description": "The entity tag is another watch's"},
    415: {**_PROBLEM, "description": "The body is of another kind"},
}


def build_api() -> FastAPI:
    """The app without its parts: enough for the OpenAPI document."""
    app = FastAPI(
        title="Dillinger core", version=__version__, openapi_url=None, docs_url=None, redoc_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    problems.install(app)
    v1 = APIRouter(prefix="/api/v1", responses=_PROBLEMS)
    for module in (accounts, games, library_admin, saves, sessions, invitations, limits, machine):
        v1.include_router(module.router)
    app.include_router(v1)
    app.router.routes.append(WebSocketRoute("/api/v1/sessions/{session_id}/stream", sessions.StreamSocket()))
    app.include_router(whep.router, responses=_PROBLEMS | _WHEP_PROBLEMS)
    app.router.routes.append(WebSocketRoute("/api/v1/invitations/{invitation_id}/stream", invitations.GuestSocket()))
    app.include_router(runner_proxy.router)
    app.include_router(pages.router)
    return app


def openapi_document() -> dict[str, Any]:
    """The API's OpenAPI document; problems carry their own media type, which FastAPI can't state."""
    document = build_api().openapi()
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {problems.MEDIA_TYPE: response["content"].pop("application/json")}
    return document


def build_app(parts: Parts) -> ASGIApp:
    """The whole app over `parts`."""
    app = build_api()
    app.state.parts = parts
    return Shell(app, max_body_bytes=parts.settings.max_body_bytes, metrics=parts.metrics)
