"""A player's microphone, from Chromium's own test device to a program in the cell that records it."""

from __future__ import annotations

import array
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

RECORDER = "recorder"
RECORD = 'parec --raw --latency-msec=50 --format=s16le --rate=48000 --channels=1 > "$HOME/voice.raw" & exec "$@"'
LOUD = 1000
"""Of 32767; Chromium's test device beeps once a second."""


@pytest.fixture
def voice(house: House) -> Iterator[Path]:
    """A game that records what it hears; where its record is."""
    library = house.target.state_dir / "library"
    folder = library / RECORDER
    shutil.copytree(library / "testcard-idle", folder)
    game = folder / "game.toml"
    text = game.read_text("utf-8").replace("command = [", f"command = ['/bin/sh', '-c', '{RECORD}', 'sh', ")
    game.write_text(text, "utf-8")
    with house.client() as client:
        wait_until(lambda: any(each["game_id"] == RECORDER for each in client.games()), 30, "the recorder")
    yield house.target.state_dir / "saves/admin" / RECORDER / "voice.raw"
    shutil.rmtree(folder)


def loudest(record: Path, start: int) -> int:
    data = record.read_bytes()[start:] if record.is_file() else b""
    return max(map(abs, array.array("h", data[: len(data) & ~1])), default=0)


def test_the_game_hears_its_player_while_the_microphone_is_on(viewer: Viewer, voice: Path) -> None:
    viewer.play(RECORDER)
    wait_until(voice.is_file, 20, "the record")
    assert loudest(voice, 0) == 0, "nobody asked for the microphone"
    viewer.click_in_bar("microphone-button")
    wait_until(lambda: loudest(voice, 0) > LOUD, 30, "a voice in the game")
    viewer.click_in_bar("microphone-button")
    button = viewer.by_id("microphone-button")
    wait_until(lambda: button.get_attribute("aria-pressed") == "false", 30, "the muted microphone")
    # What is under way comes to an end; then the record grows by silence alone, longer than from one beep to the next.
    quiet_from = voice.stat().st_size

    def is_silent() -> bool:
        nonlocal quiet_from
        size = voice.stat().st_size
        if loudest(voice, quiet_from):
            quiet_from = size
        return size - quiet_from >= 2 * 48_000

    wait_until(is_silent, 30, "silence in the game")
