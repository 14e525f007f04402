"""What a Windows game needs of its cell: Wine's template under the prefix, the library's runtimes for Proton.

The template is a folder of this machine, one for each Wine, made by `guests.wine_template`. Where an overlay
can be mounted the prefix is one, by `overlay`; else the cell sees the template and fills its prefix in from it.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from dillinger_contracts.session import SeatSpec
from dillinger_contracts.wine import RUNTIMES, RUNTIMES_FOLDER, WINE_TEMPLATE, WineLaunch
from dillinger_seat.guests.prefix import TIMESTAMP, wine_version
from dillinger_seat.guests.wine_settings import PREFIXES

OVERLAY_FILE = Path(__file__).with_name("overlay.py")
PYTHON = "/usr/bin/python3"
_PROBE_TIMEOUT_S = 10.0


def template_of(templates_dir: Path) -> Path | None:
    """This machine's template for the Wine that is installed; None where there is none yet."""
    version = wine_version()
    if version is None:
        return None
    template = templates_dir / version
    return template if (template / TIMESTAMP).is_file() else None


def templates_dir(spec: SeatSpec) -> Path | None:
    """Where the template is that this session could use; None where its cell has its own, or none would fit."""
    launch = spec.session.game.launch
    if not isinstance(launch, WineLaunch) or launch.architecture != "win64" or spec.isolation == "container":
        return None
    return None if spec.wine_templates_dir is None else Path(spec.wine_templates_dir)


def _template(spec: SeatSpec) -> Path | None:
    folder = templates_dir(spec)
    return None if folder is None else template_of(folder)


def template_path(spec: SeatSpec) -> str:
    """Where the cell of `spec` finds the template, if it has one."""
    if spec.isolation != "none":
        return WINE_TEMPLATE
    return str(_template(spec) or WINE_TEMPLATE)


def read_only_binds(spec: SeatSpec) -> tuple[tuple[str, str], ...]:
    """What a sandbox shows beside the game: (where it is, where it is in the cell)."""
    runtimes, template = Path(spec.library_dir) / RUNTIMES_FOLDER, _template(spec)
    binds = ((str(runtimes), RUNTIMES),) if runtimes.is_dir() else ()
    return binds if template is None else (*binds, (str(template), WINE_TEMPLATE))


def overlay_refusal() -> str | None:
    """Why this machine mounts no overlay for an ordinary user, found out by mounting one; None where it does."""
    with tempfile.TemporaryDirectory(prefix="dillinger-overlay-") as name:
        folder = Path(name)
        for part in ("template", "home"):
            (folder / part).mkdir()
        argv = [PYTHON, "-I", "-S", str(OVERLAY_FILE), str(folder / "template"), str(folder / "home"), "a/b", "true"]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            return str(error)
    return done.stdout.strip() or None


def over_template(spec: SeatSpec, argv: list[str]) -> list[str]:
    """`argv`, run where the player's prefix is an overlay of the template; as it is where there is no template."""
    launch, template = spec.session.game.launch, _template(spec)
    if template is None or not isinstance(launch, WineLaunch):
        return argv
    return [
        PYTHON, "-I", "-S", str(OVERLAY_FILE), str(template), spec.saves_dir, f"{PREFIXES}/{launch.prefix}", *argv,
    ]  # fmt: skip
