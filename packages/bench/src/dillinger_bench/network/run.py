"""All of `bench network`: a link, a Dillinger and a browser at its ends, and scenario after scenario over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError

from dillinger_bench.house import House
from dillinger_bench.measure import Bench, Effort, Transport
from dillinger_bench.report import Cases
from dillinger_contracts.errors import Invalid, Unavailable

from .lab import NetworkLab
from .measure import measure_scenario
from .scenarios import SCENARIOS, Scenario

TRANSPORTS: tuple[Transport, ...] = ("websocket", "webrtc", "auto")


def by_name() -> dict[str, Scenario]:
    """The scenarios."""
    return {scenario.name: scenario for scenario in SCENARIOS}


def chosen(names: Sequence[str] | None) -> list[Scenario]:
    """The scenarios of these names, all where none is given; raises `Invalid` for an unknown one."""
    known = by_name()
    for name in names or ():
        if name not in known:
            raise Invalid(f"There is no scenario {name}", hint=f"Known are {', '.join(known)}")
    return [known[name] for name in names or known]


def chosen_transports(names: Sequence[str] | None) -> list[Transport]:
    """The transports of these names, all where none is given; raises `Invalid` for an unknown one."""
    for name in names or ():
        if name not in TRANSPORTS:
            raise Invalid(f"There is no transport {name}", hint=f"Known are {', '.join(TRANSPORTS)}")
    return [kind for kind in TRANSPORTS if not names or kind in names]


def run_scenarios(
    names: Sequence[str] | None, transports: Sequence[str] | None,
    *, seed: int, web_dir: Path, tell: Callable[[str], None],
) -> Cases:  # fmt: skip
    """The figures of each scenario with each transport. This process stays in the link's network.

    A scenario that could not be measured is told and left out, so that it does not cost the others' figures.
    Raises `Unsupported` where no such network can be made, `Invalid` for an unknown scenario.
    """
    scenarios, kinds = chosen(names), chosen_transports(transports)
    lab = NetworkLab(seed=seed)
    found: Cases = {}
    try:
        with House(web_dir=web_dir.absolute(), settings={"DILLINGER_CORE_HTTPS_HOST": lab.address}) as house:
            target = replace(house.target, page_url=f"https://{lab.address}:{house.ports['https']}")
            for transport in kinds:
                with lab.browser() as browser:
                    bench = Bench(target, browser, Effort(), transport=transport, tell=tell)
                    for scenario in scenarios:
                        tell(f"{scenario.name}, {transport}: {scenario.doc}")
                        try:
                            found[f"{scenario.name} {transport}"] = measure_scenario(bench, lab, scenario)
                        except (Unavailable, PlaywrightError) as error:
                            tell(f"{scenario.name}, {transport}: left out: {error}")
                    bench.close()
    finally:
        lab.close()
    return found
