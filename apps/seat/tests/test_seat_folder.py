"""Games that write beside their own program, as real seats play them: kept for each player, the library untouched."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from dillinger_contracts.lifecycle import EndReason
from dillinger_saves.layout import GameSaves
from dillinger_saves.locks import alone
from dillinger_saves.measure import folder_bytes

PLAY = "cat /game/scores; echo ann 100 >> /game/scores; rm -f /game/readme; ls /game/readme; exit 5"


@pytest.fixture
def saves(rig: Any) -> GameSaves:
    saves = GameSaves(home=rig.saves_dir, side=rig.root / "layers")
    saves.make()
    rig.overrides["layer_dir"] = str(saves.side)
    (rig.game_dir / "scores").write_text("nobody\n")
    (rig.game_dir / "readme").write_text("read me\n")
    return saves


async def test_what_a_game_writes_beside_itself_is_there_the_next_time(rig: Any, saves: GameSaves) -> None:
    rig.start("/bin/sh", "-c", PLAY)
    end = await rig.ended()
    assert end.log_tail[0] == "nobody" and "No such file" in end.log_tail[1], rig.describe()
    assert (rig.game_dir / "scores").read_text() == "nobody\n" and (rig.game_dir / "readme").exists()
    assert (saves.changes / "scores").read_text() == "nobody\nann 100\n"
    assert rig.traces() == [] and saves.proof.is_file(), "the next start need not try whether it can be mounted"
    (rig.session_dir / "end.json").unlink()
    rig.start("/bin/sh", "-c", "cat /game/scores; ls /game; exit 5")
    assert (await rig.ended()).log_tail == ("nobody", "ann 100", "scores", "window.py")
    shutil.rmtree(saves.side)  # nothing in it is root's


async def test_a_game_may_be_told_to_leave_its_folder_alone(rig: Any, saves: GameSaves) -> None:
    rig.game["keeps_changes"] = False
    rig.start("/bin/sh", "-c", "echo x > /game/scores || exit 5")
    assert (await rig.ended()).exit_code == 5
    assert list(saves.changes.iterdir()) == []


async def test_saves_that_somebody_restores_are_not_played_with(rig: Any, saves: GameSaves) -> None:
    with alone(saves):
        rig.start("/bin/true")
        end = await rig.ended()
    assert end.reason is EndReason.REFUSED and "reset, exported or restored" in end.message


async def test_a_folder_that_is_filled_ends_the_game_before_the_disk_is_full(rig: Any, saves: GameSaves) -> None:
    """It writes as fast as it can, ignores being asked to stop, and tries to take the room without writing."""
    rig.resources["saves_bytes"] = 16 << 20
    taken = "fallocate -l 10M /game/all && echo took it; trap 'echo asked' TERM;"
    rig.start("/bin/sh", "-c", taken + " i=0; while :; do i=$((i+1)); head -c 4000000 /dev/zero > /game/f$i; done")
    end = await rig.ended()
    assert end.reason is EndReason.OUT_OF_DISK and "16 MiB" in end.message, rig.describe()
    assert "took it" not in end.log_tail
    assert not rig.has_printed("asked"), "it is ended at once, without a grace to write on in"
    assert folder_bytes(saves.changes) < 2 << 30, "what is written until the next look depends on the disk"
