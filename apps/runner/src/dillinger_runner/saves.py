"""A player's folders, made before a seat starts. Blocking."""

from __future__ import annotations

from pathlib import Path

from dillinger_contracts import SeatSpec
from dillinger_saves.layout import GameSaves


def saves_of(seat: SeatSpec) -> GameSaves | None:
    """The folders that this session keeps things in; None where it has no more than a home."""
    return None if seat.layer_dir is None else GameSaves(home=Path(seat.saves_dir), side=Path(seat.layer_dir))


def make_saves(seat: SeatSpec, *, owner: tuple[int, int] | None = None) -> None:
    """Makes what lacks of them; raises OSError."""
    saves = saves_of(seat)
    if saves is None:
        Path(seat.saves_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        saves.make(owner=owner)
