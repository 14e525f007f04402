"""Rounds: which product is measured when, and what comes of all rounds. Pure.

Products take turns (A B C, A B C, …), so that whatever else the machine does meets all of them alike. A ratio is the
median of the rounds' own ratios, each of two measurements minutes apart, not the ratio of two medians.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from dillinger_bench.measure import Values

HELD_FPS = 50.0
"""A session that shows fewer frames a second in full motion is not held."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One measurement."""

    round: int
    size: str
    sessions: int
    product: str

    @property
    def case(self) -> str:
        """What is compared: size, and sessions where there are several."""
        return self.size if self.sessions == 1 else f"{self.size} ×{self.sessions}"


def plan(rounds: int, sizes: Sequence[str], sessions: Sequence[int], products: Sequence[str]) -> Iterator[Turn]:
    """All turns in order."""
    for number in range(rounds):
        for size in sizes:
            for count in sessions:
                for product in products:
                    yield Turn(number, size, count, product)


@dataclass(slots=True)
class Tally:
    """What was measured so far."""

    found: dict[Turn, Values] = field(default_factory=dict)

    def add(self, turn: Turn, values: Values) -> None:
        """Takes a measurement in."""
        self.found[turn] = values

    def of(self, case: str, product: str) -> dict[int, Values]:
        """Round → figures."""
        return {turn.round: found for turn, found in self.found.items() if (turn.case, turn.product) == (case, product)}

    @property
    def cases(self) -> list[str]:
        """In the order in which they came."""
        return list(dict.fromkeys(turn.case for turn in self.found))

    @property
    def products(self) -> list[str]:
        """In the order in which they came."""
        return list(dict.fromkeys(turn.product for turn in self.found))

    def medians(self, case: str, product: str) -> Values:
        """Of every figure, over the rounds that have it."""
        rounds = self.of(case, product).values()
        names = dict.fromkeys(name for values in rounds for name in values)
        return {name: median(values[name] for values in rounds if name in values) for name in names}

    def ratios(self, case: str, ours: str, theirs: str) -> Values:
        """Ours by theirs: the median of the rounds' ratios, of every figure that some round has of both."""
        one, other = self.of(case, ours), self.of(case, theirs)
        both = [(one[number], other[number]) for number in sorted(one.keys() & other.keys())]
        names = dict.fromkeys(name for values, _ in both for name in values)
        found: Values = {}
        for name in names:
            paired = [mine[name] / yours[name] for mine, yours in both if name in mine and yours.get(name)]
            if paired:
                found[name] = median(paired)
        return found


def least_favourable(ratios: Iterable[Values], catalogue: Mapping[str, bool]) -> Values:
    """For each figure the ratio to the better of several others: the greatest, or the least where more is better.

    `catalogue` tells of each figure whether more is better; a figure that it lacks is left out.
    """
    gathered: dict[str, list[float]] = {}
    for values in ratios:
        for name, value in values.items():
            gathered.setdefault(name, []).append(value)
    return {
        name: min(values) if catalogue[name] else max(values) for name, values in gathered.items() if name in catalogue
    }


def held(shown_fps: Mapping[int, float]) -> int:
    """How many sessions at once were held, of those counts that were tried: sessions → shown frames a second."""
    return max((count for count, fps in shown_fps.items() if fps >= HELD_FPS), default=0)
