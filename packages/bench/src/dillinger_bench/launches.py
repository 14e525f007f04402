"""Plays every subject from a click in the browser to its first picture and a clean end, many times: does Play work?

A subject is a game that anybody can install. A start has worked when the page has shown a picture with something in it
(an empty desktop is one colour) and the session has then ended as asked, with nothing of it left. Blocking; one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error

from dillinger_contracts.errors import DillingerError, Unavailable

from .client import CoreClient
from .figures import percentile
from .house import House
from .report import Cases
from .target import Target
from .viewer import Viewer, new_context
from .waiting import wait_until

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 30.0
NOTEPAD = """schema = 1
title = "Notepad"

[launch]
kind = "wine"
command = ["notepad"]
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A game of the library that is played."""

    name: str
    game_id: str
    package: str | None = None
    """The Debian package that brings it; None where the bench brings it itself."""


SUBJECTS = (
    Subject("test card", "testcard-light"),
    Subject("chocolate-doom", "io.github.freedoom.phase1", "freedoom"),
    Subject("extremetuxracer", "etr", "extremetuxracer"),
    Subject("openttd", "openttd", "openttd"),
    Subject("gnome-mines", "org.gnome.mines", "gnome-mines"),
    Subject("supertux", "supertux2", "supertux"),
    Subject("Wine's notepad", "notepad", "wine"),
)


@dataclass(slots=True)
class Launches:
    """What came of all starts of one subject."""

    click_to_frame_s: list[float] = field(default_factory=list)
    """Of the starts that worked."""
    failures: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """For a report; times are left out where no start worked."""
        count = len(self.click_to_frame_s) + len(self.failures)
        found = {"launches": float(count), "launch_success": 100 * len(self.click_to_frame_s) / count}
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


def prepare(house: House, *, has_own_wine: bool = False) -> None:
    """Gives `house` the subjects that no package brings, and Wine's template, which an installation makes once."""
    add_notepad(house.library_dir)
    if not has_own_wine:
        command = [sys.executable, "-m", "dillinger_seat", "--wine-template", str(house.state_dir / "runner/wine")]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)  # what it lacks is told by the starts


def add_notepad(library_dir: Path) -> None:
    """Wine's own editor, as a game."""
    folder = library_dir / "notepad"
    folder.mkdir(exist_ok=True)
    (folder / "game.toml").write_text(NOTEPAD, "utf-8")


class Player:
    """A person at one browser who starts games and ends them again."""

    def __init__(self, target: Target, browser: Browser) -> None:
        self._target, self._browser = target, browser
        self._core = target.login()
        login = new_context(browser)
        Viewer(login.new_page(), target).login()
        self._state: Any = login.storage_state()
        login.close()

    def close(self) -> None:
        """Lets go of the connection."""
        self._core.http.close()

    def play(self, subject: Subject) -> float:
        """Click → first picture, seconds; raises a `DillingerError` that says what did not work."""
        context = new_context(self._browser, storage_state=self._state)
        context.add_init_script(resources.files(__package__).joinpath("probe.js").read_text("utf-8"))
        try:
            viewer = Viewer(context.new_page(), self._target)
            viewer.click_play(subject.game_id)
            viewer.page.wait_for_url("**/play/*")
            session_id = viewer.session_id
            seen = wait_until(lambda: _seen(viewer, self._core, session_id), START_TIMEOUT_S, "a picture in the page")
        except Error as error:
            raise Unavailable(f"The page did not do it: {error.message.splitlines()[0]}") from error
        finally:
            context.close()
            self._end(subject.game_id)
        self._ensure_gone(session_id)
        return float(seen["firstContentAt"] - seen["clickedAt"]) / 1000

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
        raise Unavailable(f"The session ended with {view['end']['reason']}: {view['end'].get('message')}")
    return None


def run_rounds(
    target: Target, browser: Browser, subjects: tuple[Subject, ...], rounds: int, tell: Callable[[str], None]
) -> Cases:
    """All subjects, one after the other, `rounds` times; the figures by subject."""
    found = {subject.name: Launches() for subject in subjects}
    player = Player(target, browser)
    try:
        for number in range(rounds):
            for subject in subjects:
                launches = found[subject.name]
                try:
                    launches.click_to_frame_s.append(player.play(subject))
                    told = f"{launches.click_to_frame_s[-1]:.2f} s"
                except DillingerError as error:
                    launches.failures.append(error.message)
                    told = error.message
                tell(f"round {number + 1} of {rounds}: {subject.name}: {told}")
    finally:
        player.close()
    return {name: launches.figures() for name, launches in found.items()}
