"""The internet of a sandbox whose game is given it: how it is asked for, and whether this machine can give it.

The giving itself is `internet.py`'s, a program of its own; what is shut out is said by `dillinger_contracts.network`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dillinger_contracts.cell import PYTHON

INTERNET_FILE = Path(__file__).with_name("internet.py")
_TUN = Path("/dev/net/tun")
_TOOLS = "/usr/sbin:/sbin:/usr/bin:/bin"


class WayOut:
    """One sandbox's; none at all without walls. What carries its packets ends with this, and with who holds it."""

    def __init__(self, walls: str | None) -> None:
        self._walls = walls
        self._ends: tuple[int, ...] = () if walls is None else os.pipe()

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors that the sandbox's program has to inherit."""
        return self._ends[:1]

    def over(self, argv: list[str]) -> list[str]:
        """`argv`, run in a network that leads to the internet and nowhere else."""
        if self._walls is None:
            return argv
        return [PYTHON, "-I", "-S", str(INTERNET_FILE), self._walls, str(self._ends[0]), *argv]

    def close(self) -> None:
        """Idempotent."""
        ends, self._ends = self._ends, ()
        for descriptor in ends:
            os.close(descriptor)


def lacking(*, tun: Path = _TUN, path: str = _TOOLS) -> tuple[str, str] | None:
    """What this machine lacks for it, and what to do; None where trying is worth it."""
    for program, package in (("slirp4netns", "slirp4netns"), ("nft", "nftables")):
        if shutil.which(program, path=path) is None:
            return f"{program} is not installed", f"apt install {package}"
    if not os.access(tun, os.R_OK | os.W_OK):
        return f"{tun} can't be opened by this user", f"modprobe tun, and chmod 666 {tun} (which udev does elsewhere)"
    return None
