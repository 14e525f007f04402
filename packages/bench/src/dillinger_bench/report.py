"""What a bench found, as a table, CSV, Markdown or JSON. Pure: it returns text and tables, others print and write."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.table import Table

from dillinger_contracts.errors import Invalid

from .figures import FIGURES, ratios

Cases = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Report:
    """Case → figure → value, what ran it, and what it is compared with."""

    cases: Cases
    machine: Mapping[str, str] = field(default_factory=dict)
    baseline: Cases = field(default_factory=dict)
    is_row_a_case: bool = False
    """Tables have a row a case and a column a figure, for many cases with few figures."""

    def figures(self) -> list[str]:
        """Names of the figures that some case has, in the catalogue's order."""
        return [name for name in FIGURES if any(name in case for case in self.cases.values())]

    def cell(self, case: str, name: str) -> str:
        """One value as text, with the baseline's ratio where there is one; a dash where it was not measured."""
        value = self.cases[case].get(name)
        if value is None:
            return "–"
        text = f"{value:.{FIGURES[name].digits}f}"
        ratio = ratios(self.cases, self.baseline).get(case, {}).get(name)
        return text if ratio is None else f"{text} (×{ratio:.2f})"

    def json(self) -> str:
        """`{"cases": …, "ratios": …, "machine": …}`."""
        plain = {
            "cases": self.cases,
            "ratios": ratios(self.cases, self.baseline),
            "machine": dict(self.machine),
        }
        return json.dumps(plain, indent=2) + "\n"

    def csv(self) -> str:
        """One line a figure: case, figure, value, unit."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("case", "figure", "value", "unit"))
        for case, values in self.cases.items():
            writer.writerows(
                (case, name, values[name], FIGURES[name].unit) for name in self.figures() if name in values
            )
        return text.getvalue()

    def markdown(self) -> str:
        """A table with a row a figure and a column a case, or the other way round."""
        if self.is_row_a_case:
            heads = [f"{name}{f', {unit}' if (unit := FIGURES[name].unit) else ''}" for name in self.figures()]
            rows = [[case, *(self.cell(case, name) for name in self.figures())] for case in self.cases]
            lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
            return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
        lines = [f"| figure | unit | {' | '.join(self.cases)} |", f"|---|---|{'---|' * len(self.cases)}"]
        lines += [
            f"| `{name}` | {FIGURES[name].unit} | {' | '.join(self.cell(case, name) for case in self.cases)} |"
            for name in self.figures()
        ]
        return "\n".join(lines) + "\n"

    def table(self) -> Table:
        """The same for a terminal."""
        table = Table(title=", ".join(self.machine.values()) or None)
        if self.is_row_a_case:
            table.add_column("case")
            for name in self.figures():
                table.add_column(f"{name} {FIGURES[name].unit}".strip(), justify="right")
            for case in self.cases:
                table.add_row(case, *(self.cell(case, name) for name in self.figures()))
            return table
        table.add_column("figure")
        for case in self.cases:
            table.add_column(case, justify="right")
        table.add_column("unit")
        for name in self.figures():
            cells = (self.cell(case, name) for case in self.cases)
            table.add_row(name, *cells, FIGURES[name].unit)
        return table

    def legend(self) -> str:
        """What each figure is, a line each."""
        return "\n".join(f"{name}: {FIGURES[name].doc}" for name in self.figures())


def load_cases(text: str, source: str) -> Cases:
    """The cases in the JSON of an earlier report; raises `Invalid` for anything else."""
    try:
        cases = json.loads(text)["cases"]
        return {case: {name: float(value) for name, value in figures.items()} for case, figures in cases.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"{source} is no report of this bench: {error!r}", hint="Make one with --json FILE") from error
