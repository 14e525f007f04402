"""Serves the built pages: hashed assets for ever, `index.html` for the app's routes, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from dillinger_contracts import NotFound

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
async def page(path: str, parts: PartsDep) -> Response:
    """A file of the built pages, or the app's page for one of its routes."""
    if path == "api" or path.startswith("api/"):
        raise NotFound("There is nothing at this address")
    root = parts.settings.web_dir
    if root is None or not (root / "index.html").is_file():
        return HTMLResponse(_NOT_BUILT, 503, {"cache-control": "no-store"})
    file = _inside(root, path)
    if file is not None:
        is_hashed = path.startswith("assets/")
        return FileResponse(file, headers={"cache-control": _FOREVER if is_hashed else _FRESH})
    if "." in path.rsplit("/", 1)[-1]:
        raise NotFound("There is no such file")
    return FileResponse(root / "index.html", headers={"cache-control": _FRESH})


def _inside(root: Path, path: str) -> Path | None:
    if not path or "\x00" in path:
        return None
    try:
        file = (root / path).resolve()
        return file if file.is_relative_to(root.resolve()) and file.is_file() else None
    except OSError:
        return None
