"""Games in the library by the command line: added, listed, looked at, removed, with errors that say what to do."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.cli.test_cli_commands import dillinger

from dillinger_saves.layout import GameSaves
from dillinger_saves.locks import played


def test_a_game_comes_and_goes(tmp_path: Path) -> None:
    folder = tmp_path / "Space_Race-1.2"
    folder.mkdir()
    shutil.copy(Path(sys.executable).resolve(), folder / "spacerace")
    here = {"DILLINGER_STATE_DIR": str(tmp_path / "state"), "DILLINGER_CALLED_IN": str(tmp_path)}
    added = dillinger("games", "add", "Space_Race-1.2", "--argument", "--fast", **here)
    assert added.returncode == 0 and "Space Race is in the library as space-race" in added.stdout, added.stderr
    assert 'command = ["./spacerace", "--fast"]' in (tmp_path / "state/library/space-race/game.toml").read_text()
    listed = dillinger("games", "list", **here)
    assert "space-race" in listed.stdout and "native" in listed.stdout
    assert dillinger("games", "network", "space-race", "lan:friday", **here).stdout.strip() == "lan:friday"
    assert dillinger("games", "network", "space-race", **here).stdout.strip() == "lan:friday"
    assert '[network]\nkind = "lan"\nname = "friday"' in (tmp_path / "state/library/space-race/game.toml").read_text()
    (tmp_path / "state/library/space-race/spacerace").unlink()
    checked = dillinger("games", "check", **here)
    assert checked.returncode == 1 and "spacerace is not there" in checked.stdout
    assert dillinger("games", "remove", "space-race", **here).returncode == 0
    assert not (tmp_path / "state/library/space-race").exists()
    for arguments, words in (
        (("remove", "space-race"), "no such game"),
        (("network", "space-race", "internet"), "no such game"),
        (("add", "nowhere"), "nowhere can't be read"),
        (("add", "Space_Race-1.2", "--exe", "other"), "There is spacerace"),
        (("add", "Space_Race-1.2", "--id", "../up"), "game_id"),
    ):
        refused = dillinger("games", *arguments, **here)
        assert refused.returncode == 1 and words in refused.stderr and "Traceback" not in refused.stderr, refused.stderr


def test_saves_go_out_come_in_and_are_reset(tmp_path: Path) -> None:
    saves = GameSaves.of(tmp_path / "state/saves", "ann", "old")
    saves.make()
    (saves.home / "level").write_text("5")
    here = {"DILLINGER_STATE_DIR": str(tmp_path / "state"), "DILLINGER_CALLED_IN": str(tmp_path)}
    assert "ann: " in dillinger("games", "saves", "old", **here).stdout
    exported = dillinger("games", "export", "old", "old.zip", **here)
    assert exported.returncode == 0 and (tmp_path / "old.zip").is_file(), exported.stderr
    with played(saves):
        refused = dillinger("games", "reset", "old", **here)
    assert refused.returncode == 1 and "being played" in refused.stderr and (saves.home / "level").exists()
    assert dillinger("games", "reset", "old", **here).returncode == 0
    assert list(saves.home.iterdir()) == []
    imported = dillinger("games", "import", "old", "old.zip", "--user", "ann", **here)
    assert imported.returncode == 0 and (saves.home / "level").read_text() == "5", imported.stderr
    for arguments, words in (
        (("export", "old", "old.zip"), "already"),
        (("reset", "old", "--prefix", "default"), "no prefix"),
        (("saves", "old", "--user", "../.."), "Nobody"),
    ):
        wrong = dillinger("games", *arguments, **here)
        assert wrong.returncode == 1 and words in wrong.stderr and "Traceback" not in wrong.stderr, wrong.stderr
