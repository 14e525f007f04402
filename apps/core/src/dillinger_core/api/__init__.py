"""The HTTP face: routes, guards and headers. The only room that knows FastAPI, beside `app`."""

from .web import build_app

__all__ = ["build_app"]
