"""A game in a container that writes beside its own program: kept for its player, and the library stays as it is."""

from __future__ import annotations

import os
from typing import Any

from tests import container_engine

from dillinger_bench.house import House
from dillinger_bench.testcard.install import Variant, install
from dillinger_bench.waiting import wait_until
from dillinger_saves.layout import GameSaves

END_TIMEOUT_S = 90.0
SCRIPT = "cat /game/kept; echo played >> /game/kept && echo wrote; rm /game/testcard.py; exit 5"


def test_what_it_writes_is_there_the_next_time(house: House) -> None:
    command = ("/bin/sh", "-c", SCRIPT)
    [folder] = install(house.library_dir, [Variant("fault-folder", "Writes", command=command, needs_window=False)])
    (folder / "kept").write_text("new\n")
    uid, gid = (int(number) for number in container_engine.USER.split(":"))
    for path in (folder, *folder.iterdir()):  # who runs the tests may not be who runs games
        os.chown(path, uid, gid)
    for number in range(2):
        with house.runner_client() as client:
            session_id = client.call("POST", "/sessions", {"gameId": "fault-folder", "userId": "zoe"})["sessionId"]

            ends: list[dict[str, Any]] = []

            def has_ended(path: str = f"/sessions/{session_id}", ends: list[dict[str, Any]] = ends) -> bool:
                ends[:] = [client.call("GET", path)["end"]]
                return bool(ends[0])

            wait_until(has_ended, END_TIMEOUT_S, "the session's end")
            [found] = ends
            assert found["exitCode"] == 5, found
            said = found["logTail"]
        assert said[: 2 + number] == ["new", *["played"] * number, "wrote"], "as it was left, and written again"
    saves = GameSaves.of(house.state_dir / "saves", "zoe", "fault-folder")
    assert (saves.changes / "kept").read_text() == "new\nplayed\nplayed\n"
    assert (folder / "kept").read_text() == "new\n" and (folder / "testcard.py").exists()
    assert container_engine.inventory(house.state_dir)["containers"] == 0
    assert [one for one in container_engine.asked(lambda engine: engine.our_volumes()) if one == session_id] == []
