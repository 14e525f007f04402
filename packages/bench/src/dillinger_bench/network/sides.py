"""Who is measured over the link: ours with a transport, or a peer. Each opens a session and shows it in a page.

Nothing more is asked of them than that, so that all are seen by the same eye (`watch.js`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from playwright.sync_api import Browser, Page

from dillinger_bench.measure import CASES, Bench, Transport
from dillinger_bench.peers.base import Product
from dillinger_bench.peers.eye import open_eye

CASE = CASES[0]


@dataclass(frozen=True, slots=True)
class Shown:
    """A session of the card in full motion, in a page that takes keys."""

    page: Page
    carrier: Callable[[], str | None]
    """What carries the picture now, where the page tells."""


class Side(Protocol):
    """One that is measured."""

    @property
    def name(self) -> str:
        """As it stands in the report."""

    def open(self) -> AbstractContextManager[Shown]:
        """A session of its own, which ends with the block; raises `Unavailable`."""


class Ours:
    """Dillinger with one transport."""

    def __init__(self, bench: Bench, transport: Transport) -> None:
        self.name: str = transport
        self._bench = bench

    @contextmanager
    def open(self) -> Iterator[Shown]:
        """Plays the card; what carries it is what the player says."""
        with self._bench.playing("testcard-motion", CASE) as viewer:
            viewer.by_id("stage").focus()
            yield Shown(viewer.page, lambda: (viewer.player() or {}).get("transport"))


class Theirs:
    """A peer, at the server's end like ours."""

    def __init__(self, product: Product, browser: Browser) -> None:
        self.name = product.name
        self._product, self._browser = product, browser

    @contextmanager
    def open(self) -> Iterator[Shown]:
        """Starts a desk with the card and the peer on it, and opens its page."""
        product = self._product
        with (
            product.open(CASE, "motion", 0) as running,
            open_eye(self._browser, product, running, CASE) as eye,
        ):
            yield Shown(eye.page, lambda: None)
