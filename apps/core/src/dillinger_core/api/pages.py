"""Serves the built pages: hashed assets for ever, `index.html` for the app's routes, nothing from elsewhere."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from dillinger_contracts import NotFound
from dillinger_core.pages import PageFile

from .guards import PartsDep

router = APIRouter(include_in_schema=False)

_FOREVER = "public, max-age=31536000, immutable"
_FRESH = "no-cache"
_NONE_OF_IT = re.compile(r"q *= *0(\.0*)?")
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
    is_gzip_fine = takes_gzip(",".join(request.headers.getlist("accept-encoding")))
    file = await parts.pages.get(path)
    if file is not None:
        return _answer(file, _FOREVER if path.startswith("assets/") else _FRESH, is_gzip_fine=is_gzip_fine)
    if "." in path.rsplit("/", 1)[-1]:
        raise NotFound("There is no such file")
    return _answer(index, _FRESH, is_gzip_fine=is_gzip_fine)


def takes_gzip(accepted: str) -> bool:
    """Whether what an `Accept-Encoding` says (RFC 9110, section 12.5.3) has room for gzip."""
    codings: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        coding, *parameters = (word.strip() for word in part.split(";"))
        codings[coding] = not any(_NONE_OF_IT.fullmatch(parameter) for parameter in parameters)
    return codings.get("gzip", codings.get("*", False))


def _answer(file: PageFile, cache: str, *, is_gzip_fine: bool) -> Response:
    content, headers = file.content, {"cache-control": cache}
    if file.packed is not None:
        headers["vary"] = "accept-encoding"
        if is_gzip_fine:
            content, headers["content-encoding"] = file.packed, "gzip"
    return Response(content, headers=headers, media_type=file.media_type)
