"""Hostile and broken libraries: what is told, and that nothing outside is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dillinger_contracts import Invalid, NotFound
from dillinger_runner.library import LIMIT_BYTES, Library

GOOD = 'schema = 1\ntitle = "Doom"\n[launch]\nkind = "native"\ncommand = ["doom"]\n'


@pytest.fixture
def library(tmp_path: Path) -> Library:
    root = tmp_path / "library"
    (root / "doom").mkdir(parents=True)
    (root / "doom/game.toml").write_text(GOOD)
    return Library(root)


def test_a_game_is_read_with_its_folders_name_as_its_id(library: Library) -> None:
    assert library.game("doom").title == "Doom"
    assert library.game("doom").game_id == "doom"


@pytest.mark.parametrize(
    "game_id",
    ["../doom", "..", ".", "", "doom/", "/etc", "doom\x00", "Doom", "a" * 65, "doom/../doom", "-", "dоom", "nothere"],
)
def test_ids_that_are_no_games_find_nothing(library: Library, game_id: str) -> None:
    with pytest.raises(NotFound):
        library.game(game_id)


def test_links_out_of_the_library_are_not_followed(library: Library, tmp_path: Path) -> None:
    """Neither a folder nor a file that is a link is read, whatever it points at."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "game.toml").write_text(GOOD)
    (library.root / "folder").symlink_to(outside)
    with pytest.raises(NotFound):
        library.game("folder")
    (library.root / "file").mkdir()
    (library.root / "file/game.toml").symlink_to(outside / "game.toml")
    with pytest.raises(Invalid, match="can't be read"):
        library.game("file")


def test_what_is_no_plain_file_is_refused_and_does_not_hang(library: Library) -> None:
    (library.root / "pipe").mkdir()
    os.mkfifo(library.root / "pipe/game.toml")
    with pytest.raises(Invalid, match="not a plain file"):
        library.game("pipe")
    (library.root / "dir/game.toml").mkdir(parents=True)
    with pytest.raises(Invalid, match="not a plain file"):
        library.game("dir")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'title = "x\n', "line 1"),
        (b"\xff\xfe", "not UTF-8"),
        (b'schema = 1\ntitle = "x"\n', "launch: Field required"),
        (GOOD.encode() + b"extra = 1\n", "launch.native.extra"),
        (GOOD.replace("1", '"one"').encode(), "schema"),
        (GOOD.replace('["doom"]', '[""]').encode(), "launch.native.command"),
        (b"a = " + b"[" * 100_000, "not TOML|nested too deeply"),
        (b"# " + b"x" * LIMIT_BYTES, "bigger than"),
    ],
)
def test_a_broken_file_is_told_with_its_place(library: Library, text: bytes, says: str) -> None:
    (library.root / "doom/game.toml").write_bytes(text)
    with pytest.raises(Invalid, match=says):
        library.game("doom")
