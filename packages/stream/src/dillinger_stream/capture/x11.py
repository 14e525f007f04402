"""X11 capture, driven by XDamage, into a sealed memfd that the server writes.

Nothing is asked while nothing changes. A grab is one round trip: the damage is taken back, the pointer's place and
the damaged box are asked for together, and only where the pointer went outside of the box is a second picture
needed. Where the box is large it is asked first what of it changed (`parts`). Owned by the pipeline's thread; only
`abort` may come from another.
"""

from __future__ import annotations

import select
import time

import xcffib.damage
import xcffib.randr
import xcffib.shm
import xcffib.xfixes
import xcffib.xproto

from dillinger_contracts.media import Box
from dillinger_stream.frames import Frame, Patch, PointerSeen

from .base import CaptureError, RequestRefusedError
from .geometry import EMPTY_BOX, area_px, around, clip, contains, even, is_empty, union, whole
from .parts import MOST_RECTANGLES, Parts
from .pointer import Pointer
from .pointer_image import draw_pointer
from .shm import SealedSegment
from .wire import Wire
from .xconnection import XConnection

_SMALLEST_PX = 16
_LARGEST_PX = 16_384
_MOST_EVENTS = 4096
"""At one go, so that a server that floods us can't hold the thread."""
_GRAB_ATTEMPTS = 3
"""The desktop may be resized between a question and its answer; thrice in a row it is not."""


