"""What an input method or a choice of emoji writes in the page reaches a program in the cell, once and in its order."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packages.stream.tests.engine.test_input_text import WRITER

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

GAME = """schema = 1
title = "Writer"

[launch]
kind = "native"
command = ["/usr/bin/python3", "-I", "x11_writer.py"]
directory = "game"
"""
START_S = 60.0
MODIFIERS = ("key 0xffe3", "key 0xffe9")
"""Control and Alt on their way to a shortcut, which games see, too."""


class Method:
    """An input method, or what else the browser is given text by."""

    def __init__(self, viewer: Viewer) -> None:
        self._session = viewer.page.context.new_cdp_session(viewer.page)

    def compose(self, text: str) -> None:
        place = {"selectionStart": len(text), "selectionEnd": len(text)}
        self._session.send("Input.imeSetComposition", {"text": text, **place})

    def commit(self, text: str) -> None:
        self._session.send("Input.insertText", {"text": text})


@pytest.fixture
def told(viewer: Viewer, house: House, put_game: Callable[..., Path]) -> Callable[[], list[str]]:
    """Plays the writer; what it was told so far."""
    put_game("writer", GAME, WRITER)
    log = house.target.session_dir(viewer.play("writer", START_S)) / "guest.log"

    def lines() -> list[str]:
        return log.read_text("utf-8", "replace").splitlines() if log.is_file() else []

    wait_until(lambda: "focused" in lines(), START_S, "the writer with the keyboard")
    return lambda: [line for line in lines() if line.startswith(("text ", "key ")) and line not in MODIFIERS]


def words(text: str) -> list[str]:
    return [f"text {character}" for character in text]


def field_of(viewer: Viewer) -> Any:
    return viewer.page.evaluate(
        "(() => { const field = document.querySelector('.dillinger-typing'); const box = field.getBoundingClientRect();"
        " return { shows: getComputedStyle(field).opacity === '1', has: document.activeElement === field,"
        " x: box.x, y: box.y, width: box.width, text: field.value.replaceAll('\\u00a0', '') }; })()"
    )


def test_composed_text_is_typed_once_and_keys_are_the_game_s(viewer: Viewer, told: Callable[[], list[str]]) -> None:
    expected: list[str] = []

    def tells(*lines: str) -> None:
        expected.extend(lines)
        until = time.monotonic() + START_S
        while (now := told()) != expected:
            assert time.monotonic() < until, now
            viewer.page.wait_for_timeout(50)

    method = Method(viewer)
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("w")
    tells("text w")
    viewer.point_at(400, 300)
    viewer.page.keyboard.press("Control+Alt+KeyI")
    wait_until(lambda: field_of(viewer)["has"], START_S, "a field that takes text")
    viewer.page.keyboard.press("a")  # nothing composes: the game's
    tells("text a")
    for composed in ("n", "に", "にほ", "日本"):
        method.compose(composed)
    seen: dict[str, Any] = {}

    def is_composed() -> bool:
        seen.update(field_of(viewer))
        return (seen["shows"], seen["text"]) == (True, "日本")

    wait_until(is_composed, START_S, "what is composed, in the page")
    assert 0 < seen["width"] <= 241
    assert abs(seen["x"] - 400) < 200
    assert abs(seen["y"] - 300) < 200
    assert told() == expected, "what is composed is nobody's yet"
    method.commit("日本語")
    viewer.page.keyboard.press("Enter")
    tells(*words("日本語"), "key 0xff0d")
    wait_until(lambda: not field_of(viewer)["shows"], START_S, "nothing that is composed")
    method.commit("ä€😀")
    viewer.page.keyboard.press("b")
    tells(*words("ä€😀b"))
    viewer.page.keyboard.press("Control+Alt+KeyI")
    viewer.page.locator('[data-testid="stage"]:focus').wait_for()
    viewer.page.keyboard.press("c")
    tells("text c")


def test_hostile_text_is_refused_with_a_word(viewer: Viewer, told: Callable[[], list[str]]) -> None:
    method = Method(viewer)
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Control+Alt+KeyI")
    wait_until(lambda: field_of(viewer)["has"], START_S, "a field that takes text")
    before = told()
    for text, word in (
        ("漢" * 1_000_000, "too much to type"),
        ("a\u001b[2J", "no character"),
        ("x\u0000", "no character"),
    ):
        method.commit(text)
        viewer.by_id("notice").get_by_text(word).wait_for()
    method.commit("ok")
    wait_until(lambda: told() == [*before, *words("ok")], START_S, "what can be typed, and nothing else")
