"""Routes of logins: `/login`, `/logout`, `/me`."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from dillinger_core.auth import TooManyAttempts
from dillinger_core.auth.gate import LoginFailed

from .guards import COOKIE, AnyLogin, MaybeLogin, PartsDep, check_origin
from .models import LoginBody, LoginView, MeView, PasswordBody, user_view

router = APIRouter(tags=["accounts"])


@router.post("/login")
async def log_in(body: LoginBody, request: Request, response: Response, parts: PartsDep) -> LoginView:
    """Logs in and sets the cookie."""
    check_origin(request)
    address = request.client.host if request.client else "unknown"
    try:
        token, login = await parts.gate.log_in(body.name, body.password, address=address)
    except (LoginFailed, TooManyAttempts) as error:
        parts.metrics.logins.labels(error.code).inc()
        raise
    parts.metrics.logins.labels("ok").inc()
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(parts.settings.login_lifetime_s),
        path="/",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    response.headers["cache-control"] = "no-store"
    return LoginView(user=user_view(login.user), csrf=login.csrf)


@router.post("/logout", status_code=204)
async def log_out(login: AnyLogin, request: Request, response: Response, parts: PartsDep) -> None:
    """Ends this login."""
    await parts.gate.log_out(login)
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https")


@router.get("/me")
async def me(login: MaybeLogin, response: Response) -> MeView:
    """Who is logged in, if anybody is."""
    response.headers["cache-control"] = "no-store"
    return MeView(user=user_view(login.user) if login else None, csrf=login.csrf if login else None)


@router.post("/me/password", status_code=204)
async def change_password(body: PasswordBody, login: AnyLogin, parts: PartsDep) -> None:
    """Changes the password and ends the user's other logins."""
    await parts.gate.change_password(login, old=body.old_password, new=body.new_password)
