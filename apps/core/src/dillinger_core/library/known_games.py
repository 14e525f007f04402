"""The curated facts of `known_games.toml`, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import Field

from dillinger_contracts import DisplayConfiguration
from dillinger_contracts.launch import Argument, EnvironmentName
from dillinger_contracts.model import Model


class KnownGame(Model):
    """What is known of one program."""

    title: str | None = None
    summary: str | None = None
    requires: tuple[Path, ...] = ()
    requires_any: tuple[Path, ...] = ()
    command: tuple[Argument, ...] | None = None
    arguments: tuple[Argument, ...] = ()
    environment: dict[EnvironmentName, Argument] = Field(default_factory=dict)
    display: DisplayConfiguration = DisplayConfiguration()

    def is_complete(self) -> bool:
        """Whether the files that it needs are on this machine."""
        has_any = not self.requires_any or any(path.exists() for path in self.requires_any)
        return has_any and all(path.exists() for path in self.requires)


@cache
def known_games() -> dict[str, KnownGame]:
    """Program's file name → what is known of it."""
    document = tomllib.loads(Path(__file__).with_name("known_games.toml").read_text("utf-8"))
    return {program: KnownGame.model_validate(facts) for program, facts in document.items()}
