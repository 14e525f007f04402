"""What is copied on one side, text or picture, is pasted on the other. Switched off, nothing is, and that is said."""

from __future__ import annotations

import base64
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
title = "Copier"

[launch]
kind = "native"
command = ["/bin/sh", "copier.sh"]
directory = "game"
"""
COPIER = r"""
python3 -I x11_writer.py | while read -r kind what; do
  echo "$kind $what"
  case "$what" in
    i) xclip -selection clipboard -target image/png -in copied.png ;;
    t) printf 'text of the game' | xclip -selection clipboard -in ;;
    p) echo "picture $(xclip -selection clipboard -out -target image/png | base64 -w 0)" ;;
    w) echo "words $(xclip -selection clipboard -out -target UTF8_STRING)" ;;
  esac
done
"""
"""Copies a picture (i) or text (t), and tells which picture (p) or words (w) it can paste."""
WAIT_S = 60.0
COPIED = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAADUlEQVR4nGP4zwAE/wEHAAH/4iOeWQAAAABJRU5ErkJggg=="
)
DECODE = """async (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return [...context.getImageData(0, 0, bitmap.width, bitmap.height).data];
}"""
READ = """async () => {
  const [item] = await navigator.clipboard.read();
  if (!item?.types.includes("image/png")) return null;
  const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
  return btoa(String.fromCharCode(...bytes));
}"""
WRITE = """async (colours) => {
  const canvas = new OffscreenCanvas(colours.length, 1);
  const context = canvas.getContext("2d");
  colours.forEach((colour, x) => { context.fillStyle = colour; context.fillRect(x, 0, 1, 1); });
  const blob = await canvas.convertToBlob({ type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
}"""


class Copier:
    """A game that copies and pastes, and the page that it is played in."""

    def __init__(self, viewer: Viewer, log: Path) -> None:
        self.viewer, self._log = viewer, log
        viewer.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        wait_until(lambda: self.said("focused"), WAIT_S, "the game with the keyboard")
        viewer.by_id("stage").focus()

    def said(self, start: str) -> list[str]:
        """What it printed that begins so, the rest of each line."""
        lines = self._log.read_text("utf-8", "replace").splitlines() if self._log.is_file() else []
        return [line.removeprefix(start).strip() for line in lines if line.startswith(start)]

    def press(self, key: str) -> None:
        self.viewer.page.keyboard.press(key, delay=20)

    def asks(self, key: str, start: str) -> str:
        """What it can paste now."""
        before = len(self.said(start))
        self.press(key)
        wait_until(lambda: len(self.said(start)) > before, WAIT_S, start)
        return self.said(start)[before]

    def pixels(self, encoded: str) -> list[int]:
        found: list[int] = self.viewer.page.evaluate(DECODE, encoded)
        return found

    def clipboard(self, read: str) -> Any:
        return self.viewer.page.evaluate(read)


@pytest.fixture
def copier(viewer: Viewer, house: House, put_game: Callable[..., Path], tmp_path: Path) -> Copier:
    (tmp_path / "copier.sh").write_text(COPIER)
    (tmp_path / "copied.png").write_bytes(COPIED)
    put_game("copier", GAME, WRITER, tmp_path / "copier.sh", tmp_path / "copied.png")
    return Copier(viewer, house.target.session_dir(viewer.play("copier", WAIT_S)) / "guest.log")


def test_a_picture_goes_either_way(copier: Copier) -> None:
    expected = copier.pixels(base64.b64encode(COPIED).decode())
    copier.press("i")

    def arrived() -> bool:
        copier.press("Shift")  # where a browser wants a key of its person first
        encoded = copier.clipboard(READ)
        return encoded is not None and copier.pixels(encoded) == expected

    wait_until(arrived, WAIT_S, "the game's picture in the browser's clipboard")
    copier.viewer.page.evaluate(WRITE, ["#00ff00", "#ffffff", "#0000ff"])
    copier.press("Control+v")

    def is_pasted() -> bool:
        encoded = copier.asks("p", "picture")
        return bool(encoded) and copier.pixels(encoded) == [0, 255, 0, 255, *[255] * 4, 0, 0, 255, 255]

    wait_until(is_pasted, WAIT_S, "the browser's picture in the game")


def test_with_the_switch_off_nothing_goes_either_way(copier: Copier) -> None:
    page = copier.viewer.page
    page.evaluate("navigator.clipboard.writeText('text of the page')")
    other = page.context.new_page()
    other.goto(f"{copier.viewer.target.core_url}/settings")
    other.get_by_test_id("clipboard-switch").uncheck()
    page.bring_to_front()
    copier.viewer.by_id("stage").focus()
    copier.press("t")
    copier.viewer.by_id("notice").get_by_text("switched off in Settings").wait_for()
    copier.press("Control+v")
    assert copier.asks("w", "words") == "text of the game"
    assert copier.clipboard("navigator.clipboard.readText()") == "text of the page"
    other.get_by_test_id("clipboard-switch").check()
    other.close()
    page.bring_to_front()
    copier.viewer.by_id("stage").focus()

    def is_pasted() -> bool:
        copier.press("Control+v")
        return copier.asks("w", "words") == "text of the page"

    wait_until(is_pasted, WAIT_S, "the page's text")
    copier.press("t")
    wait_until(
        lambda: copier.clipboard("navigator.clipboard.readText()") == "text of the game", WAIT_S, "the game's text"
    )
