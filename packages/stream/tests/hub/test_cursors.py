"""The pointer apart from the picture: what is sent of it, to whom, and when the picture has to hold it after all."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import av
import numpy as np
from packages.stream.tests.hub.conftest import OpenHouse, Viewer, until

from dillinger_contracts.cursor import CURSOR_SLOTS, Cursor, CursorAt, CursorShape
from dillinger_contracts.signaling import Bye, FromSeat, Welcome
from dillinger_stream.cursors import Cursors, ShapeShelf, shape_of
from dillinger_stream.frames import NO_POINTER, PointerImage, PointerSeen


def image(seed: int = 0, *, width: int = 8, height: int = 6, hot: tuple[int, int] = (1, 2)) -> PointerImage:
    """Opaque noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    pixels[:, :, 3] = 255
    return PointerImage(pixels, *hot)


def decoded(shape: CursorShape) -> Any:
    """(height, width, 4) of red, green, blue and alpha."""
    codec: Any = av.CodecContext.create("png", "r")
    frames: list[Any] = codec.decode(av.Packet(base64.b64decode(shape.png))) + codec.decode(None)
    return frames[0].to_ndarray(format="rgba")


def test_a_shape_is_the_image_in_plain_colours() -> None:
    soft = np.array([[[10, 20, 40, 80], [0, 0, 0, 0]], [[255, 0, 1, 255], [200, 100, 50, 200]]], dtype=np.uint8)
    shape = shape_of(PointerImage(soft, 1, 0))
    assert shape is not None and (shape.hot_x, shape.hot_y) == (1, 0)
    assert decoded(shape).tolist() == [
        [[128, 64, 32, 80], [0, 0, 0, 0]],
        [[1, 0, 255, 255], [64, 128, 255, 200]],
    ]


def test_a_hot_spot_outside_of_what_is_seen_gets_into_the_image() -> None:
    left = shape_of(image(width=4, height=3, hot=(-2, -1)))
    assert left is not None and (left.width_px, left.height_px, left.hot_x, left.hot_y) == (6, 4, 0, 0)
    assert not decoded(left)[:1].any() and not decoded(left)[:, :2].any() and decoded(left)[1:, 2:, 3].all()
    right = shape_of(image(width=4, height=3, hot=(9, 2)))
    assert right is not None and (right.width_px, right.height_px, right.hot_x, right.hot_y) == (10, 3, 9, 2)


def test_what_browsers_do_not_draw_is_no_shape() -> None:
    assert shape_of(image(width=129, height=4)) is None
    assert shape_of(image(width=4, height=4, hot=(-126, 0))) is None
    assert shape_of(image(width=128, height=128)) is None, "noise that large has too many bytes"
    flat = np.full((128, 128, 4), 255, dtype=np.uint8)
    assert shape_of(PointerImage(flat, 0, 0)) is not None


def test_the_shelf_keeps_what_is_used() -> None:
    shelf = ShapeShelf(slots=2)
    shape = CursorShape(width_px=1, height_px=1, hot_x=0, hot_y=0, png="AAAA")
    first, second = shelf.put(image(1), shape), shelf.put(image(2), shape)
    assert (first.slot, second.slot) == (0, 1)
    assert shelf.find(image(1)) is first, "the same pixels are the same shape"
    assert shelf.find(image(1, hot=(2, 2))) is None, "another hot spot is another shape"
    third = shelf.put(image(3), shape)
    assert third.slot == 1 and third.edition not in (first.edition, second.edition)
    assert shelf.find(image(2)) is None and shelf.find(image(1)) is first


class Page:
    """A viewer that notes what it is told."""

    def __init__(self, *, draws_cursor: bool = True) -> None:
        self.draws_cursor = draws_cursor
        self.is_reading = True
        self.told: list[Cursor] = []
        self.places: list[tuple[int, int]] = []

    def say_newest(self, newest: Callable[[], FromSeat | None]) -> None:
        while self.is_reading and (message := newest()) is not None:
            if isinstance(message, Cursor):
                self.told.append(message)
            else:
                assert isinstance(message, CursorAt)
                self.places.append((message.x, message.y))


