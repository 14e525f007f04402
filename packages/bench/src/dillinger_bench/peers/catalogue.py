"""What `dillinger bench peers` tells of each product, and the report of it. Pure.

The names are those of the bench's other commands where the same is measured; here every product is counted as a whole.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table

from dillinger_bench.figures import Figure
from dillinger_bench.measure import Values

from .rounds import Tally, held, least_favourable

_MORE = {"is_more_better": True}
PEER_FIGURES = {
    figure.name: figure
    for figure in (
        Figure("key_to_pixel_p50", "ms", "XTEST key at the display → its pixel seen at a refresh, median"),
        Figure("key_to_pixel_p95", "ms", "the same, 95 of 100 are faster"),
        Figure("key_to_pixel_p50_net", "ms", "the median without the mean wait for the refresh (8.3 ms)"),
        Figure("key_to_screen_p50", "ms", "XTEST key → its pixel in the compositor's picture (screencast), median"),
        Figure("key_to_screen_p95", "ms", "the same, 95 of 100 are faster"),
        Figure("browser_key_p50", "ms", "key event in the page → its pixel seen at a refresh, median"),
        Figure("browser_key_p95", "ms", "the same, 95 of 100 are faster"),
        Figure(
            "browser_key_to_screen_p50", "ms", "key event in the page → its pixel in the compositor's picture, median"
        ),
        Figure("browser_key_to_screen_p95", "ms", "the same, 95 of 100 are faster"),
        Figure("shown_fps", "1/s", "different pictures seen a second in full motion, of the worst session", **_MORE),
        Figure("sessions_held", "", "sessions at once, of those tried, that all show 50 a second", digits=0, **_MORE),
        Figure("cpu_idle", "% of a core", "all of the product's processes and its display server, still", digits=2),
        Figure("cpu_light", "% of a core", "the same, a box of 200 px moves at 60 Hz"),
        Figure("cpu_motion", "% of a core", "the same, everything moves at 60 Hz"),
        Figure("cpu_idle_display", "% of a core", "the display server's part of it: drawing, and being captured"),
        Figure("cpu_light_display", "% of a core", "the same, a box moves"),
        Figure("cpu_motion_display", "% of a core", "the same, everything moves"),
        Figure("cpu_browser", "% of a core", "the browser, everything moves"),
        Figure("memory", "MB", "PSS of what begins and ends with the session, with its display server", digits=0),
        Figure("memory_all", "MB", "PSS of all of the product's processes: with core and runner", digits=0),
        Figure("first_frame", "s", "session asked for → first picture in a page that is loaded anew", digits=2),
        Figure("ssim", "", "shown against drawn picture in full motion, luma; 1 is the same", digits=3, **_MORE),
        Figure("bitrate", "Mbit/s", "sent to one browser in full motion"),
    )
}
JUDGED = {name: figure.is_more_better for name, figure in PEER_FIGURES.items() if name != "bitrate"}
"""Figures of which more or less is better."""
BETTER_SELKIES = "better selkies"


@dataclass(frozen=True, slots=True)
class PeerReport:
    """Medians of all rounds, ours by theirs, and what ran it."""

    tally: Tally
    ours: str
    machine: Mapping[str, str]

    def medians(self, case: str, product: str) -> Values:
        """Of one product, with how many sessions were held where several counts were tried."""
        values = self.tally.medians(case, product)
        counts = {self._sessions(name): name for name in self.tally.cases if self._size(name) == case}
        tried = {count: self.tally.medians(name, product).get("shown_fps") for count, name in counts.items()}
        if len(counts) > 1 and self._size(case) == case:
            values["sessions_held"] = held({count: fps for count, fps in tried.items() if fps is not None})
        return values

    def ratios(self, case: str) -> dict[str, Values]:
        """Other product → ours by theirs; the better of Selkies' two modes as one more."""
        mine = self.medians(case, self.ours)
        found = {}
        for other in self.others():
            found[other] = self.tally.ratios(case, self.ours, other)
            theirs = self.medians(case, other)
            if mine.get("sessions_held") and theirs.get("sessions_held"):
                found[other]["sessions_held"] = mine["sessions_held"] / theirs["sessions_held"]
        selkies = [values for name, values in found.items() if name.startswith("selkies") and values]
        if len(selkies) > 1:
            found[BETTER_SELKIES] = least_favourable(selkies, JUDGED)
        return {name: values for name, values in found.items() if values}

    def others(self) -> list[str]:
        """All products but ours."""
        return [name for name in self.tally.products if name != self.ours]

    def json(self) -> str:
        """`{"cases": {CASE: {FIGURE: value}}, "ratios": …, "rounds": …, "machine": …}`; a case is size and product."""
        cases, pairs = self.tally.cases, self._pairs()
        plain = {
            "cases": {f"{case} {product}": self.medians(case, product) for case, product in pairs},
            "ratios": {f"{case} {other}": values for case in cases for other, values in self.ratios(case).items()},
            "rounds": {f"{case} {product}": list(self.tally.of(case, product).values()) for case, product in pairs},
            "machine": dict(self.machine),
        }
        return json.dumps(plain, indent=2) + "\n"

    def csv(self) -> str:
        """One line a figure: case, figure, value, unit."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("case", "figure", "value", "unit"))
        for case, product in self._pairs():
            for name, value in self.medians(case, product).items():
                writer.writerow((f"{case} {product}", name, value, PEER_FIGURES[name].unit))
        return text.getvalue()

    def rows(self, case: str) -> list[list[str]]:
        """A head, then a row a figure: name, unit, each product's median, each ratio."""
        products = [name for name in self.tally.products if self.tally.of(case, name)]
        medians = {name: self.medians(case, name) for name in products}
        ratios = self.ratios(case)
        rows = [["figure", "unit", *products, *(f"÷ {name}" for name in ratios)]]
        for name, figure in PEER_FIGURES.items():
            if any(name in values for values in medians.values()):
                cells = [_cell(medians[product].get(name), figure.digits) for product in products]
                rows.append([name, figure.unit, *cells, *(_cell(values.get(name), 2) for values in ratios.values())])
        return rows

    def markdown(self) -> str:
        """A table for each case."""
        parts = []
        for case in self.tally.cases:
            head, *rows = self.rows(case)
            lines = [f"| {' | '.join(row)} |" for row in rows]
            parts.append("\n".join([f"**{case}**", "", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines]))
        return "\n\n".join(parts) + "\n"

    def tables(self) -> list[Table]:
        """The same for a terminal."""
        found = []
        for case in self.tally.cases:
            head, *rows = self.rows(case)
            table = Table(title=case)
            for number, column in enumerate(head):
                table.add_column(column, justify="left" if number < 2 else "right", no_wrap=number < 2)
            for row in rows:
                table.add_row(*row)
            found.append(table)
        return found

    def legend(self) -> str:
        """What each figure is, a line each."""
        measured = {name for values in self.tally.found.values() for name in values}
        return "\n".join(f"{name}: {figure.doc}" for name, figure in PEER_FIGURES.items() if name in measured)

    def _pairs(self) -> list[tuple[str, str]]:
        return [(case, name) for case in self.tally.cases for name in self.tally.products if self.tally.of(case, name)]

    @staticmethod
    def _size(case: str) -> str:
        return case.split(" ×")[0]

    @staticmethod
    def _sessions(case: str) -> int:
        return int(case.split(" ×")[1]) if " ×" in case else 1


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
