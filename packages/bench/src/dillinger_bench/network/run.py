"""All of `bench network`: a link, a Dillinger and perhaps a peer at one end, a browser at the other, and scenario after
scenario over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import Error as PlaywrightError

from dillinger_bench.house import House
from dillinger_bench.measure import Bench, Effort, Transport
from dillinger_bench.peers.selkies import Far, Selkies
from dillinger_bench.ports import free_port
from dillinger_bench.report import Cases
from dillinger_contracts.errors import Invalid, Unavailable

from .lab import NetworkLab
from .scenarios import PEERS, TRANSPORTS, Peer, Scenario, by_name

if TYPE_CHECKING:
    from .sides import Side


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is measured over which links."""

    scenarios: Sequence[Scenario]
    transports: Sequence[Transport]
    peers: Sequence[Peer]
    seed: int
    web_dir: Path
    folder: Path
    """Where peers are installed."""


def chosen(names: Sequence[str] | None) -> list[Scenario]:
    """The scenarios of these names, all where none is given; raises `Invalid` for an unknown one."""
    known = by_name()
    return [known[name] for name in _known("scenario", names, list(known)) or known]


def chosen_transports(names: Sequence[str] | None) -> list[Transport]:
    """The transports of these names, all where none is given; raises `Invalid` for an unknown one."""
    return [kind for kind in TRANSPORTS if kind in (_known("transport", names, TRANSPORTS) or TRANSPORTS)]


def chosen_peers(names: Sequence[str] | None) -> list[Peer]:
    """The peers of these names, none where none is given; raises `Invalid` for an unknown one."""
    return [peer for peer in PEERS if peer in _known("peer", names, PEERS)]


def _known(what: str, names: Sequence[str] | None, all_of_them: Sequence[str]) -> Sequence[str]:
    for name in names or ():
        if name not in all_of_them:
            raise Invalid(f"There is no {what} {name}", hint=f"Known are {', '.join(all_of_them)}")
    return names or ()


def run_scenarios(wishes: Wishes, tell: Callable[[str], None], after: Callable[[Cases], None]) -> Cases:
    """The figures of each scenario with each transport and peer, in turns: what else the machine does meets all alike.

    This process stays in the link's network. `after` gets the figures as they stand after each scenario. What could
    not be measured is told and left out, so that it does not cost the others' figures. Raises `Unsupported` where no
    such network can be made, `Unavailable` where a peer can't be installed.
    """
    for name in wishes.peers:
        _selkies(name, wishes.folder, None).prepare(tell)  # while there is a way to the packages
    found: Cases = {}
    with ExitStack() as stack:
        lab = NetworkLab(seed=wishes.seed)
        stack.callback(lab.close)
        # numpy makes threads, and a process with threads can't enter the link's network: it is imported from here on
        from .measure import measure_scenario

        sides = _sides(wishes, lab, stack, tell)
        for scenario in wishes.scenarios:
            for side in sides:
                tell(f"{scenario.name}, {side.name}: {scenario.doc}")
                try:
                    found[f"{scenario.name} {side.name}"] = measure_scenario(side, lab, scenario)
                except (Unavailable, PlaywrightError) as error:
                    tell(f"{scenario.name}, {side.name}: left out: {error}")
            after(found)
    return found


def _sides(wishes: Wishes, lab: NetworkLab, stack: ExitStack, tell: Callable[[str], None]) -> list[Side]:
    """All that is measured, ready behind the link, in one browser."""
    from .sides import Ours, Theirs

    far = {name: Far(lab.address, free_port(), free_port()) for name in wishes.peers}
    settings = {"DILLINGER_CORE_HTTPS_HOST": lab.address}
    house = stack.enter_context(House(web_dir=wishes.web_dir.absolute(), settings=settings))
    target = replace(house.target, page_url=f"https://{lab.address}:{house.ports['https']}")
    browser = stack.enter_context(lab.browser(trusted=[place.origin for place in far.values()]))
    sides: list[Side] = []
    for transport in wishes.transports:
        bench = Bench(target, browser, Effort(), transport=transport, tell=tell)
        stack.callback(bench.close)
        sides.append(Ours(bench, transport))
    return [*sides, *(Theirs(_selkies(name, wishes.folder, place), browser) for name, place in far.items())]


def _selkies(name: Peer, folder: Path, far: Far | None) -> Selkies:
    return Selkies("webrtc" if name == "selkies-webrtc" else "websockets", folder / "selkies", far)