class X11Capture:
    """The picture of one X screen."""

    def __init__(self, socket_path: str, *, auth_cookie: bytes | None = None) -> None:
        """Connects to the server's unix socket; blocks for 5 s at most, then raises `CaptureError`."""
        self._connection = XConnection(socket_path, auth_cookie=auth_cookie)
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        connection = self._connection
        self._root = checked_root(connection)
        self._damage_requests = connection.extension(xcffib.damage.key, "DAMAGE")
        self._shm_requests = connection.extension(xcffib.shm.key, "MIT-SHM")
        randr = connection.extension(xcffib.randr.key, "RANDR")
        connection.reply(self._damage_requests.QueryVersion(1, 1))
        version = connection.reply(self._shm_requests.QueryVersion())
        if (version.major_version, version.minor_version) < (1, 2):
            raise CaptureError("The display server's MIT-SHM is too old to attach a descriptor (1.2 is needed)")
        connection.reply(randr.QueryVersion(1, 2))
        with connection.translated("refused to report what changes"):
            randr.SelectInput(self._root, xcffib.randr.NotifyMask.ScreenChange)
            self._damage_id = connection.raw.generate_id()
            level = xcffib.damage.ReportLevel.BoundingBox
            self._damage_requests.Create(self._damage_id, self._root, level)
        self._pointer = Pointer(connection, self._root)
        fixes = connection.extension(xcffib.xfixes.key, "XFIXES")
        with connection.translated("refused a region"):
            region_id = connection.raw.generate_id()
            fixes.CreateRegion(region_id, 0, [])
        self._wire = Wire(connection, self._root, self._damage_id, region_id)
        self._parts = Parts()
        self._segment: SealedSegment | None = None
        self._size = (0, 0)
        self._is_resized = True
        self._damaged: Box | None = None
        self._redrawn = EMPTY_BOX
        """What of that is our own doing: the server does not know of it."""
        self._damaged_at_ns = 0
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)
        self._wake_fd = -1
        self._adopt_size()

    def fileno(self) -> int:
        """Readable when something may have changed."""
        return self._connection.fileno()

    @property
    def pointer(self) -> PointerSeen | None:
        """How the pointer looks and where it is, as last seen; None before the first look."""
        return self._pointer.seen

    def wait(self, timeout_s: float | None, wake_fd: int) -> bool:
        """Blocks until the screen is damaged (True), or `wake_fd` is readable, `pointer` new or the time up (False)."""
        if wake_fd != self._wake_fd:
            if self._wake_fd >= 0:
                self._poll.unregister(self._wake_fd)
            self._poll.register(wake_fd, select.POLLIN)
            self._wake_fd = wake_fd
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            self._read_events()
            if self._is_resized or self._damaged is not None:
                return True
            if self._pointer.is_due:
                self._look_for_pointer()
                return False
            ready = self._poll.poll(self._left_ms(until))
            if any(fd == wake_fd for fd, _ in ready) or (until is not None and time.monotonic() >= until):
                self._read_events()
                return self._is_resized or self._damaged is not None

    def _left_ms(self, until: float | None) -> float | None:
        """Until the wait is over, or the pointer is to be looked at."""
        due_at_ns = self._pointer.due_at_ns
        ends = [] if until is None else [until - time.monotonic()]
        if due_at_ns is not None:
            ends.append((due_at_ns - time.monotonic_ns()) / 1e9)
        return max(0.0, min(ends) * 1000) if ends else None

    def draw_pointer(self, *, is_drawn: bool) -> None:
        """Whether the pointer is part of the picture from now on; the next frame shows or lacks it."""
        if is_drawn == self._pointer.is_drawn:
            return
        self._pointer.is_drawn = is_drawn
        if is_drawn:
            self.pointer_moved()
        else:
            self._pointer.doubt()
            self._redraw(self._pointer.drawn)

    def pointer_moved(self) -> bool:
        """Looks where the pointer is, a little later where it is no part of the picture; True where that changes."""
        self._pointer.doubt()
        if not self._pointer.is_drawn:
            return False
        self._look_for_pointer()
        if self._pointer.box == self._pointer.drawn:
            return False
        self._redraw(union(self._pointer.box, self._pointer.drawn) or EMPTY_BOX)
        return True

    def grab(self, *, whole: bool = False) -> Frame:
        """The present picture; only the damaged box is copied, or all of it where `whole` or where the size changed."""
        self._read_events()
        for _ in range(_GRAB_ATTEMPTS):
            if self._is_resized:
                self._adopt_size()
                whole = True
            try:
                return self._grab(whole)
            except RequestRefusedError:
                self._is_resized = True
        raise CaptureError("The display server refuses to give its picture")

    def abort(self) -> None:
        """Ends every wait with a `CaptureError`; from any thread."""
        self._connection.abort()

    def close(self) -> None:
        """Frees everything; idempotent."""
        self._connection.close()
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _grab(self, is_whole: bool) -> Frame:
        width, height = self._size
        captured_at_ns = self._damaged_at_ns or time.monotonic_ns()
        everything = whole(width, height)
        box = everything if is_whole else even(clip(self._damaged or EMPTY_BOX, width, height))
        boxes = [box]
        if not is_empty(box):
            with self._connection.translated("did not give its picture"):
                boxes = self._copy(box, is_whole=is_whole) or [EMPTY_BOX]
        self._damaged, self._redrawn, self._damaged_at_ns = None, EMPTY_BOX, 0
        assert self._segment is not None
        patches, at = [], 0
        for one in boxes:
            patches.append(Patch(self._segment.pixels(one.width, one.height, at), one))
            at += area_px(one)
            if not is_empty(self._pointer.box):
                draw_pointer(patches[-1].pixels, one, self._pointer.image, self._pointer.x, self._pointer.y)
        if not is_empty(boxes[0]):
            self._pointer.drawn = self._pointer.box
        first, *more = patches
        return Frame(first.pixels, width, height, first.box, captured_at_ns, tuple(more))

    def _copy(self, box: Box, *, is_whole: bool) -> list[Box]:
        """Has `box` copied, or what of it changed, one part after the other; which parts those are."""
        wire, is_pointer_asked, boxes = self._wire, self._pointer.is_asked_with_frames, [box]
        if is_pointer_asked:
            self._pointer.refresh_image()
        damage: int | None = None
        if not is_whole and self._parts.is_worth_asking(box):
            damage = wire.ask_damage()
        else:
            wire.take_damage_back(None if is_whole else self._damaged)
        question = self._pointer.ask(wire) if is_pointer_asked else None
        if damage is not None:
            boxes = self._parts_of(wire.damage(damage, most=MOST_RECTANGLES))
        images = self._ask_for(boxes)
        if is_pointer_asked:
            self._pointer.learn(wire, question)
        else:
            self._pointer.doubt()
        self._take(images, boxes)
        moved = EMPTY_BOX
        if self._pointer.box != self._pointer.drawn:
            both = union(self._pointer.box, self._pointer.drawn) or EMPTY_BOX
            moved = even(clip(both, *self._size))
        if is_empty(moved) or any(contains(one, moved) for one in boxes):
            return boxes
        boxes = [around((*boxes, moved))]
        self._take(self._ask_for(boxes), boxes)
        return boxes

    def _parts_of(self, damage: list[Box]) -> list[Box]:
        """What to copy, where all of this is damaged, and what was redrawn."""
        damage = [clip(one, *self._size) for one in (*damage, self._redrawn)]
        return self._parts.take([even(one) for one in damage if not is_empty(one)])

    def _ask_for(self, boxes: list[Box]) -> list[int]:
        """Asks for their pixels, to lie one after the other."""
        assert self._segment is not None
        questions, offset_bytes = [], 0
        for box in boxes:
            questions.append(self._wire.ask_image(box, self._segment.segment_id, offset_bytes))
            offset_bytes += area_px(box) * 4
        return questions

    def _take(self, questions: list[int], boxes: list[Box]) -> None:
        for question, box in zip(questions, boxes, strict=True):
            depth, size = self._wire.image(question)
            if depth not in (24, 32) or size != area_px(box) * 4:
                raise CaptureError(f"The display server gave {size} bytes of depth {depth} for {box}")

    def _look_for_pointer(self) -> None:
        self._pointer.refresh_image()
        with self._connection.translated("did not say where the pointer is"):
            self._pointer.learn(self._wire, self._pointer.ask(self._wire))

    def _read_events(self) -> None:
        wire, is_new_pointer = self._wire, False
        with self._connection.translated("sent what can't be read"):
            for _ in range(_MOST_EVENTS):
                found = wire.event()
                if found is None:
                    break
                kind, event, number = found
                if kind == wire.damage_notify and not wire.is_outdated(number):
                    self._hurt(wire.area(event))
                elif kind == wire.cursor_notify:
                    is_new_pointer = True
                elif kind == wire.screen_change_notify:
                    self._is_resized = True
        if is_new_pointer:
            self._pointer.doubt(image=True)
        if is_new_pointer and self._pointer.is_drawn:
            before = self._pointer.drawn
            self._look_for_pointer()
            self._redraw(union(before, self._pointer.box) or EMPTY_BOX)

    def _hurt(self, box: Box) -> None:
        if is_empty(box):
            return
        self._damaged = union(self._damaged, box)
        self._damaged_at_ns = self._damaged_at_ns or time.monotonic_ns()

    def _redraw(self, box: Box) -> None:
        if not is_empty(box):
            self._redrawn = union(self._redrawn, box) or EMPTY_BOX
            self._hurt(box)

    def _adopt_size(self) -> None:
        with self._connection.translated("is gone"):
            question = self._connection.raw.core.GetGeometry(self._root)
        reply = self._connection.reply(question)
        width, height = reply.width & ~1, reply.height & ~1
        if not (_SMALLEST_PX <= width <= _LARGEST_PX and _SMALLEST_PX <= height <= _LARGEST_PX):
            raise CaptureError(f"The desktop is {reply.width}x{reply.height} pixels, which can't be streamed")
        self._is_resized = False
        if (width, height) == self._size and self._segment is not None:
            return
        if self._segment is not None:
            with self._connection.translated("is gone"):
                self._shm_requests.Detach(self._segment.segment_id)
            self._segment.close()
        with self._connection.translated("refused the shared picture"):
            self._segment = SealedSegment(self._connection.raw, width * height * 4)
        self._connection.flush()  # everything later is asked together with something that is answered
        self._size = (width, height)
        self._pointer.drawn = EMPTY_BOX


def checked_root(connection: XConnection) -> int:
    """The root window of a screen whose pixels are BGRX; raises `CaptureError` for any other."""
    with connection.translated("described its screens in a way that can't be read"):
        setup = connection.raw.setup
        screen = setup.roots[0]
        bits = {form.depth: form.bits_per_pixel for form in setup.pixmap_formats}
        visuals = [visual for depth in screen.allowed_depths for visual in depth.visuals]
        masks = [
            (visual.red_mask, visual.green_mask, visual.blue_mask)
            for visual in visuals
            if visual.visual_id == screen.root_visual
        ]
        is_little_endian = setup.image_byte_order == xcffib.xproto.ImageOrder.LSBFirst
        if bits.get(screen.root_depth) != 32 or not is_little_endian or masks != [(0xFF0000, 0xFF00, 0xFF)]:
            raise CaptureError(
                f"The desktop's pixels (depth {screen.root_depth}) are not 32 bit BGRX",
                hint="Start the display server with 24 bit colour, e.g. `Xvfb -screen 0 1280x720x24`",
            )
        return int(screen.root)
