"""Keys that no keyboard has, lent to characters that no key of the layout writes. Pure; time is an argument.

A program looks up what a key means when it comes to the key's event, which may be late: so the key that was used the
longest ago is the next to be lent to another character, once it has rested.
"""

from __future__ import annotations

from collections.abc import Iterable

_UNICODE = 0x0100_0000
REST_S = 0.25
"""What a program may take to come to an event."""


def keysym_of(code_point: int) -> int:
    """X's number for a character: Latin-1 as it is, others marked as Unicode (X11 protocol, appendix A)."""
    is_latin_1 = 0x20 <= code_point <= 0x7E or 0xA0 <= code_point <= 0xFF
    return code_point if is_latin_1 else _UNICODE | code_point


class SpareKeys:
    """Which of them writes what, and since when."""

    def __init__(self, codes: Iterable[int]) -> None:
        self._used_at_s: dict[int, float | None] = dict.fromkeys(codes)
        """The longest ago comes first."""
        self._lent: dict[int, int] = {}

    def __contains__(self, code: object) -> bool:
        return code in self._used_at_s

    def __len__(self) -> int:
        return len(self._used_at_s)

    @property
    def lent(self) -> dict[int, int]:
        """Character → the key that writes it."""
        return dict(self._lent)

    def wait_s(self, code_point: int, now_s: float) -> float:
        """How long until there is a key for it; 0 for now. Some key has to be there."""
        if code_point in self._lent:
            return 0.0
        used_at_s = next(iter(self._used_at_s.values()))
        return 0.0 if used_at_s is None else max(used_at_s + REST_S - now_s, 0.0)

    def take(self, code_point: int, now_s: float) -> tuple[int, bool]:
        """The key that writes it, rested or not, and whether that is news. Some key has to be there."""
        code = self._lent.get(code_point)
        is_new = code is None
        if code is None:
            code = next(iter(self._used_at_s))
            self._lent = {other: key for other, key in self._lent.items() if key != code} | {code_point: code}
        del self._used_at_s[code]
        self._used_at_s[code] = now_s
        return code, is_new

    def forget(self) -> None:
        """The keys mean nothing any more: somebody else has set up the keyboard."""
        self._lent.clear()
