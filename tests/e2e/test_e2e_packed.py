"""Games that come packed are added by their one command, and play."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e import packed_games

from dillinger_bench.house import House
from dillinger_bench.waiting import wait_until

START_S = 60.0
"""For a start under load; no figure."""


def add(house: House, path: Path, *arguments: str) -> str:
    """`dillinger games add`; what it said."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(house.root / "home"),
        "DILLINGER_STATE_DIR": str(house.state_dir),
        "DILLINGER_RUNTIME_DIR": str(house.runtime_dir),
        "DILLINGER_CONFIG": str(house.root / "dillinger.toml"),
    }
    command = [sys.executable, "-m", "dillinger", "games", "add", str(path), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ensure_plays(house: House, game_id: str, line: str) -> None:
    """Plays the game until its window shows and it has printed `line`."""
    with house.client() as client:
        wait_until(lambda: any(game["game_id"] == game_id for game in client.games()), START_S, f"{game_id} is there")
        session_id = client.play(game_id)["session_id"]
        log = house.target.session_dir(session_id) / "guest.log"
        client.wait_state(session_id, {"ready", "streaming"}, START_S)
        wait_until(lambda: line in log.read_text("utf-8", "replace"), START_S, line)
        client.stop(session_id)
        client.wait_state(session_id, {"ended"}, START_S)


@pytest.mark.parametrize("compression", ["gzip", pytest.param("zstd", marks=pytest.mark.full)])
def test_an_appimage_is_unpacked_once_and_plays(
    house: House, explained: list[House], tmp_path: Path, compression: str
) -> None:
    explained.append(house)
    file = tmp_path / f"Card_{compression}-1.0-x86_64.AppImage"
    packed_games.appimage(file, tmp_path, compression)
    assert "(AppImage, 64 bit) as native" in add(house, file, "--argument", "--fast")
    game_id = f"card-{compression}"
    folder = house.library_dir / game_id
    assert (folder / f".unpacked/{file.name}/usr/share/testcard.py").is_file()
    ensure_plays(house, game_id, f"started in /game/.unpacked/{file.name} as ./{file.name} with --fast")


@pytest.mark.full
def test_a_self_extracting_script_is_unpacked_and_what_it_would_start_plays(
    house: House, explained: list[House], tmp_path: Path
) -> None:
    explained.append(house)
    packed_games.makeself(tmp_path / "space-card.run", tmp_path)
    assert "starts start.sh" in add(house, tmp_path / "space-card.run", "--argument", "--fast")
    ensure_plays(house, "space-card", "started with --fast")


def test_the_folder_of_a_flatpak_plays_without_flatpak(house: House, explained: list[House], tmp_path: Path) -> None:
    explained.append(house)
    packed_games.flatpak(tmp_path / "active")
    assert "starts files/bin/space-card" in add(house, tmp_path / "active")
    ensure_plays(house, "card-in-space", "started as org.example.SpaceCard with its own files")
