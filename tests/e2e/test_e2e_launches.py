"""Free games of several kinds start from the library, show a picture and end as asked, with nothing of them left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from dillinger_bench.house import House
from dillinger_bench.launches import Player
from dillinger_bench.subjects import SUBJECTS, Subject

pytestmark = pytest.mark.browser

PLAYED = tuple(one for one in SUBJECTS if one.game_id in ("etr", "openttd", "org.gnome.mines", "supertux2"))
"""The others are played by tests of their own."""


def subjects(*, long: tuple[str, ...]) -> list[Any]:
    """Those to play, of which `long` are played in the full run only."""
    return [pytest.param(one, id=one.game_id, marks=[pytest.mark.full] * (one.game_id in long)) for one in PLAYED]


@pytest.fixture(scope="module")
def player(house: House, browser: Browser) -> Iterator[Player]:
    player = Player(house.target, browser)
    yield player
    player.close()


def play_and_end(player: Player, subject: Subject) -> None:
    """A session that shows nothing, ends otherwise than asked or leaves something behind raises what it was."""
    assert player.play(subject) > 0


@pytest.mark.parametrize("subject", subjects(long=("supertux2",)))
def test_it_shows_a_picture_and_ends_as_asked(
    player: Player, subject: Subject, explained: list[House], house: House
) -> None:
    explained.append(house)
    play_and_end(player, subject)
