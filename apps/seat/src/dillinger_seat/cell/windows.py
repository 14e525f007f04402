"""What a Windows game needs of its cell: Wine's template under the prefix, the library's runtimes for Proton.

The template is a folder of this machine, one for each Wine, which the runner has made ahead by `guests.wine_template`.
Where an overlay can be mounted the prefix is one, by `overlay`; else the cell sees the template and fills its prefix in
from it.
"""

from __future__ import annotations

from pathlib import Path

from dillinger_contracts.game import INSTALLED_PREFIX
from dillinger_contracts.session import SeatSpec
from dillinger_contracts.wine import RUNTIMES, RUNTIMES_FOLDER, WINE_TEMPLATE, WineLaunch
from dillinger_programs.wine import template_of
from dillinger_saves.layout import PREFIXES

from .game_folder import library_folder
from .layers import Layer


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


def prefix_layers(spec: SeatSpec) -> tuple[Layer, ...]:
    """The overlay that the player's prefix is; none where there is no template."""
    launch, template = spec.session.game.launch, _template(spec)
    if template is None or not isinstance(launch, WineLaunch):
        return ()
    installed = library_folder(spec) / INSTALLED_PREFIX
    lower = (str(installed), str(template)) if installed.is_dir() else (str(template),)
    upper, work = f"{PREFIXES}/{launch.prefix}", f"{PREFIXES}/.work/{launch.prefix}"
    return (Layer(lower=lower, base=spec.saves_dir, upper=upper, work=work),)
