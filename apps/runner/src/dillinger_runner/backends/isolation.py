"""Whether a cell can be locked here, and have the internet: asked of the seat itself, whose `--probe` runs the real
sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .base import Finding
from .processes import seat_environment

_BAD_FOR_S = 5.0
_TIMEOUT_S = 20.0


class IsolationProbe:
    """Remembers the answer: a good one for good, a bad one for seconds, so that a mend is soon seen."""

    def __init__(self, seat_command: Sequence[str]) -> None:
        self._command = [*seat_command, "--probe"]
        self._lock = asyncio.Lock()
        self._finding: Finding | None = None
        self.internet: Finding | None = None
        """The last answer about a sandbox with the internet; None where it was not tried."""
        self._bad_until_s = 0.0

    @property
    def is_ok(self) -> bool:
        """Whether the last answer was good."""
        return self._finding is not None and self._finding.ok

    async def finding(self, *, wants_internet: bool = False) -> Finding:
        """The answer; the first one takes as long as a cell takes to start. A bad one about the internet is asked again
        for who wants it."""
        async with self._lock:
            bad = not self.is_ok or (wants_internet and self.internet is not None and not self.internet.ok)
            found = self._finding
            if found is None or (bad and time.monotonic() > self._bad_until_s):
                answer = await asyncio.to_thread(_ask, self._command)
                self._finding = found = answer[0]
                self.internet = answer[1]
                self._bad_until_s = time.monotonic() + _BAD_FOR_S
            return found


def _ask(command: list[str]) -> tuple[Finding, Finding | None]:
    name = "isolation"
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            env=seat_environment(os.environ),
        )
        said = json.loads(answer.stdout)
        found = _read(name, said, f"games run in a sandbox ({said['isolation']})")
        internet = said.get("internet")
        if internet is None:
            return found, None
        told = _read("internet", internet, "games that want it get it, and nothing of this machine or its LAN")
        return found, replace(told, is_needed=False)
    except OSError as error:
        return Finding(name, False, f"{command[0]} can't be started: {error.strerror}", "Set seat_command"), None
    except subprocess.TimeoutExpired:
        return Finding(
            name, False, f"the sandbox did not answer within {_TIMEOUT_S:.0f} s", "See what bwrap hangs on"
        ), None
    except (ValueError, KeyError, TypeError):
        tail = answer.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        return Finding(
            name, False, f"the seat did not answer its probe: {' '.join(tail)}", "Install Dillinger again"
        ), None


def _read(name: str, said: Mapping[str, Any], good: str) -> Finding:
    """One answer of the seat's; raises KeyError for what is none."""
    hint = said.get("hint")
    if said["ok"] is True:
        return Finding(name, True, good)
    return Finding(name, False, str(said.get("problem") or "the sandbox can't run"), str(hint) if hint else None)