def test_a_shape_that_comes_back_is_named_without_its_pixels() -> None:
    cursors, page = Cursors(clock_s=lambda: 0.0), Page()
    for seen in (image(1), image(2), image(1), NO_POINTER, image(2)):
        cursors.saw(PointerSeen(seen, 5, 6))
        assert not cursors.settle([page])
    assert [(told.drawn, told.slot, told.shape is not None) for told in page.told] == [
        ("shape", 0, True), ("shape", 1, True), ("shape", 0, False), ("nothing", None, False), ("shape", 1, False),
    ]  # fmt: skip
    assert page.places == [(5, 6)]
    late = Page()
    cursors.settle([page, late])
    assert late.told[0].shape is not None and late.places == [(5, 6)]
    assert len(page.told) == 5, "who knows it is told nothing"


def test_a_page_that_does_not_read_hears_the_newest_alone() -> None:
    cursors, page = Cursors(clock_s=lambda: 0.0), Page()
    for at, is_reading in enumerate((True, False, False, True)):
        page.is_reading = is_reading
        cursors.saw(PointerSeen(image(at), at, at))
        cursors.settle([page])
    assert [(told.slot, told.shape is not None) for told in page.told] == [(0, True), (3, True)]
    assert page.places == [(0, 0), (3, 3)]
    cursors.saw(PointerSeen(image(1), 3, 3))
    cursors.settle([page])
    assert page.told[-1].slot == 1 and page.told[-1].shape is not None, "it never got that one"


def test_a_slot_that_was_given_away_is_sent_anew() -> None:
    now_s = 0.0
    cursors, page = Cursors(clock_s=lambda: now_s), Page()
    for seed in range(CURSOR_SLOTS + 1):
        now_s += 1.0
        cursors.saw(PointerSeen(image(seed), 0, 0))
        cursors.settle([page])
    cursors.saw(PointerSeen(image(0), 0, 0))
    cursors.settle([page])
    assert all(told.shape is not None for told in page.told)
    assert max(told.slot or 0 for told in page.told) == CURSOR_SLOTS - 1


def test_the_picture_holds_what_some_page_can_t_draw() -> None:
    cursors, page, player = Cursors(clock_s=lambda: 0.0), Page(), Page(draws_cursor=False)
    assert cursors.settle([page, player]), "before anything is known of the pointer"
    cursors.saw(PointerSeen(image(), 1, 1))
    assert cursors.settle([page, player])
    assert [told.drawn for told in page.told] == ["picture"] and not player.told and not page.places
    assert not cursors.settle([page])
    cursors.saw(PointerSeen(image(width=200, height=200), 1, 1))
    assert cursors.settle([page])
    cursors.saw(PointerSeen(NO_POINTER, 1, 1))
    assert not cursors.settle([page])
    assert [told.drawn for told in page.told] == ["picture", "shape", "picture", "nothing"]


def test_a_game_that_floods_with_shapes_gets_its_pointer_into_the_picture() -> None:
    now_s = 0.0
    cursors, page = Cursors(clock_s=lambda: now_s), Page()
    for seed in range(300):
        cursors.saw(PointerSeen(image(seed), 0, 0))
        in_picture = cursors.settle([page])
    assert in_picture and page.told[-1].drawn == "picture"
    assert sum(told.shape is not None for told in page.told) <= 101
    now_s = 1.0
    cursors.saw(PointerSeen(image(1000), 0, 0))
    assert not cursors.settle([page])


async def test_pages_of_a_hub_draw_until_one_comes_that_can_t(open_house: OpenHouse) -> None:
    house = await open_house()
    page = await house.visit(draws_cursor=True)
    assert not house.source.draws_pointer
    house.hub.saw_pointer(PointerSeen(image(), 7, 8))
    await until(lambda: bool(page.of(CursorAt)), "the pointer's place")
    assert page.of(CursorAt) == [CursorAt(x=7, y=8)] and last(page).drawn == "shape"
    program = await house.visit("viewer")
    await until(lambda: last(page).drawn == "picture", "word that it is in the picture")
    assert house.source.draws_pointer
    assert not program.of(Cursor)
    await program.say(Bye())
    await until(lambda: last(page).drawn == "shape", "the shape again")
    assert not house.source.draws_pointer and last(page).shape is None
    other = await house.visit("viewer", draws_cursor=True)
    await until(lambda: bool(other.of(CursorAt)), "the place for who came late")
    assert other.order.index("welcome") < other.order.index("cursor") < other.order.index("cursor_at")
    assert last(other).shape is not None and other.of(Welcome)


def last(viewer: Viewer) -> Cursor:
    """What it was told last of who draws the pointer."""
    told: Cursor = viewer.of(Cursor)[-1]
    return told
