"""What a product has to do to be measured, and which of its processes count. One protocol for all, ours included.

Nothing is asked of a product but a page with its picture, a display to press keys at, and its processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from playwright.sync_api import Page

from dillinger_bench.measure import Case
from dillinger_bench.metering import Process, split

Mode = Literal["idle", "light", "motion"]
MODES: tuple[Mode, ...] = ("idle", "light", "motion")
BITRATE_BPS = 12_000_000
"""What every product is told to stay within: the default of ours."""
RATE_HZ = 60
DISPLAY_SERVER = "Xvfb"


@dataclass(frozen=True, slots=True)
class Family:
    """Process ids of a product that streams, without the content."""

    all: frozenset[int]
    """Every process of it, the display server too."""
    session: frozenset[int]
    """Those that begin and end with the session."""
    display: frozenset[int]
    """The display server, which draws the content's pictures as well."""


class Running(Protocol):
    """A session that streams."""

    @property
    def asked_at(self) -> float:
        """When it was asked for, before anything of it was started: wall-clock seconds."""

    @property
    def url(self) -> str:
        """The page that shows it."""

    @property
    def tcp_port(self) -> int:
        """Where the page comes from, and the picture if it comes by TCP."""

    def display(self) -> tuple[Path, bytes | None]:
        """The display server's socket, and the cookie that it asks for."""

    def roots(self) -> tuple[Iterable[int], Iterable[int]]:
        """Processes whose family trees are all of the product, and those whose trees are this session."""

    def settle(self, page: Page) -> None:
        """Called once the first picture was seen: has the page take keys, or chooses what carries the picture."""


class Product(Protocol):
    """Something that streams a desktop to a browser."""

    @property
    def name(self) -> str:
        """As it stands in the report."""

    @property
    def has_input(self) -> bool:
        """Whether a key pressed in its page gets to the display."""

    @property
    def context(self) -> Mapping[str, Any]:
        """What the browser's context needs for its page: a login."""

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Installs or starts what all sessions share; raises `Unavailable` with the reason and a hint."""

    def open(self, case: Case, mode: Mode, number: int) -> AbstractContextManager[Running]:
        """Starts session `number` of the test card in a size and a mode; it ends with the block."""

    def close(self) -> None:
        """Ends what `prepare` started. Idempotent."""


def family(processes: Iterable[Process], all_roots: Iterable[int], session_roots: Iterable[int]) -> Family:
    """The family trees of these roots, without the test card."""
    known = list(processes)
    session = _trees(known, session_roots)
    whole = _trees(known, all_roots) | session
    servers = {process.pid for process in known if Path(process.command.split(" ")[0]).name == DISPLAY_SERVER}
    return Family(whole, session, whole & servers)


def _trees(processes: list[Process], roots: Iterable[int]) -> frozenset[int]:
    return frozenset(pid for root in roots for pid in split(processes, root).ours)
