"""Plays every subject from a click in the browser to its first picture and a clean end, many times: does Play work?

A start has worked when the page has shown a picture with something in it (an empty desktop is one colour) and the
session has then ended as asked, with nothing of it left. Blocking; one thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from types import TracebackType
from typing import Any, Protocol, Self

import httpx2
from playwright.sync_api import Browser, Error

from dillinger_contracts.errors import DillingerError, NotFound, Unavailable, Unsupported

from .client import CoreClient
from .figures import percentile
from .report import Cases
from .subjects import Subject
from .target import Target
from .viewer import Viewer, new_context, open_browser
from .waiting import wait_until

LIBRARY_TIMEOUT_S = 10.0
"""Core looks for what is new a little after it starts, and when it is asked."""
START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Launches:
    """What came of all starts of one subject."""

    click_to_frame_s: list[float] = field(default_factory=list)
    """Of the starts that worked."""
    failures: list[str] = field(default_factory=list)
    left_out: str = ""
    """Why it can't be played here at all."""

    def figures(self) -> dict[str, float]:
        """For a report; times are left out where no start worked, the success where there was no start."""
        count = len(self.click_to_frame_s) + len(self.failures)
        found = {"launches": float(count)}
        if count:
            found["launch_success"] = 100 * len(self.click_to_frame_s) / count
        if self.click_to_frame_s:
            found["click_to_first_frame_p50"] = percentile(self.click_to_frame_s, 0.5)
            found["click_to_first_frame_p95"] = percentile(self.click_to_frame_s, 0.95)
        return found


def docker_settings() -> dict[str, str]:
    """A runner's environment with which it keeps its sessions in containers, of the images `build images` made last."""
    settings = {
        "DILLINGER_RUNNER_BACKEND": "docker",
        # Containers never run as root, also where a bench does.
        "DILLINGER_RUNNER_DOCKER_USER": f"{os.getuid() or 1500}:{os.getgid() or 1500}",
    }
    if host := os.environ.get("DOCKER_HOST"):
        settings["DILLINGER_RUNNER_DOCKER_HOST"] = host
    return settings


class Plays(Protocol):
    """What starts a game and ends it again."""

    def play(self, subject: Subject) -> float:
        """Click → first picture, seconds; raises a `DillingerError`."""
        ...


class Player:
    """A person at one browser who starts games and ends them again."""

    def __init__(self, target: Target, browser: Browser) -> None:
        self._target, self._browser = target, browser
        self._core = target.login()
        login = new_context(browser)
        Viewer(login.new_page(), target).login()
        self._state: Any = login.storage_state()
        login.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the connection."""
        self._core.http.close()

    def play(self, subject: Subject) -> float:
        """Click → first picture, seconds. Raises `NotFound` where the library has no such game, `Unsupported` where it
        is refused as what can't be played here, and a `DillingerError` for whatever else did not work."""
        try:
            return self._play(subject)
        except Error as error:
            raise Unavailable(f"The page did not do it: {error.message.splitlines()[0]}") from error
        except httpx2.HTTPError as error:
            raise Unavailable(f"Core does not answer: {error!r}") from error

    def _play(self, subject: Subject) -> float:
        self._ensure_there(subject)
        context = new_context(self._browser, storage_state=self._state)
        context.add_init_script(resources.files(__package__).joinpath("probe.js").read_text("utf-8"))
        try:
            viewer = Viewer(context.new_page(), self._target)
            viewer.click_play(subject.game_id)
            viewer.page.wait_for_url("**/play/*")
            session_id = viewer.session_id
            seen = wait_until(lambda: _seen(viewer, self._core, session_id), START_TIMEOUT_S, "a picture in the page")
        finally:
            with contextlib.suppress(Error):  # of a browser that is gone; its session still has to end
                context.close()
            self._end(subject.game_id)
        self._ensure_gone(session_id)
        return float(seen["firstContentAt"] - seen["clickedAt"]) / 1000

    def _ensure_there(self, subject: Subject) -> None:
        def is_there() -> bool:
            return any(game["game_id"] == subject.game_id for game in self._core.games())

        try:
            wait_until(is_there, LIBRARY_TIMEOUT_S, "the game in the library")
        except Unavailable as error:
            brings = f": install {subject.package}" if subject.package else ""
            raise NotFound(f"The library has no {subject.game_id}{brings}") from error

    def _end(self, game_id: str) -> None:
        for view in self._core.sessions():
            if view["game_id"] == game_id and view["state"] != "ended":
                self._core.stop(view["session_id"])
                self._core.wait_state(view["session_id"], {"ended"}, END_TIMEOUT_S)

    def _ensure_gone(self, session_id: str) -> None:
        end = self._core.session(session_id)["end"]
        if end["reason"] != "user_stop":
            raise Unavailable(f"It was asked to end, and ended with {end['reason']}: {end.get('message')}")
        folder = self._target.runtime_dir / session_id
        wait_until(lambda: not folder.exists(), END_TIMEOUT_S, f"nothing left in {folder}")


def _seen(viewer: Viewer, core: CoreClient, session_id: str) -> Mapping[str, float] | None:
    """What the probe saw, once it saw a picture; raises when the session ended instead."""
    seen: Mapping[str, float] = viewer.page.evaluate("dillingerProbe.seen")
    if seen["firstContentAt"]:
        return seen
    view = core.session(session_id)
    if view["state"] == "ended":
        end = view["end"]
        kind = Unsupported if end["reason"] == "refused" else Unavailable
        raise kind(f"The session ended with {end['reason']}: {end.get('message')}")
    return None


def run_rounds(
    target: Target,
    subjects: Sequence[Subject],
    rounds: int,
    tell: Callable[[str], None],
    after: Callable[[Cases], None],
) -> Cases:
    """All subjects, one after the other, `rounds` times; `after` gets the figures by subject after each start.

    Each round has a browser of its own, and what is left of a round whose browser died gets another one.
    """
    found = {subject.name: Launches() for subject in subjects}
    for number in range(rounds):
        waiting = [subject for subject in subjects if not found[subject.name].left_out]
        while waiting:
            with open_browser() as browser, Player(target, browser) as player:
                while waiting and browser.is_connected():
                    subject = waiting.pop(0)
                    told = start(player, subject, found[subject.name])
                    tell(f"round {number + 1} of {rounds}: {subject.name}: {told}")
                    after({name: launches.figures() for name, launches in found.items()})
    return {name: launches.figures() for name, launches in found.items()}


def start(player: Plays, subject: Subject, launches: Launches) -> str:
    """One start, counted in `launches`; what came of it, in words. What can't be played here at all is none."""
    try:
        launches.click_to_frame_s.append(player.play(subject))
    except (NotFound, Unsupported) as error:
        launches.left_out = error.message
        return f"left out: {error.message}"
    except DillingerError as error:
        launches.failures.append(error.message)
        return f"failed: {error.message}"
    return f"{launches.click_to_frame_s[-1]:.2f} s"
