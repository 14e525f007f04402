"""Copying and pasting with real programs on a real display."""

from __future__ import annotations

import queue
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import xcffib.xproto
from packages.stream.tests.engine.conftest import Painter, XServer

from dillinger_contracts.clips import MOST_CLIP_BYTES
from dillinger_stream.clipboard.base import PNG_MAGIC, Clip
from dillinger_stream.clipboard.x11 import X11Clipboard

TIMEOUT_S = 30


@pytest.fixture
def copied() -> queue.Queue[Clip]:
    return queue.Queue()


@pytest.fixture
def clipboard(xvfb: XServer, copied: queue.Queue[Clip]) -> Iterator[X11Clipboard]:
    opened = X11Clipboard(xvfb.socket_path, on_copied=copied.put)
    yield opened
    opened.close()


@pytest.fixture
def copy(xvfb: XServer) -> Iterator[Callable[..., None]]:
    """A program that copies, and serves what it copied until another one does."""
    programs: list[subprocess.Popen[bytes]] = []
    watcher = Painter(xvfb.name, has_window=False)
    selection = watcher.core.InternAtom(False, len("CLIPBOARD"), "CLIPBOARD").reply().atom

    def owner() -> int:
        return int(watcher.core.GetSelectionOwner(selection).reply().owner)

    def run(data: bytes, target: str = "UTF8_STRING") -> None:
        before = owner()
        command = ["xclip", "-quiet", "-selection", "clipboard", "-in", "-target", target, "-display", xvfb.name]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        programs.append(program)
        assert program.stdin is not None
        program.stdin.write(data)
        program.stdin.close()
        for _ in range(TIMEOUT_S * 100):
            if owner() != before:
                return
            time.sleep(0.01)
        pytest.fail("xclip did not take the clipboard")

    yield run
    watcher.close()
    for program in programs:
        program.terminate()
        program.wait(TIMEOUT_S)


def paste(server: XServer, target: str = "UTF8_STRING") -> bytes:
    command = ["xclip", "-selection", "clipboard", "-out", "-target", target, "-display", server.name]
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True).stdout


def give(clipboard: X11Clipboard, clip: Clip) -> None:
    taken = threading.Event()
    clipboard.give(clip, taken.set)
    assert taken.wait(TIMEOUT_S)


def png(size: int) -> bytes:
    """Nobody on the way looks further than its first bytes."""
    return PNG_MAGIC + random.Random(7).randbytes(size)


@pytest.mark.parametrize(
    "text", ["Grüße, 世界 🎮", "x" * (MOST_CLIP_BYTES["text"] - 1)], ids=["letters of all kinds", "in many parts"]
)
def test_copied_text_is_told(
    clipboard: X11Clipboard, copied: queue.Queue[Clip], copy: Callable[..., None], text: str
) -> None:
    copy(text.encode())
    assert copied.get(timeout=TIMEOUT_S) == Clip("text", text.encode())


def test_copied_image_is_told(clipboard: X11Clipboard, copied: queue.Queue[Clip], copy: Callable[..., None]) -> None:
    copy(png(480_000), "image/png")
    assert copied.get(timeout=TIMEOUT_S) == Clip("image", png(480_000))


def test_text_and_image_are_pasted(clipboard: X11Clipboard, xvfb: XServer) -> None:
    text = "Grüße, 世界 🎮\n" * 10_000
    give(clipboard, Clip("text", text.encode()))
    assert paste(xvfb).decode() == text
    assert paste(xvfb, "text/plain;charset=utf-8").decode() == text
    assert paste(xvfb, "STRING").decode("latin-1").startswith("Grüße, ?? ?")
    assert b"UTF8_STRING" in paste(xvfb, "TARGETS")
    give(clipboard, Clip("image", png(1_900_000)))
    assert paste(xvfb, "image/png") == png(1_900_000)


def test_program_that_copies_takes_over_from_what_was_pasted(
    clipboard: X11Clipboard, xvfb: XServer, copied: queue.Queue[Clip], copy: Callable[..., None]
) -> None:
    give(clipboard, Clip("text", b"pasted"))
    copy(b"copied")
    assert copied.get(timeout=TIMEOUT_S) == Clip("text", b"copied")
    assert paste(xvfb) == b"copied"
    give(clipboard, Clip("text", b"pasted again"))
    assert paste(xvfb) == b"pasted again"


def test_too_much_and_what_is_no_text_is_not_told(
    clipboard: X11Clipboard, copied: queue.Queue[Clip], copy: Callable[..., None]
) -> None:
    for data, target in [
        (b"x" * (MOST_CLIP_BYTES["text"] + 1), "UTF8_STRING"),
        (b"\xff\xfe", "UTF8_STRING"),
        (b"GIF89a", "image/png"),
    ]:
        copy(data, target)
    copy(b"the last one")
    assert copied.get(timeout=TIMEOUT_S) == Clip("text", b"the last one")


def test_program_that_never_delivers_holds_nobody_up(
    clipboard: X11Clipboard, xvfb: XServer, painter: Painter, copied: queue.Queue[Clip], copy: Callable[..., None]
) -> None:
    """It owns the clipboard and answers nothing."""
    name = "CLIPBOARD"
    atom = painter.core.InternAtom(False, len(name), name).reply().atom
    painter.core.SetSelectionOwner(painter.window, atom, xcffib.xproto.Time.CurrentTime)
    painter.sync()
    give(clipboard, Clip("text", b"still here"))
    assert paste(xvfb) == b"still here"
    copy(b"and this too")
    assert copied.get(timeout=TIMEOUT_S) == Clip("text", b"and this too")


def test_closes_when_the_display_is_gone(clipboard: X11Clipboard, xvfb: XServer) -> None:
    xvfb.kill()
    clipboard.give(Clip("text", b"nobody"), lambda: pytest.fail("there is no display"))
    clipboard.close()
