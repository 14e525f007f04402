"""What every way to start a game is made of: words of a command line, variables, and which of them are the cell's own.

A word is a hostile file's word: bounded, without NUL, and never handed to a shell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

Argument = Annotated[str, StringConstraints(min_length=0, max_length=4096, pattern=r"^[^\x00]*$")]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)]

_RESERVED = frozenset({"LD_PRELOAD", "LD_AUDIT", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "PULSE_SERVER", "HOME"})


def _has_program(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value[0].strip():
        raise ValueError("the first word of a command is the program and can't be empty")
    return value


def refuse_reserved(value: Mapping[str, str], reserved: frozenset[str], prefixes: tuple[str, ...] = ()) -> None:
    """Raises ValueError, naming them, for variables that are not a game's to set."""
    taken = sorted(name for name in value if name in _RESERVED | reserved or name.startswith(prefixes))
    if taken:
        raise ValueError(f"{', '.join(taken)} belongs to the cell and can't be set by a game")


def _keep_ours(value: dict[str, str]) -> dict[str, str]:
    refuse_reserved(value, frozenset())
    return value


Command = Annotated[
    tuple[Argument, ...],
    Field(min_length=1, max_length=256),
    AfterValidator(_has_program),
]
Environment = Annotated[dict[EnvironmentName, Argument], Field(max_length=128), AfterValidator(_keep_ours)]
