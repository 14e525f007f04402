"""The same free games in containers, whose image has them."""

from __future__ import annotations

import pytest
from tests.e2e.test_e2e_launches import play_and_end, player, subjects

from dillinger_bench.house import House
from dillinger_bench.launches import Player
from dillinger_bench.subjects import Subject

__all__ = ["player"]

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("subject", subjects(long=("supertux2",)))
def test_it_shows_a_picture_and_ends_as_asked(
    player: Player, subject: Subject, explained: list[House], house: House
) -> None:
    explained.append(house)
    play_and_end(player, subject)
