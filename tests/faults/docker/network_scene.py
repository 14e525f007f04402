"""What tests of games' networks have in common: games that listen, games that try, which tries are to succeed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.faults import walls

from dillinger_bench.client import RunnerClient
from dillinger_bench.house import House
from dillinger_bench.waiting import wait_until

PORT = 7788
INTERNET = 'kind = "internet"'
SERVER = """
import socket, sys
server = socket.create_server(("0.0.0.0", int(sys.argv[2])))
while True:
    link, _ = server.accept()
    link.sendall(sys.argv[1].encode())
    link.close()
"""
COUNTED_BYTES = 1 << 20
SENDER = """
import socket, sys, time
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try:
        link.sendto(bytes(1200), (sys.argv[1], int(sys.argv[2])))
    except ConnectionRefusedError:
        pass
    time.sleep(0.0005)
"""
OPEN_WITH_THE_INTERNET = {"have_a_way_to_any_network", "reach_the_internet"}


def add_game(house: House, game_id: str, network: str, source: Path, arguments: list[str]) -> Path:
    """A game that is one Python file; its folder."""
    folder = house.library_dir / game_id
    folder.mkdir(exist_ok=True)
    shutil.copyfile(source, folder / "guest.py")
    command = json.dumps(["/usr/bin/python3", "-I", "/game/guest.py", *arguments])
    (folder / "game.toml").write_text(
        f'schema = 1\ntitle = "{game_id}"\nkeeps_changes = false\n[launch]\nkind = "native"\ncommand = {command}\n'
        f"[display]\nneeds_window = false\n[network]\n{network}\n"
    )
    return folder


def begin(runner: RunnerClient, game_id: str, user_id: str) -> str:
    """A session of it."""
    view = runner.call("POST", "/sessions", {"gameId": game_id, "userId": user_id})
    return str(view["sessionId"])


def until_counted(runner: RunnerClient, *session_ids: str) -> dict[str, dict[str, Any]]:
    """Returns when much has been carried for each of them: the runner's words on every session."""

    def look() -> dict[str, dict[str, Any]] | None:
        rows = {row["sessionId"]: row for row in runner.call("GET", "/containers")["containers"]}
        asked = [rows[session_id] for session_id in session_ids]
        is_counted = all((row["gameNetworkBytes"] or 0) >= COUNTED_BYTES and row["cpuCores"] for row in asked)
        return rows if is_counted else None

    return wait_until(look, walls.END_TIMEOUT_S, "what the games have sent")


def until_ready(runner: RunnerClient, session_id: str) -> None:
    """Returns when it plays."""

    def look() -> bool:
        view = runner.call("GET", f"/sessions/{session_id}")
        assert view["state"] != "ended", view["end"]
        return bool(view["state"] == "ready")

    wait_until(look, walls.END_TIMEOUT_S, "a game that listens")
