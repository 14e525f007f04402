"""Dillinger itself, as one of the products: core and runner of the bench's own, a session with its cell for each desk.

A session is asked for at the API and shown in a page that is loaded anew, as those of the other products are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as BrowserError

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.measure import Case, Transport
from dillinger_bench.metering import seat_pid
from dillinger_bench.testcard.install import Variant
from dillinger_bench.viewer import Viewer, new_context
from dillinger_contracts.errors import DillingerError, Unavailable

from .base import MODES, Mode


def game_id(case: Case, mode: Mode, number: int) -> str:
    """One game a session: a player has only one session of a game."""
    return f"testcard-{mode}{case.suffix}-{number}"


def variants(cases: Iterable[Case], sessions: int) -> tuple[Variant, ...]:
    """The library for these cases with so many sessions at once."""
    return tuple(
        Variant(game_id(case, mode, number), "Test card", ("--mode", mode), case.width_px, case.height_px)
        for case in cases
        for mode in MODES
        for number in range(sessions)
    )


class DillingerRunning:
    """One session."""

    def __init__(self, asked_at: float, house: House, session_id: str, transport: Transport) -> None:
        self.asked_at, self._house, self._transport = asked_at, house, transport
        self.session_id = session_id
        self.url = f"{house.core_url}/play/{session_id}"
        self.tcp_port = house.ports["core"]

    def display(self) -> tuple[Path, bytes | None]:
        """The cell's."""
        target = self._house.target
        return target.display_socket(self.session_id), target.display_cookie(self.session_id)

    def roots(self) -> tuple[Iterable[int], Iterable[int]]:
        """Core and runner with all below them; the seat."""
        return [process.pid for process in self._house.processes.values()], [seat_pid(self.session_id)]

    def settle(self, page: Page) -> None:
        """Chooses the transport where one was wished, and has the stage take keys."""
        viewer = Viewer(page, self._house.target)
        if self._transport != "auto":
            viewer.choose_transport(self._transport)
        viewer.by_id("stage").focus()


class Dillinger:
    """Core and runner of the bench's own."""

    has_input = True

    def __init__(
        self, browser: Browser, web_dir: Path, cases: Iterable[Case], *, sessions: int, transport: Transport
    ) -> None:
        self.name = "dillinger" if transport == "auto" else f"dillinger-{transport}"
        self._browser, self._transport = browser, transport
        self._web_dir, self._variants = web_dir, variants(cases, sessions)
        self._stack = ExitStack()
        self.context: Mapping[str, Any] = {}

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Starts core and runner and logs in."""
        tell("starting core and runner")
        self._house = self._stack.enter_context(House(web_dir=self._web_dir, variants=self._variants))
        login = new_context(self._browser)
        Viewer(login.new_page(), self._house.target).login()
        self.context = {"storage_state": login.storage_state()}
        login.close()
        self._core: CoreClient = self._stack.enter_context(self._house.client())

    @contextmanager
    def open(self, case: Case, mode: Mode, number: int) -> Iterator[DillingerRunning]:
        """A session; a seat with its cell."""
        asked_at = time.time()
        size = {"width_px": case.width_px, "height_px": case.height_px}
        session_id = self._core.play(game_id(case, mode, number), **size)["session_id"]
        try:
            yield DillingerRunning(asked_at, self._house, session_id, self._transport)
        except (DillingerError, BrowserError) as error:
            end = self._core.session(session_id)["end"]
            if end is None:
                raise
            raise Unavailable(f"The session ended meanwhile, {end['reason']}: {end['message']}") from error
        finally:
            self._core.stop(session_id)
            self._core.wait_state(session_id, {"ended"})

    def close(self) -> None:
        """Ends core and runner."""
        self._stack.close()
