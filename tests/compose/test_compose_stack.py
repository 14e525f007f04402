"""The production stack on a real engine: it is healthy and locked down, and plays a game in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.compose.stack import Stack

from dillinger_bench.target import Target
from dillinger_bench.viewer import Viewer, new_context, open_browser
from dillinger_bench.waiting import wait_until

WAIT_S = 60
DOOM = """\
schema = 1
title = "Doom"
[launch]
kind = "native"
command = ["/usr/games/chocolate-doom", "-iwad", "/usr/share/games/doom/freedoom1.wad"]
[launch.environment]
SDL_RENDER_DRIVER = "software"
[display]
width_px = 640
height_px = 480
"""
ASK = """\
import sys
from http.client import HTTPConnection
connection = HTTPConnection("runner", 3002, timeout=20)
connection.request("GET", "/sessions", headers={"Authorization": f"Bearer {sys.argv[1]}"})
print(connection.getresponse().status)
"""


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["Destination"]: mount["Source"] for mount in container["Mounts"]}


def test_the_stack_is_healthy_and_only_the_runner_has_the_engine(stack: Stack) -> None:
    core, runner, postgres = (stack.inspect(name) for name in ("core", "runner", "postgres"))
    for container in (core, runner, postgres):
        assert container["State"]["Health"]["Status"] == "healthy"
        assert container["Config"]["User"] == "1000:1000"
        assert container["HostConfig"]["ReadonlyRootfs"] is True
        assert container["HostConfig"]["CapDrop"] == ["ALL"]
        assert container["HostConfig"]["Privileged"] is False
    assert "/var/run/docker.sock" in mounts(runner)
    for other in (core, postgres):
        assert not any("docker.sock" in f"{target} {source}" for target, source in mounts(other).items())
    assert postgres["HostConfig"]["NetworkMode"] == "none"
    assert runner["NetworkSettings"]["Ports"] in ({}, {"3002/tcp": None, "3002/tcp6": None}, {"3002/tcp": None})


def test_the_key_of_the_settings_opens_the_runner_and_none_else(stack: Stack) -> None:
    key = stack.environment["DILLINGER_API_KEY"]
    for given, expected in ((key, "200"), (key[:-1] + "?", "403")):
        said = stack.run("exec", "-T", "core", "/opt/dillinger/bin/python", "-c", ASK, given)
        assert said.strip() == expected


@pytest.mark.browser
@pytest.mark.usefixtures("told")
def test_a_game_plays_in_the_stack_and_nothing_of_it_is_left(stack: Stack, tmp_path: Path) -> None:
    game = tmp_path / "doom"
    game.mkdir()
    (game / "game.toml").write_text(DOOM, "utf-8")
    stack.put_game(game)
    (tmp_path / "core").mkdir()
    (tmp_path / "core/first-login.json").write_text(stack.first_login(), "utf-8")
    target = Target(f"https://127.0.0.1:{stack.environment['DILLINGER_HTTPS_PORT']}", "", tmp_path, tmp_path)
    assert json.loads(stack.first_login())["name"] == "admin"
    with open_browser() as browser:
        viewer = Viewer(new_context(browser, ignore_https_errors=True).new_page(), target)
        viewer.login()
        wait_until(lambda: viewer.card_of("doom").count() > 0, 90, "the game in the library")
        viewer.click_play("doom")
        viewer.page.wait_for_url("**/play/*")
        viewer.wait_picture(WAIT_S)
        wait_until(lambda: viewer.sound_level() > 0.001, WAIT_S, "Doom's music")
        assert len(stack.containers_of_sessions()) == 2
        viewer.by_id("stop-game").click()
        viewer.by_id("stop-confirm").click()
        assert viewer.wait_end(WAIT_S) == "user_stop"
    wait_until(lambda: not stack.containers_of_sessions(), WAIT_S, "no container of the session")
    asked = ("psql", "-h", "/run/postgresql", "-U", "dillinger", "-Atc", "SELECT game_id, end_reason FROM sessions")
    assert stack.run("exec", "-T", "postgres", *asked).strip() == "doom|user_stop"
