"""`dillinger bench peers`: gets the peers, runs all products in turn, prints medians and ratios."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser
from playwright.sync_api import Error as BrowserError

from dillinger_bench.measure import Case, Transport, Values
from dillinger_bench.viewer import open_browser
from dillinger_contracts.errors import DillingerError, Invalid

from .base import Product
from .catalogue import PeerReport
from .dillinger import Dillinger
from .gstreamer import GStreamer
from .measure import Effort, measure, measure_many
from .rounds import Tally, Turn, plan
from .selkies import Selkies

Peer = Literal["selkies-websocket", "selkies-webrtc", "gstreamer"]
PEERS: tuple[Peer, ...] = ("selkies-websocket", "selkies-webrtc", "gstreamer")
CORES = 2
WIDTH = 160
"""Of the tables where there is no terminal, in characters."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to compare, and how thoroughly."""

    cases: Sequence[Case]
    peers: Sequence[Peer]
    rounds: int
    sessions: Sequence[int]
    effort: Effort
    transport: Transport
    web_dir: Path
    folder: Path
    """Where peers are installed."""


def known(names: Sequence[str] | None) -> list[Peer]:
    """The peers of these names, all where none is given; raises `Invalid` for an unknown one."""
    for name in names or []:
        if name not in PEERS:
            raise Invalid(f"There is no peer {name}", hint=f"Known are {', '.join(PEERS)}")
    return [peer for peer in PEERS if not names or peer in names]


def peer(name: Peer, folder: Path) -> Product:
    """The product of this name."""
    if name == "gstreamer":
        return GStreamer()
    return Selkies("websockets" if name == "selkies-websocket" else "webrtc", folder / "selkies")


def keep_to_cores(count: int) -> list[int]:
    """Binds this process, and all that it will start, to the first cores; those that it is bound to."""
    cores = sorted(os.sched_getaffinity(0))[:count]
    os.sched_setaffinity(0, cores)
    return cores


def compare(
    wishes: Wishes, machine: dict[str, str], tell: Callable[[str], None], after: Callable[[PeerReport], None]
) -> PeerReport:
    """Runs all rounds; `after` gets the report as it stands after each of them."""
    tally = Tally()
    with open_browser() as browser, ExitStack() as stack:
        ours = Dillinger(
            browser, wishes.web_dir, wishes.cases, sessions=max(wishes.sessions), transport=wishes.transport
        )
        report = PeerReport(tally, ours.name, machine)
        products = ready([ours, *(peer(name, wishes.folder) for name in wishes.peers)], stack, tell)
        cases = {case.name: case for case in wishes.cases}
        turns = list(plan(wishes.rounds, list(cases), wishes.sessions, list(products)))
        for number, turn in enumerate(turns):
            loads = " ".join(f"{load:.1f}" for load in os.getloadavg())
            tell(f"round {turn.round + 1} of {wishes.rounds}: {turn.case} {turn.product} (load {loads})")
            try:
                product, case = products[turn.product], cases[turn.size]
                tally.add(turn, _figures(turn, browser, product, case, wishes.effort))
            except (DillingerError, BrowserError) as error:
                # The others' rounds still count, and that this one does not has to be seen.
                tell(f"  not measured: {error}")
            if number + 1 == len(turns) or turns[number + 1].round != turn.round:
                after(report)
    return report


def ready(products: Sequence[Product], stack: ExitStack, tell: Callable[[str], None]) -> dict[str, Product]:
    """Those that can be measured here; what can't says why, and only ours has to."""
    found: dict[str, Product] = {}
    for number, product in enumerate(products):
        stack.callback(product.close)
        try:
            product.prepare(tell)
        except DillingerError as error:
            if number == 0:
                raise
            tell(f"without {product.name}: {error.message}" + (f" ({error.hint})" if error.hint else ""))
        else:
            found[product.name] = product
    return found


def _figures(turn: Turn, browser: Browser, product: Product, case: Case, effort: Effort) -> Values:
    if turn.sessions == 1:
        return measure(browser, product, case, effort)
    return measure_many(browser, product, case, effort, turn.sessions)
