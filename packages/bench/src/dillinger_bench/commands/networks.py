"""How a stream does over links that delay, lose and narrow, ours and a peer's."""

from __future__ import annotations

from typing import Annotated

import typer

from dillinger_bench.network import run
from dillinger_bench.network.scenarios import PEERS, TRANSPORTS, by_name
from dillinger_bench.report import Cases, Report
from dillinger_contracts.paths import places

from .options import Baseline, Csv, Json, Markdown, WebDir, pages_of
from .telling import Files, earlier, machine, show, teller

Scenarios = Annotated[
    list[str] | None, typer.Option("--scenario", help=f"One of {', '.join(by_name())}; all where none is given.")
]
Transports = Annotated[
    list[str] | None, typer.Option("--transport", help=f"{', '.join(TRANSPORTS)}; all where none is given.")
]
Peers = Annotated[list[str] | None, typer.Option("--peer", help=f"Beside ours, in turns: {' or '.join(PEERS)}.")]
Seed = Annotated[int, typer.Option(help="Of the link's losses and delays.")]


def network(
    scenario: Scenarios = None, transport: Transports = None, peer: Peers = None, seed: Seed = 1,
    web_dir: WebDir = None,
    json: Json = None, csv: Csv = None, markdown: Markdown = None, baseline: Baseline = None,
) -> None:  # fmt: skip
    """Delay, loss, jitter and thin links between a browser and a Dillinger of the bench's own.

    The files are written again with each scenario. A peer is installed first.
    """
    files, before = Files(json, csv, markdown), earlier(baseline)
    files.ensure_writable()
    wishes = run.Wishes(
        run.chosen(scenario), run.chosen_transports(transport), run.chosen_peers(peer), seed, pages_of(web_dir),
        places().state_dir / "bench",
    )  # fmt: skip

    def report(cases: Cases) -> Report:
        return Report(cases, machine(), before, is_row_a_case=True)

    show(report(run.run_scenarios(wishes, teller(), lambda cases: files.write(report(cases)))), files)
