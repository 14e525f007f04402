"""What every server of pages sends with them, so that a page is alone with itself, and whose pages are its own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SECURITY_HEADERS = {
    # Cross-origin isolation: SharedArrayBuffer in the player's worker, and no foreign page holds our window.
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
_HOST = re.compile(r"[A-Za-z0-9.\-\[\]:_]{1,255}")
_PORTS = {"http": 80, "https": 443}


def content_security_policy(host: str) -> str:
    """Everything from here and nothing else; old Safari does not take 'self' for WebSockets, so `host` is named."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        f"worker-src 'self' blob:; connect-src 'self'{sockets}; object-src 'none'; base-uri 'none'; "
        "frame-ancestors 'none'; form-action 'self'"
    )


def is_own_origin(origin: str | None, *, scheme: str, host: str) -> bool:
    """Whether a browser's `Origin` is a page of `scheme://host`; None is no browser's page, and foreign to nobody."""
    return origin is None or ((place := _place(origin)) is not None and place == _place(f"{scheme}://{host}"))


def _place(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
