"""The Protocol of a guest: the program that is played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class GuestExit:
    """How a guest ended; exactly one of code and signal is known, neither when its cell was gone first."""

    exit_code: int | None
    signal: str | None
    trouble: str | None = None
    """What it died of, as a clause, where something else than these tells."""

    @property
    def is_crash(self) -> bool:
        """Whether the program did not mean to end."""
        return self.trouble is not None or self.signal is not None or self.exit_code not in (0, None)


class Guest(Protocol):
    """One program on one desktop."""

    preparation: str | None
    """What the step is called that `prepare` is, where it takes a while."""

    @property
    def program(self) -> str:
        """The program's name, for people."""
        ...

    async def prepare(self) -> None:
        """Makes ready what the launch needs, while the display starts; raises `Unsupported` or `NotFound`."""
        ...

    async def launch(self, variables: dict[str, str]) -> None:
        """Starts it with what it needs to reach its desktop; raises `NotFound` or `Unsupported`."""
        ...

    async def wait(self) -> GuestExit:
        """Returns when it has ended."""
        ...

    async def quit(self, *, grace_s: float) -> None:
        """Asks it to end, makes it end after `grace_s`; idempotent."""
        ...
