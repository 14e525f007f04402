"""What people who only watch cost the one who plays: nobody, one, and four of which one reads too slowly, in turns.

Watchers take the stream and decode nothing: a browser each on the same cores would be counted as a cost of Dillinger.
Blocking; one thread a watcher.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import median

from dillinger_contracts.errors import DillingerError, Unavailable

from .client import CoreClient
from .measure import CASES, Bench, Values
from .report import Cases
from .stream_client import StreamClient
from .target import Target

SLOW_S = 0.2
"""Between two messages that the slow one reads."""
CROWDS: tuple[tuple[str, int, int], ...] = (("nobody watches", 0, 0), ("1 watches", 1, 0), ("4 watch, 1 slowly", 4, 1))
"""Name, watchers, how many of them are slow."""


def measure(bench: Bench, target: Target, rounds: int, window_s: float, tell: Callable[[str], None]) -> Cases:
    """The median of all rounds for each crowd."""
    found: dict[str, list[Values]] = {name: [] for name, _, _ in CROWDS}
    for number in range(rounds):
        for name, watchers, slow in CROWDS:
            tell(f"round {number + 1} of {rounds}: {name}")
            crowd = _Crowd(target, watchers, slow)
            try:
                values = bench.watched(CASES[0], crowd.watching)
            except DillingerError as error:
                tell(f"no figures of this turn: {error.message}")
                continue
            found[name].append(values | crowd.figures())
    if missing := [name for name, values in found.items() if not values]:
        raise Unavailable(f"No turn of “{missing[0]}” came to an end", hint="Is this machine busy with something else?")
    cases = {name: _medians(values) for name, values in found.items()}
    alone = cases[CROWDS[0][0]]
    for name, watchers, _ in CROWDS[1:]:
        more = sum(cases[name][part] - alone[part] for part in ("cpu_motion", "cpu_relay_motion"))
        cases[name]["cpu_watcher"] = more / watchers
    return cases


def _medians(rounds: Sequence[Values]) -> Values:
    names = {name for values in rounds for name in values}
    return {name: median(values[name] for values in rounds if name in values) for name in names}


class _Crowd:
    """Those who watch one session."""

    def __init__(self, target: Target, watchers: int, slow: int) -> None:
        self._target = target
        self._pauses_s = [SLOW_S] * slow + [0.0] * (watchers - slow)
        self._rates: list[tuple[float, float]] = []

    @contextmanager
    def watching(self, session_id: str) -> Iterator[None]:
        """They come, and go with the block."""
        with ExitStack() as stack:
            core = stack.enter_context(self._target.login())
            watchers = [_Watcher(core, session_id, pause_s) for pause_s in self._pauses_s]
            for watcher in watchers:
                stack.callback(watcher.end)
            began = time.monotonic()
            yield
            took_s = time.monotonic() - began
            self._rates = [(watcher.pause_s, watcher.pictures / took_s) for watcher in watchers]

    def figures(self) -> Values:
        """How many pictures they got a second."""
        quick = [rate for pause_s, rate in self._rates if not pause_s]
        slow = [rate for pause_s, rate in self._rates if pause_s]
        return ({"pictures_watcher": max(quick)} if quick else {}) | ({"pictures_slow": max(slow)} if slow else {})


class _Watcher:
    """Takes one stream on a thread of its own, `pause_s` after each message."""

    def __init__(self, core: CoreClient, session_id: str, pause_s: float) -> None:
        self.pause_s = pause_s
        self._stream = StreamClient(core, session_id)
        self._stream.hello(core.ticket(session_id, "viewer"))
        self._stream.wait_pictures(1)
        self._before = self._stream.pictures
        self._is_ending = False
        self._thread = threading.Thread(target=self._take, daemon=True)
        self._thread.start()

    @property
    def pictures(self) -> int:
        """Since it came."""
        return self._stream.pictures - self._before

    def end(self) -> None:
        """Lets go of the stream."""
        self._is_ending = True
        self._thread.join()
        self._stream.close()

    def _take(self) -> None:
        try:
            while not self._is_ending:
                self._stream.wait_pictures(1, timeout_s=30)
                if self.pause_s:
                    time.sleep(self.pause_s)
        except DillingerError:
            return
