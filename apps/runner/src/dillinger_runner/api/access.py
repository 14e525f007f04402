"""Who may ask: a Bearer key (RFC 6750), compared in constant time. No key answers 401, a wrong one 403."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request

from dillinger_contracts import Denied
from dillinger_runner.keys import KeyRing

from .problems import KeyMissing


async def require_key(
    request: Request, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
) -> None:
    """Lets a request with a good key pass."""
    scheme, _, key = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise KeyMissing("This needs an API key", hint="Send `Authorization: Bearer KEY`")
    ring: KeyRing = request.app.state.keys
    if not ring.admits(key.strip()):
        raise Denied("This API key is not good", hint="`python -m dillinger_runner keys list` shows the good ones")


KeyRequired = Depends(require_key)
