"""Lets people in: checks passwords, hands out login tokens, finds who holds one.

A token is 256 random bits that only the browser's cookie holds; the database has its hash. The CSRF value is derived
from the token, so that it needs no storage and dies with it. Everything here runs on the event loop.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from dillinger_contracts import Denied
from dillinger_core.settings import CoreSettings
from dillinger_core.store import Logins, User, Users

from .first_login import FIRST_ADMIN, FirstLogin
from .limits import FailureLimit
from .passwords import Passwords, check_new, one_time_password

log = structlog.get_logger()


class LoginFailed(Denied):
    """Wrong name or password; never says which."""

    code = "login_failed"


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that is known."""

    user: User
    token_sha256: str
    csrf: str


class Gate:
    """The door."""

    def __init__(self, settings: CoreSettings, users: Users, logins: Logins, passwords: Passwords) -> None:
        self._users = users
        self._logins = logins
        self._passwords = passwords
        self._lifetime = timedelta(seconds=settings.login_lifetime_s)
        window_s = settings.login_failure_window_s
        self._per_name = FailureLimit(limit=settings.login_failures_per_name, window_s=window_s)
        self._per_address = FailureLimit(limit=settings.login_failures_per_address, window_s=window_s)
        self._first = FirstLogin(settings.core_dir / "first-login.json")

    async def ensure_admin(self) -> None:
        """Makes the first admin where there is no user yet; its one-time password goes to the first-login file."""
        if await self._users.count():
            admin = await self._users.get(FIRST_ADMIN)
            if admin is None or not admin.must_change_password:
                self._first.forget()
            return
        password = one_time_password()
        # The file comes first: without it nobody could ever log in; with it and no user, this runs again.
        self._first.write(password)
        password_hash = await self._passwords.hash(password)
        admin = User(FIRST_ADMIN, "admin", password_hash, must_change_password=True)
        await self._users.add(admin, now=datetime.now(UTC))
        log.info("first_admin_made", name=FIRST_ADMIN)

    async def log_in(self, name: str, password: str, *, address: str) -> tuple[str, Login]:
        """A fresh token and its login; raises `LoginFailed`, or `TooManyAttempts` (Exhausted)."""
        now_s = time.monotonic()
        name_key = f"{address} {name[:64].lower()}"
        self._per_address.check(address, now_s=now_s)
        self._per_name.check(name_key, now_s=now_s)
        # Counted before the slow check, so that a hundred tries at once are a hundred tries.
        self._per_address.fail(address, now_s=now_s)
        self._per_name.fail(name_key, now_s=now_s)
        user = await self._users.get(name)
        if not await self._passwords.is_right(password, user.password_hash if user else None) or user is None:
            log.warning("login_failed", address=address)
            raise LoginFailed("The name or the password is wrong")
        self._per_name.forget(name_key)
        self._per_address.take_back(address)
        token = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        login = _login_of(token, user)
        await self._logins.add(login.token_sha256, user.name, now=now, expires_at=now + self._lifetime)
        log.info("logged_in", name=user.name, address=address)
        return token, login

    async def identify(self, token: str) -> Login | None:
        """Whose token it is; None when it is unknown or over."""
        row = await self._logins.find(_sha256(token), now=datetime.now(UTC))
        return None if row is None else _login_of(token, row.user)

    async def holds(self, login: Login) -> bool:
        """Whether this login is still good."""
        return await self._logins.find(login.token_sha256, now=datetime.now(UTC)) is not None

    async def log_out(self, login: Login) -> None:
        """Ends this login."""
        await self._logins.remove(login.token_sha256)

    async def change_password(self, login: Login, *, old: str, new: str) -> None:
        """Gives the user a new password and ends its other logins; raises `LoginFailed` or `Invalid`."""
        now_s = time.monotonic()
        key = f"change {login.user.name}"
        self._per_name.check(key, now_s=now_s)
        self._per_name.fail(key, now_s=now_s)
        if not await self._passwords.is_right(old, login.user.password_hash):
            raise LoginFailed("The old password is wrong")
        self._per_name.forget(key)
        check_new(new, old=old, name=login.user.name)
        password_hash = await self._passwords.hash(new)
        await self._users.set_password(login.user.name, password_hash, must_change=False)
        await self._logins.remove_all(login.user.name, but=login.token_sha256)
        if login.user.name == FIRST_ADMIN:
            self._first.forget()
        log.info("password_changed", name=login.user.name)

    async def reset_password(self, name: str) -> str | None:
        """A new one-time password for `name`, whose logins end; None when there is no such user."""
        password = one_time_password()
        if not await self._users.set_password(name, await self._passwords.hash(password), must_change=True):
            return None
        await self._logins.remove_all(name)
        if name == FIRST_ADMIN:
            self._first.forget()
        return password


def is_csrf_right(login: Login, value: str | None) -> bool:
    """Whether `value` is this login's CSRF value, compared in constant time."""
    return value is not None and hmac.compare_digest(login.csrf.encode(), value.encode())


def _login_of(token: str, user: User) -> Login:
    csrf = hmac.new(token.encode(), b"dillinger.csrf", hashlib.sha256).hexdigest()
    return Login(user, _sha256(token), csrf)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
