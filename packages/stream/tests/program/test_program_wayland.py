"""`dillinger-stream` on a real compositor: its picture, a key that arrives, and its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from packages.stream.tests.engine.compositor import Compositor
from packages.stream.tests.engine.guests.wayland_card import COLOURS, KEY_C
from packages.stream.tests.program.program_house import Shelf, Viewer

from dillinger_contracts.input import Key


@pytest.fixture
def compositor() -> Iterator[Compositor]:
    made = Compositor()
    yield made
    made.close()


def luma(colour: int) -> float:
    """Of 0xRRGGBB, by BT.601 in limited range."""
    red, green, blue = colour.to_bytes(3, "big")
    return 16 + (65.5 * red + 128.6 * green + 25.0 * blue) / 255


def shows(colour: int) -> Callable[[Viewer], bool]:
    return lambda viewer: viewer.colour is not None and abs(viewer.colour[0] - luma(colour)) <= 6


def test_a_compositor_is_seen_and_played_and_its_death_is_an_end(shelf: Shelf, compositor: Compositor) -> None:
    program = shelf.start("--display", compositor.socket_path)
    address = program.address
    card = compositor.card()  # now that there is a keyboard for it
    viewer = Viewer(address)
    viewer.until(shows(COLOURS[0]), "the program's window")
    assert viewer.size == (640, 480)
    card.saw("focused")
    for is_down in (True, False):
        viewer.do(Key(code=KEY_C, is_down=is_down))
    viewer.until(shows(COLOURS[1]), "its next colour, which a key brings")
    (session,) = shelf.status()["sessions"]
    assert (session["source"], session["display"]) == ("wayland", compositor.socket_path.rpartition("/")[2])
    compositor.kill()
    code, said = program.end()
    assert code == 1 and "is gone" in said and "Traceback" not in said


def test_a_compositor_that_is_not_there_is_told(shelf: Shelf) -> None:
    refused = shelf.command("start", "--display", "/nonexistent/wayland-9")
    assert refused.returncode == 1 and "There is no Wayland compositor at /nonexistent/wayland-9" in refused.stderr
