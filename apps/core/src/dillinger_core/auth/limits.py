"""How often one may be wrong: counts failures per key in a sliding window. Pure; the clock is an argument."""

from __future__ import annotations

from collections import OrderedDict, deque

from dillinger_contracts import Exhausted

_MAX_KEYS = 10_000


class TooManyAttempts(Exhausted):
    """Too many failures; says when the next try is heard."""

    def __init__(self, retry_after_s: float, *, what: str) -> None:
        super().__init__(
            f"Too many failed {what}: wait before the next try",
            hint=f"Try again in {max(1, round(retry_after_s))} seconds",
        )
        self.retry_after_s = retry_after_s


class FailureLimit:
    """At most `limit` failures per key within `window_s` seconds; remembers the most recent keys only."""

    def __init__(self, *, limit: int, window_s: float, what: str = "logins") -> None:
        self._what = what
        self._limit = limit
        self._window_s = window_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str, *, now_s: float) -> None:
        """Raises `TooManyAttempts` when `key` has used up its failures."""
        failures = self._failures.get(key)
        if not failures:
            return
        while failures and failures[0] <= now_s - self._window_s:
            failures.popleft()
        if len(failures) >= self._limit:
            raise TooManyAttempts(failures[0] + self._window_s - now_s, what=self._what)

    def fail(self, key: str, *, now_s: float) -> None:
        """Counts a failure of `key`."""
        failures = self._failures.setdefault(key, deque(maxlen=self._limit))
        failures.append(now_s)
        self._failures.move_to_end(key)
        while len(self._failures) > _MAX_KEYS:
            self._failures.popitem(last=False)

    def take_back(self, key: str) -> None:
        """Takes one failure of `key` back: what was counted before the outcome was known turned out well."""
        failures = self._failures.get(key)
        if failures:
            failures.pop()

    def forget(self, key: str) -> None:
        """Clears what `key` did: it was right."""
        self._failures.pop(key, None)
