"""Clients of core's API and of the runner's, as a program that plays would write them. Blocking; one thread each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2

from dillinger_contracts.errors import Conflict, error_from_document

from .waiting import wait_until

View = dict[str, Any]
"""A JSON object of the API, as it came."""

_CSRF = "X-Dillinger-CSRF"
_TIMEOUT_S = 20.0
_START_S = 60.0


def _checked(answer: httpx2.Response) -> Any:
    """The answer's JSON; raises the error that a problem document stands for."""
    is_json = "json" in answer.headers.get("content-type", "")
    if answer.is_success:
        return answer.json() if is_json and answer.content else None
    raise error_from_document(answer.json() if is_json else {"detail": f"{answer.status_code}: {answer.text[:200]}"})


@dataclass(frozen=True, slots=True)
class Login:
    """What a client has of its login, and another may go on with."""

    cookies: dict[str, str]
    csrf: str


class CoreClient:
    """A person's login at core."""

    def __init__(self, url: str, *, login: Login | None = None) -> None:
        self.http = httpx2.Client(base_url=f"{url}/api/v1", timeout=_TIMEOUT_S)
        if login is not None:
            self.http.cookies.update(login.cookies)
            self.http.headers[_CSRF] = login.csrf

    def held(self) -> Login:
        """The login that this client has, for another one."""
        return Login(dict(self.http.cookies), self.http.headers[_CSRF])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        """One call; the answer's JSON, or the error that it stands for."""
        return _checked(self.http.request(method, path, json=body))

    def login(self, name: str, password: str) -> None:
        """Logs in; raises `Denied` when name or password is wrong."""
        self.http.headers[_CSRF] = self.call("POST", "/login", {"name": name, "password": password})["csrf"]

    def change_password(self, old: str, new: str) -> None:
        """Sets one's own password."""
        self.call("POST", "/me/password", {"old_password": old, "new_password": new})

    def games(self) -> list[View]:
        """The library."""
        found: list[View] = self.call("GET", "/games")["games"]
        return found

    def play(self, game_id: str, **profile: object) -> View:
        """Starts a session, or finds the one of this game that lives."""
        body: View = {"game_id": game_id, **({"profile": profile} if profile else {})}
        view: View = self.call("POST", "/sessions", body)
        return view

    @contextmanager
    def playing(self, game_id: str) -> Iterator[str]:
        """A session of this game that has started; its id. It ends with the block."""
        session_id: str = self.play(game_id)["session_id"]
        try:
            self.wait_state(session_id, {"ready", "streaming"}, _START_S)
            yield session_id
        finally:
            self.stop(session_id)
            self.wait_state(session_id, {"ended"}, _START_S)

    def session(self, session_id: str) -> View:
        """How a session stands."""
        view: View = self.call("GET", f"/sessions/{session_id}")
        return view

    def sessions(self) -> list[View]:
        """One's sessions."""
        found: list[View] = self.call("GET", "/sessions")["sessions"]
        return found

    def stop(self, session_id: str) -> View:
        """Asks a session to end."""
        view: View = self.call("DELETE", f"/sessions/{session_id}")
        return view

    def ticket(self, session_id: str, role: str = "player") -> str:
        """A ticket for one stream."""
        ticket: str = self.call("POST", f"/sessions/{session_id}/tickets", {"role": role})["ticket"]
        return ticket

    def wait_state(self, session_id: str, states: Collection[str], timeout_s: float = 30.0) -> View:
        """The session once it is in one of `states`; raises `Conflict` when it ended instead."""

        def look() -> View | None:
            view = self.session(session_id)
            if view["state"] == "ended" and "ended" not in states:
                raise Conflict(f"The session ended: {view['end']}")
            return view if view["state"] in states else None

        return wait_until(look, timeout_s, f"session {session_id} in {sorted(states)}")

    def wait_again(self, before: View, timeout_s: float = 30.0) -> View:
        """The session of which `before` was a view, ready once more after it was started once more: until core hears
        of that it shows the first start, with the times that it took."""

        def look() -> View | None:
            view = self.wait_state(before["session_id"], {"ready"}, timeout_s)
            return view if view["steps"][:1] != before["steps"][:1] else None

        return wait_until(look, timeout_s, f"session {before['session_id']} ready once more")


class RunnerClient:
    """An app that has a key of the runner."""

    def __init__(self, url: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = httpx2.Client(base_url=url, timeout=_TIMEOUT_S, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: object | None = None) -> Any:
        """One call; the answer's JSON, or the error that it stands for."""
        return _checked(self.http.request(method, path, json=body))
