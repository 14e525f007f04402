"""Whether a cell can be locked here: asked of the seat itself, whose `--probe` runs the real sandbox."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Sequence

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
        self._bad_until_s = 0.0

    @property
    def is_ok(self) -> bool:
        """Whether the last answer was good."""
        return self._finding is not None and self._finding.ok

    async def finding(self) -> Finding:
        """The answer; the first one takes as long as a cell takes to start."""
        async with self._lock:
            if self._finding is None or (not self._finding.ok and time.monotonic() > self._bad_until_s):
                self._finding = await asyncio.to_thread(_ask, self._command)
                self._bad_until_s = time.monotonic() + _BAD_FOR_S
            return self._finding


def _ask(command: list[str]) -> Finding:
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
        is_ok, isolation, problem, hint = said["ok"], said["isolation"], said.get("problem"), said.get("hint")
    except OSError as error:
        return Finding(name, False, f"{command[0]} can't be started: {error.strerror}", "Set seat_command")
    except subprocess.TimeoutExpired:
        return Finding(name, False, f"the sandbox did not answer within {_TIMEOUT_S:.0f} s", "See what bwrap hangs on")
    except (ValueError, KeyError, TypeError):
        tail = answer.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        return Finding(name, False, f"the seat did not answer its probe: {' '.join(tail)}", "Install Dillinger again")
    if is_ok is True:
        return Finding(name, True, f"games run in a sandbox ({isolation})")
    return Finding(name, False, str(problem or "the sandbox can't run"), str(hint) if hint else None)
