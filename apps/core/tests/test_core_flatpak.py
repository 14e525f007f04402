"""What a Flatpak's folder says of how it starts, and what is said where its files are not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.e2e.packed_games import flatpak

from dillinger_contracts import Game, Invalid, NativeLaunch, Unsupported
from dillinger_core.library.flatpak import Flatpak, flatpak_of, parse_metadata
from dillinger_core.library.found_games import find_games
from dillinger_core.library.needs import unmet
from dillinger_core.library.proposal import choose, propose
from dillinger_core.library.survey import survey


def test_it_starts_what_its_metadata_say(tmp_path: Path) -> None:
    flatpak(tmp_path / "active")
    found = survey(tmp_path, "active")
    assert found.flatpak == Flatpak(
        "org.example.SpaceCard", "space-card", "org.freedesktop.Platform/x86_64/23.08", "Card in Space"
    )
    game = propose(found, choose(found))
    assert (game.title, game.launch.kind) == ("Card in Space", "native")
    assert isinstance(game.launch, NativeLaunch)
    assert game.launch.command == ("./files/bin/space-card",)
    assert game.launch.environment["LD_LIBRARY_PATH"] == "/game/files/lib"


def test_one_whose_files_are_elsewhere_is_refused_with_where_they_are(tmp_path: Path) -> None:
    flatpak(tmp_path / "active")
    shutil.rmtree(tmp_path / "active/files")
    (tmp_path / "active/metadata").unlink()
    with pytest.raises(Unsupported, match=r"org\.example\.SpaceCard\.desktop.*not their files") as told:
        choose(survey(tmp_path, "active"))
    assert "current/active" in (told.value.hint or "")
    assert find_games([tmp_path / "active/export/share/applications"], []) == {}


def test_what_its_runtime_would_bring_is_said_to_be_lacking(tmp_path: Path) -> None:
    flatpak(tmp_path / "card")
    program = tmp_path / "card/files/bin/space-card"
    program.write_bytes(Path(os.path.realpath("/usr/bin/ls")).read_bytes().replace(b"libc.so.6\0", b"lib0.so.6\0"))
    game = Game(game_id="card", title="Card", launch=NativeLaunch(command=("./files/bin/space-card",)))
    first, second = unmet(tmp_path, game)
    assert first.startswith("needs lib0.so.6") and "org.freedesktop.Platform/x86_64/23.08" in second


@pytest.mark.parametrize(
    "text", ["", "[Runtime]\nname=org.x\n", "[Application]\nname=../x\n", "[Application]\ncommand=x"]
)
def test_other_metadata_are_none(text: str) -> None:
    with pytest.raises(Invalid):
        parse_metadata(text)


@given(st.text(max_size=300))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_metadata_are_read_or_refused(text: str) -> None:
    try:
        found = parse_metadata("[Application]\nname=org.x\n" + text)
    except Invalid:
        return
    assert "/" not in found.command and found.program.startswith("files/bin/")


def test_a_folder_without_metadata_is_none(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    assert flatpak_of(tmp_path) is None
    (tmp_path / "metadata").symlink_to("/etc/passwd")
    assert flatpak_of(tmp_path) is None
