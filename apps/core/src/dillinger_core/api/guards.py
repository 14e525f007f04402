"""Who may ask: the login behind a cookie, CSRF and Origin checks, admins only; as FastAPI dependencies."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from dillinger_contracts import Denied
from dillinger_contracts.pages import is_own_origin
from dillinger_core.auth import Login
from dillinger_core.auth.gate import is_csrf_right
from dillinger_core.parts import Parts

from .problems import CsrfFailed, LoginRequired, OriginRefused, PasswordChangeRequired

COOKIE = "dillinger_login"
CSRF_HEADER = "x-dillinger-csrf"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def parts_of(connection: HTTPConnection) -> Parts:
    """The parts of the core that serves this connection."""
    parts: Parts = connection.app.state.parts
    return parts


def of_request(request: Request) -> Parts:
    """The parts, as a dependency."""
    return parts_of(request)


def check_origin(connection: HTTPConnection) -> None:
    """Raises `OriginRefused` when a browser says that a page of another site asks. Without an Origin there is none."""
    scheme = {"ws": "http", "wss": "https"}.get(connection.url.scheme, connection.url.scheme)
    host = connection.headers.get("host", "")
    if not is_own_origin(connection.headers.get("origin"), scheme=scheme, host=host):
        raise OriginRefused("This request comes from a page of another site")


async def login_of(connection: HTTPConnection) -> Login:
    """The login behind the cookie; raises `LoginRequired`."""
    token = connection.cookies.get(COOKIE)
    login = await parts_of(connection).gate.identify(token) if token and len(token) <= 200 else None
    if login is None:
        raise LoginRequired("Log in first")
    return login


async def any_login(request: Request) -> Login:
    """A login, also one whose password has to be changed; a change needs the CSRF header and our own Origin."""
    login = await login_of(request)
    if request.method not in _SAFE:
        check_origin(request)
        if not is_csrf_right(login, request.headers.get(CSRF_HEADER)):
            raise CsrfFailed(
                "The X-Dillinger-CSRF header is missing or wrong", hint="Fetch /api/v1/me and send its csrf value"
            )
    return login


async def maybe_login(request: Request) -> Login | None:
    """A login, or None where nobody is logged in; for a question that both may ask."""
    try:
        return await any_login(request)
    except LoginRequired:
        return None


def check_password_changed(login: Login) -> Login:
    """`login`; raises `PasswordChangeRequired` while it has a one-time password."""
    if login.user.must_change_password:
        raise PasswordChangeRequired("Change the one-time password first", hint="POST /api/v1/me/password")
    return login


async def full_login(login: Annotated[Login, Depends(any_login)]) -> Login:
    """A login that may do what its role allows."""
    return check_password_changed(login)


async def admin_login(login: Annotated[Login, Depends(full_login)]) -> Login:
    """A login of an admin."""
    if not login.user.is_admin:
        raise Denied("Only admins may do this")
    return login


PartsDep = Annotated[Parts, Depends(of_request)]
AnyLogin = Annotated[Login, Depends(any_login)]
MaybeLogin = Annotated[Login | None, Depends(maybe_login)]
FullLogin = Annotated[Login, Depends(full_login)]
AdminLogin = Annotated[Login, Depends(admin_login)]
