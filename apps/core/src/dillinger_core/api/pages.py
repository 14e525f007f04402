"""Serves the built pages: hashed assets for ever, `index.html` for the app's routes, nothing from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dillinger_contracts import NotFound
from dillinger_core.pages import PageFile

from .guards import PartsDep

router = APIRouter(include_in_schema=False)

_FOREVER = "public, max-age=31536000, immutable"
_FRESH = "no-cache"
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Dillinger</title></head>
<body><h1>Dillinger is running, but its pages are not built</h1>
<p>Run <code>./dillinger build web</code> and start it again. The API is at <code>/api/v1</code>.</p></body></html>
"""


@router.get("/{path:path}")
async def page(path: str, request: Request, parts: PartsDep) -> Response:
    """A file of the built pages, or the app's page for one of its routes."""
    if path == "api" or path.startswith("api/"):
        raise NotFound("There is nothing at this address")
    index = await parts.pages.get("index.html")
    if index is None:
        return HTMLResponse(_NOT_BUILT, 503, {"cache-control": "no-store"})
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    file = await parts.pages.get(path)
    if file is not None:
        return _answer(file, _FOREVER if path.startswith("assets/") else _FRESH, takes_gzip=takes_gzip)
    if "." in path.rsplit("/", 1)[-1]:
        raise NotFound("There is no such file")
    return _answer(index, _FRESH, takes_gzip=takes_gzip)


def _answer(file: PageFile, cache: str, *, takes_gzip: bool) -> Response:
    headers = {"cache-control": cache}
    if file.packed is None:
        return Response(file.content, headers=headers, media_type=file.media_type)
    headers["vary"] = "accept-encoding"
    if not takes_gzip:
        return Response(file.content, headers=headers, media_type=file.media_type)
    headers["content-encoding"] = "gzip"
    return Response(file.packed, headers=headers, media_type=file.media_type)
