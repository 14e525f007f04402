"""Overlays of a cell: what is mounted over what, and whether this machine mounts them, found out by mounting.

The mounting itself is `overlay.py`'s, a program of its own.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from dillinger_contracts.cell import PYTHON

OVERLAY_FILE = Path(__file__).with_name("overlay.py")
_PROBE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Layer:
    """One overlay. Paths are the machine's; `upper` and `work` are below `base`."""

    lower: tuple[str, ...]
    """What lies below, the uppermost first."""
    base: str
    upper: str
    work: str
    target: str | None = None
    """Where the whole is mounted; over the upper layer where not said."""
    is_needed: bool = False
    """Whether the cell can't be without it."""


def over(layers: tuple[Layer, ...], argv: list[str]) -> list[str]:
    """`argv`, run where these are mounted."""
    return [*_stage(layers), *argv] if layers else argv


def _stage(layers: tuple[Layer, ...]) -> list[str]:
    return [PYTHON, "-I", "-S", str(OVERLAY_FILE), json.dumps([asdict(layer) for layer in layers])]


def refusal(layer: Layer) -> str | None:
    """Why `layer` can't be mounted here, found out by mounting it; None where it can. Blocking."""
    try:
        done = subprocess.run(_stage((layer,)), capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None if done.returncode == 0 else done.stdout.strip() or done.stderr.strip()[-300:] or "no word of why"


def overlay_refusal() -> str | None:
    """Why this machine mounts no overlay for an ordinary user; None where it does."""
    with tempfile.TemporaryDirectory(prefix="dillinger-overlay-") as name:
        for part in ("lower", "base"):
            (Path(name) / part).mkdir()
        return refusal(Layer(lower=(f"{name}/lower",), base=f"{name}/base", upper="upper", work="work"))
