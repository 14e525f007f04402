"""The production stack on a real engine: it is healthy and locked down, and plays a game in a real browser."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError
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


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["Destination"]: mount["Source"] for mount in container["Mounts"]}


# A container on a bridge gives this machine one more network interface, and its Chromium then drops whatever it is just
# asking for (ERR_NETWORK_CHANGED). So it is asked again, as a person would.


def logged_in(browser: Browser, stack: Stack, folder: Path) -> Viewer | None:
    """A tab of a fresh profile in the library, or None."""
    note = folder / "core/first-login.json"
    note.parent.mkdir(exist_ok=True)
    note.unlink(missing_ok=True)
    if said := stack.first_login():
        note.write_text(said, "utf-8")
    context = new_context(browser, ignore_https_errors=True)
    viewer = Viewer(context.new_page(), Target(stack.url, "", folder, folder))
    try:
        viewer.login()
    except PlaywrightError:
        context.close()
        return None
    return viewer


def click_until_it_plays(viewer: Viewer) -> None:
    """A second click opens the session of the first."""

    def plays() -> bool:
        if "/play/" in viewer.page.evaluate("location.pathname"):
            return True
        viewer.click_play("doom")
        with contextlib.suppress(PlaywrightError):
            viewer.page.wait_for_url("**/play/*", timeout=15_000, wait_until="commit")
        return False

    wait_until(plays, 2 * WAIT_S, "the page of the session")


def asked(stack: Stack, path: str) -> Any:
    """What the runner answers."""
    return stack.ask_runner(path, stack.environment["DILLINGER_API_KEY"])[1]


def waiting_seat(stack: Stack) -> str | None:
    """The engine's id of the seat that waits."""
    pool = asked(stack, "/pool")
    assert "handed" not in pool["problem"], pool
    ids = [seat["seatId"] for seat in pool["seats"] if seat["state"] == "warm"]
    return container_id(stack, ids[0]) if ids else None


def container_id(stack: Stack, session_id: str) -> str:
    return stack.docker("inspect", "--format", "{{.Id}}", f"dillinger-{session_id}-seat").strip()


def assert_it_has_the_seat_that_waited(stack: Stack, waits: str) -> str:
    """The session's id."""
    [session] = asked(stack, "/containers")["containers"]
    assert container_id(stack, session["sessionId"]) == waits and asked(stack, "/pool")["given"] == 1
    return str(session["sessionId"])


def is_measured(stack: Stack) -> bool:
    """By files: where the engine has to be asked, the runner's probe says so."""
    [session] = asked(stack, "/containers")["containers"]
    if not session["cpuCores"] or not session["memoryBytes"] or session["gameNetworkBytes"] != 0:
        return False
    probe = stack.run("exec", "-T", "runner", "/opt/dillinger/bin/python", "-m", "dillinger_runner", "probe")
    return any("cgroups that are shown here" in finding["detail"] for finding in json.loads(probe)["findings"])


def stop_in_the_bar(viewer: Viewer) -> None:
    """The bar hides while the mouse rests."""

    def asked() -> bool:
        viewer.page.mouse.move(640, 300)
        viewer.page.mouse.move(640, 5)
        with contextlib.suppress(PlaywrightError):
            viewer.by_id("stop-game").click(timeout=2000)
        return viewer.by_id("stop-confirm").is_visible()

    wait_until(asked, WAIT_S, "the question whether to stop")
    viewer.by_id("stop-confirm").click()


def test_the_stack_is_healthy_and_only_the_runner_has_the_engine(stack: Stack) -> None:
    core, runner, postgres, proxy = (stack.inspect(name) for name in ("core", "runner", "postgres", "proxy"))
    for container in (core, runner, postgres, proxy):
        assert container["State"]["Health"]["Status"] == "healthy"
        assert container["Config"]["User"] == "1000:1000"
        assert container["HostConfig"]["ReadonlyRootfs"] is True
        assert container["HostConfig"]["CapDrop"] == ["ALL"]
        assert container["HostConfig"]["Privileged"] is False
    assert "/var/run/docker.sock" in mounts(runner)
    for other in (core, postgres, proxy):
        assert not any("docker.sock" in f"{target} {source}" for target, source in mounts(other).items())
    assert postgres["HostConfig"]["NetworkMode"] == "none"
    assert runner["NetworkSettings"]["Ports"] in ({}, {"3002/tcp": None, "3002/tcp6": None}, {"3002/tcp": None})


def test_the_key_of_the_settings_opens_the_runner_and_none_else(stack: Stack) -> None:
    key = stack.environment["DILLINGER_API_KEY"]
    for given, expected in ((key, 200), (key[:-1] + "?", 403)):
        assert stack.ask_runner("/sessions", given)[0] == expected


def test_who_comes_through_the_proxy_is_not_taken_for_this_machine(stack: Stack) -> None:
    with httpx2.Client(base_url=stack.url, verify=False, trust_env=False, timeout=30) as client:
        assert client.get("/api/v1/health").json()["runner"]["is_reachable"] is True
        for forged in ({}, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1, ::1"}):
            assert client.get("/api/v1/metrics", headers=forged).status_code == 403
    plain = httpx2.get(
        f"http://localhost:{stack.environment['DILLINGER_PROXY_HTTP_PORT']}/play/x", trust_env=False, timeout=30
    )
    assert (plain.status_code, plain.headers["location"]) == (308, "https://localhost/play/x")


@pytest.mark.browser
@pytest.mark.usefixtures("told")
def test_a_game_plays_in_the_stack_and_nothing_of_it_is_left(stack: Stack, tmp_path: Path) -> None:
    game = tmp_path / "doom"
    game.mkdir()
    (game / "game.toml").write_text(DOOM, "utf-8")
    stack.put_game(game)
    assert json.loads(stack.first_login())["name"] == "admin"
    with open_browser() as browser:
        viewer = wait_until(lambda: logged_in(browser, stack, tmp_path), 4 * WAIT_S, "the login")
        wait_until(lambda: viewer.card_of("doom").count() > 0, 90, "the game in the library")
        waits = wait_until(lambda: waiting_seat(stack), WAIT_S, "a seat that waits")
        click_until_it_plays(viewer)
        viewer.wait_picture(WAIT_S)
        wait_until(lambda: viewer.sound_level() > 0.001, WAIT_S, "Doom's music")
        session_id = assert_it_has_the_seat_that_waited(stack, waits)
        wait_until(lambda: is_measured(stack), WAIT_S, "the figures of a session whose cgroups the runner is shown")
        viewer.choose_transport("webrtc")
        shown = viewer.means((0, 0, 640, 480))
        wait_until(lambda: viewer.means((0, 0, 640, 480)) != shown, WAIT_S, "a moving picture by WebRTC")
        stop_in_the_bar(viewer)
        assert viewer.wait_end(WAIT_S) == "user_stop"
    mine = f"dillinger-{session_id}-"
    wait_until(
        lambda: not any(mine in name for name in stack.containers_of_sessions()), WAIT_S, "no container of the session"
    )
    asked = ("psql", "-h", "/run/postgresql", "-U", "dillinger", "-Atc", "SELECT game_id, end_reason FROM sessions")
    assert stack.run("exec", "-T", "postgres", *asked).strip() == "doom|user_stop"
