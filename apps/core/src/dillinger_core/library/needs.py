"""What would keep a game from starting, told before anybody tries: its program, and the libraries that it needs.

Seen from outside, through the eyes that a cell of this machine would have; a cell looks for itself when it starts.
Blocking: run in a thread.
"""

from __future__ import annotations

from pathlib import Path

from dillinger_contracts import Game, NativeLaunch, NotFound
from dillinger_contracts.wine import RUNTIMES_FOLDER
from dillinger_programs.kinds import identify_open
from dillinger_programs.wine import GET_32_BIT, has_32_bit, wine_loader

from . import volume
from .candidates import about
from .entries import program_path
from .flatpak import flatpak_of
from .missing import missing_libraries


def unmet(root: Path, game: Game) -> list[str]:
    """Each thing that is missing, as a sentence for people; empty when the game can be tried."""
    inside = program_path(game.launch)
    if inside is not None:
        try:
            with volume.opened(root / game.game_id, tuple(inside.split("/"))) as descriptor:
                program = identify_open(descriptor, name=inside)
        except NotFound:
            # A link inside the folder is none of ours to follow, and may well lead to the program.
            return [] if (root / game.game_id / inside).is_symlink() else [f"its program {inside} is not there"]
        if program is None:
            return [f"{inside} is no program"]
        if game.launch.kind == "native" and program.system != "linux":
            return [f"{inside} is no Linux program, but a {about(program)}: start it as wine"]
        if game.launch.kind == "wine" and program.system != "windows":
            return [f"{inside} is no Windows program, but a {about(program)}: start it as native"]
        if game.launch.kind == "wine" and program.bits == 32 and wine_loader() and not has_32_bit():
            return [f"{inside} is a 32-bit program, and the Wine here starts 64-bit ones only: {GET_32_BIT}"]
    if not isinstance(game.launch, NativeLaunch):
        return []
    lacks = missing_libraries(root, game)
    flatpak = flatpak_of(root, game.game_id) if lacks else None
    if flatpak is None:
        return lacks
    return [*lacks, f"is a Flatpak for {flatpak.runtime}: unpack that into the library's folder {RUNTIMES_FOLDER}"]
