"""What a player has of a game, and what can be done to it, as the runner's API says it."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from .model import WireModel
from .wine import PrefixName


class PrefixView(WireModel):
    """A Windows drive with its registry."""

    name: str
    kind: Literal["wine", "proton"]
    used_bytes: int
    is_current: bool | None
    """Whether it was last made ready by this machine's Wine; else the next start brings it up. None: not known."""


class SavesWork(WireModel):
    """Something that is being done to saves, and how far it is."""

    kind: Literal["reset", "export", "restore"]
    done_bytes: int
    total_bytes: int


class SavesView(WireModel):
    """One player's saves of one game."""

    used_bytes: int
    limit_bytes: int
    game_folder_bytes: int
    """Of these, what the game changed in its own folder."""
    prefixes: tuple[PrefixView, ...]
    is_played: bool
    work: SavesWork | None


class SavesReset(WireModel):
    """What is to be emptied."""

    part: Literal["everything", "game_folder", "prefix"]
    prefix: PrefixName | None = None
    """The prefix's name."""

    @model_validator(mode="after")
    def _names_its_prefix(self) -> SavesReset:
        if (self.part == "prefix") is (self.prefix is None):
            raise ValueError("a prefix is named where one is to be reset, and only there")
        return self
