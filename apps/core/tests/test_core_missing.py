"""What a native game lacks of libraries is told with where it may come from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dillinger_contracts import Game, NativeLaunch
from dillinger_core.library.missing import missing_libraries
from dillinger_programs.libraries import View

PROGRAM = Path(os.path.realpath("/usr/bin/ls"))


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A game whose program needs one library by another name."""
    (tmp_path / "game").mkdir()
    program = tmp_path / "game/start"
    program.write_bytes(PROGRAM.read_bytes().replace(b"libc.so.6\0", b"lib0.so.6\0"))
    return tmp_path


def lacks(library: Path, source: str) -> list[str]:
    launch = NativeLaunch(command=("./start",), libraries=source)
    return missing_libraries(library, Game(game_id="game", title="Game", launch=launch))


def test_a_runtime_that_has_it_is_offered_to_a_game_that_takes_none(library: Path) -> None:
    assert [one.partition(":")[0] for one in lacks(library, "auto")] == ["needs lib0.so.6"]
    folder = library / "runtimes/sniper/usr/lib/x86_64-linux-gnu"
    folder.mkdir(parents=True)
    shutil.copy(View().cached("libc.so.6")[0], folder / "lib0.so.6")
    for source in ("system", "game"):
        assert [one.endswith("; the runtime sniper has it") for one in lacks(library, source)] == [True]
    assert lacks(library, "auto") == lacks(library, "runtime/sniper") == []
    assert lacks(library, "runtime/soldier") == [
        "needs the runtime soldier: unpack it into the library's folder runtimes"
    ]
