"""A seat that waits in a container takes what it is handed, once."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from dillinger_contracts.handing import Handing
from dillinger_contracts.session import SeatSpec
from dillinger_contracts.wine import RUNTIMES
from dillinger_seat.cell.paths import cell_paths, runtimes_dir
from dillinger_seat.guests.libraries import runtime_folders
from dillinger_seat.warm import await_handing


@pytest.mark.parametrize("has_runtimes", [False, True])
async def test_a_container_takes_its_session_and_its_folders(rig: Any, root: Path, has_runtimes: bool) -> None:
    rig.overrides["isolation"] = "container"
    spec, runtime = rig.spec({"kind": "native", "command": ["true"]}), root / "runtime"
    runtime.mkdir()
    runtimes = Path(spec.library_dir) / "runtimes"
    (runtimes / "sniper/files/lib").mkdir(parents=True)
    paths = {"session_dir": spec.session_dir, "saves_dir": spec.saves_dir, "game": rig.game_dir}
    if has_runtimes:
        paths["runtimes"] = runtimes
    folders = [os.open(path, os.O_PATH | os.O_DIRECTORY) for path in paths.values()]
    waiting = asyncio.create_task(asyncio.to_thread(await_handing, runtime, root / "handed"))
    await asyncio.to_thread(rig.wait_file, runtime / "warm")
    with socket.socket(socket.AF_UNIX) as runner:
        runner.connect(str(runtime / "hand.sock"))
        text = Handing(spec=spec, folders=tuple(paths)).model_dump_json(by_alias=True)
        socket.send_fds(runner, [text.encode()], folders)
        runner.shutdown(socket.SHUT_WR)
        taken = await waiting
    assert taken is not None and taken.session == spec.session and taken.runtime_dir == str(runtime)
    look(taken, spec, runtime)
    look_at_runtimes(taken, has_runtimes=has_runtimes)
    for number in folders:
        os.close(number)


def look(taken: SeatSpec, spec: SeatSpec, runtime: Path) -> None:
    """The same folders by other names, and nothing left of the handing."""
    game_id = spec.session.game.game_id
    for path, was in (
        (taken.session_dir, spec.session_dir),
        (taken.saves_dir, spec.saves_dir),
        (f"{taken.library_dir}/{game_id}", f"{spec.library_dir}/{game_id}"),
    ):
        assert Path(path).samefile(was)
    assert list(runtime.iterdir()) == []


def look_at_runtimes(taken: SeatSpec, *, has_runtimes: bool) -> None:
    """A game that names one finds it as in a seat that was started for it, by the cell's own path."""
    if has_runtimes:
        assert runtime_folders(runtimes_dir(taken), "sniper", cell_paths(taken)) == (f"{RUNTIMES}/sniper/files/lib",)
    else:
        assert not runtimes_dir(taken).exists()
