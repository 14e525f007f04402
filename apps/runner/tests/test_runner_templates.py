"""Wine's template as players meet it: made ahead of the first click, a step of its own where the click comes sooner."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apps.runner.tests.runner_lab import RunnerLab

from dillinger_bench.waiting import wait_until
from dillinger_programs.wine import template_of, wine_version

pytestmark = pytest.mark.skipif(wine_version() is None, reason="no Wine on this machine")

GAME = 'schema = 1\ntitle = "Game"\n[launch]\nkind = "wine"\ncommand = ["well", "well"]\n'


def let_end(lab: RunnerLab, how: str = "made") -> None:
    part = lab.folder / "runner/part"
    part.write_text(how)
    part.rename(lab.folder / "runner/end")


def templates(lab: RunnerLab) -> Path:
    return lab.folder / "runner/wine"


async def seen(lab: RunnerLab, client: Any, session_id: str, fact: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The session's view, once `fact` is true of it."""
    async with asyncio.timeout(30), contextlib.aclosing(lab.events(client)) as feed:
        async for event in feed:
            view: dict[str, Any] = event["data"]["session"]
            if view["sessionId"] == session_id and fact(view):
                return view
    raise AssertionError(lab.log()[-3000:])


def step(view: dict[str, Any]) -> dict[str, Any] | None:
    return next((step for step in view["steps"] if step["name"] == "template"), None)


async def test_it_is_made_ahead_as_soon_as_the_library_has_a_windows_game(lab: RunnerLab) -> None:
    let_end(lab)
    lab.add_game("windows", text=GAME)
    await lab.start()
    await asyncio.to_thread(wait_until, lambda: template_of(templates(lab)), 30, "a template, made ahead")
    async with lab.client() as client:
        view = await lab.play(client, "windows")
        assert step(await lab.until(client, view["sessionId"], "ready", "streaming")) is None, "nothing to wait for"


async def test_a_click_that_comes_sooner_waits_in_a_step_of_its_own_and_can_be_taken_back(lab: RunnerLab) -> None:
    lab.add_game("native", "well")
    await lab.start()
    async with lab.client() as client:
        native = (await lab.play(client, "native"))["sessionId"]
        await lab.until(client, native, "ready", "streaming")
        assert not templates(lab).exists() and "wine_template" not in lab.log(), "nobody has wanted it"
        games = [lab.add_game(name, text=GAME) for name in ("windows", "other")]
        session_id, other = [(await lab.play(client, game))["sessionId"] for game in games]
        view = await seen(lab, client, session_id, lambda view: (step(view) or {}).get("shareDone") == 0.5)
        assert view["state"] == "placing", "the start's own deadline has not begun"
        await client.delete(f"/sessions/{other}")
        assert (await lab.until(client, other, "ended"))["end"]["reason"] == "user_stop"
        let_end(lab, "no space left on device")
        end = (await lab.until(client, session_id, "ended"))["end"]
        assert end["reason"] == "placement_failed" and "no space left" in end["message"]
        let_end(lab)
        view = await lab.until(client, (await lab.play(client, "windows"))["sessionId"], "ready", "streaming")
    found = step(view)
    assert found is not None and found["shareDone"] is None and view["steps"][0] == found


async def test_one_that_is_not_made_in_time_ends_the_session(lab: RunnerLab) -> None:
    lab.settings["template_timeout_s"] = "1"
    lab.add_game("windows", text=GAME)
    await lab.start()
    async with lab.client() as client:
        session_id = (await lab.play(client, "windows"))["sessionId"]
        end = (await lab.until(client, session_id, "ended"))["end"]
    assert end["reason"] == "placement_failed" and "not made after 1 s" in end["message"]
