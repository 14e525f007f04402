"""A player's own copy of a game's folder: what it takes over, and what it leaves alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dillinger_contracts import Exhausted, NotFound
from dillinger_saves.copying import copied_bytes, ensure_copy
from dillinger_saves.layout import GameSaves
from dillinger_saves.locks import InUse, alone, played

MOST = 1 << 20


@pytest.fixture
def game(tmp_path: Path) -> tuple[Path, GameSaves]:
    library = tmp_path / "library/old"
    (library / "data").mkdir(parents=True)
    (library / "old.exe").write_text("program")
    (library / "old.exe").chmod(0o755)
    (library / "data/high.scores").write_text("none")
    (library / "link").symlink_to("data/high.scores")
    saves = GameSaves.of(tmp_path / "saves", "ann", "old")
    saves.make()
    return library, saves


def test_a_copy_has_everything_and_is_its_players(game: tuple[Path, GameSaves]) -> None:
    library, saves = game
    assert ensure_copy(library, saves, most_bytes=MOST) == copied_bytes(saves) == len("program") + len("none")
    assert os.access(saves.copy / "old.exe", os.X_OK) and (saves.copy / "link").readlink() == Path("data/high.scores")
    (saves.copy / "data/high.scores").write_text("ann 100")
    (saves.copy / "old.exe").unlink()
    ensure_copy(library, saves, most_bytes=MOST)
    assert (saves.copy / "data/high.scores").read_text() == "ann 100"
    assert not (saves.copy / "old.exe").exists(), "what the player's game removed stays away"
    assert (library / "data/high.scores").read_text() == "none"


def test_a_game_that_was_updated_is_taken_over_but_for_what_its_player_changed(game: tuple[Path, GameSaves]) -> None:
    library, saves = game
    ensure_copy(library, saves, most_bytes=MOST)
    (saves.copy / "data/high.scores").write_text("ann 100")
    (library / "data/high.scores").write_text("none yet")
    (library / "old.exe").write_text("program 2")
    (library / "new.dat").write_text("new")
    (library / "link").unlink()
    ensure_copy(library, saves, most_bytes=MOST)
    assert (saves.copy / "old.exe").read_text() == "program 2" and (saves.copy / "new.dat").read_text() == "new"
    assert (saves.copy / "data/high.scores").read_text() == "ann 100"
    assert not os.path.lexists(saves.copy / "link")


def test_links_that_a_game_left_are_not_followed(game: tuple[Path, GameSaves], tmp_path: Path) -> None:
    library, saves = game
    ensure_copy(library, saves, most_bytes=MOST)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (saves.copy / "data/high.scores").unlink()
    (saves.copy / "data").rmdir()
    (saves.copy / "data").symlink_to(elsewhere)
    (library / "data/more").write_text("more")
    ensure_copy(library, saves, most_bytes=MOST)
    assert list(elsewhere.iterdir()) == []


def test_a_game_too_big_to_be_copied_is_told(game: tuple[Path, GameSaves]) -> None:
    library, saves = game
    (library / "big").write_bytes(bytes(MOST + 1))
    with pytest.raises(Exhausted, match="too big"):
        ensure_copy(library, saves, most_bytes=MOST)


def test_who_plays_and_who_resets_do_not_meet(game: tuple[Path, GameSaves]) -> None:
    _, saves = game
    with played(saves) as is_first, played(saves) as is_first_too:
        assert is_first and not is_first_too, "one cell at a time has the layer"
        with pytest.raises(InUse), alone(saves):
            pass
    with alone(saves), pytest.raises(InUse), played(saves):
        pass
    with pytest.raises(NotFound):
        GameSaves.of(Path("/saves"), "../bob", "old")
