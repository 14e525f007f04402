"""The same free games in containers, whose image has them."""

from __future__ import annotations

import pytest
from tests.e2e.test_e2e_launches import PLAYED, play_and_end, player

from dillinger_bench.house import House
from dillinger_bench.launches import Player, Subject

__all__ = ["player"]

pytestmark = pytest.mark.browser

LONG = ("openttd", "supertux2")


@pytest.mark.parametrize(
    "subject",
    [pytest.param(one, id=one.game_id, marks=[pytest.mark.full] * (one.game_id in LONG)) for one in PLAYED],
)
def test_it_shows_a_picture_and_ends_as_asked(
    player: Player, subject: Subject, explained: list[House], house: House
) -> None:
    explained.append(house)
    play_and_end(player, subject)
