"""Puts the test card into a library: a folder per variant, each with its `game.toml` and a copy of the guest.

Pure but for the writing; what a variant is stands in `VARIANTS`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Variant:
    """One entry of the library that runs the test card."""

    game_id: str
    title: str
    arguments: tuple[str, ...] = ()
    width_px: int = 1280
    height_px: int = 720
    command: tuple[str, ...] = ("/usr/bin/python3", "-I", "testcard.py")
    """What is started, before `arguments`; a fault test names a program that is not there."""
    needs_window: bool = True
    desktop: str = "x11"
    resources: tuple[tuple[str, int | float], ...] = ()
    more: tuple[tuple[str, str | bool], ...] = ()
    """Other keys of the entry itself."""


_X11 = (
    Variant("testcard", "Test card"),
    Variant("testcard-idle", "Test card, standing still", ("--mode", "idle")),
    Variant("testcard-light", "Test card, a moving box", ("--mode", "light")),
    Variant("testcard-motion", "Test card, everything moves", ("--mode", "motion")),
    Variant("testcard-idle-1080", "Test card, standing still, 1080p", ("--mode", "idle"), 1920, 1080),
    Variant("testcard-light-1080", "Test card, a moving box, 1080p", ("--mode", "light"), 1920, 1080),
    Variant("testcard-motion-1080", "Test card, everything moves, 1080p", ("--mode", "motion"), 1920, 1080),
    Variant("testcard-tone", "Test card with a tone", ("--tone",)),
    Variant("testcard-beep", "Test card that flips and beeps at once", ("--mode", "idle", "--open-sound")),
    Variant("testcard-grab", "Test card that holds the pointer", ("--grab",)),
)
ON_WAYLAND = "-wayland"
"""What the ids end with of those variants that have a Wayland desktop."""
VARIANTS = (
    *_X11,
    *(
        replace(one, game_id=one.game_id + ON_WAYLAND, title=f"{one.title}, on Wayland", desktop="wayland")
        for one in _X11
        if one.arguments[:1] == ("--mode",)
    ),
)


def game_toml(variant: Variant) -> str:
    """The text of the variant's `game.toml`. TOML's basic strings and JSON's are the same for what is used here."""
    command = [*variant.command, *variant.arguments]
    lines = [
        "schema = 1",
        f"title = {json.dumps(variant.title)}",
        'summary = "Draws what it knows, to test and to measure with."',
        *(f"{name} = {json.dumps(value)}" for name, value in variant.more),
        "",
        "[launch]",
        'kind = "native"',
        f"command = {json.dumps(command)}",
        'directory = "game"',
        "",
        "[display]",
        f"desktop = {json.dumps(variant.desktop)}",
        f"width_px = {variant.width_px}",
        f"height_px = {variant.height_px}",
        f"needs_window = {json.dumps(variant.needs_window)}",
    ]
    if variant.resources:
        lines += ["", "[resources]", *(f"{name} = {value}" for name, value in variant.resources)]
    return "\n".join(lines) + "\n"


def install(library_dir: Path, variants: Sequence[Variant] = VARIANTS) -> list[Path]:
    """Writes the variants' folders, over what is there; the folders are returned."""
    folders = []
    with resources.as_file(resources.files(__package__).joinpath("guest.py")) as guest:
        for variant in variants:
            folder = library_dir / variant.game_id
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "game.toml").write_text(game_toml(variant), "utf-8")
            shutil.copyfile(guest, folder / "testcard.py")
            (folder / "testcard.py").chmod(0o755)
            folders.append(folder)
    return folders
