"""A stand-in for a compositor that has ext-image-copy-capture, as its description reads: what is copied into a buffer
is what changed and what the client says is stale in it, no more, and the pointer comes by a session of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from packages.stream.tests.engine.fake_compositor import WAIT_S, FakeCompositor

from dillinger_contracts.media import Box
from dillinger_stream.capture.geometry import is_empty, union, whole

GLOBALS = (
    "wl_shm", "wl_output", "wl_seat", "ext_output_image_capture_source_manager_v1", "ext_image_copy_capture_manager_v1",
)  # fmt: skip
SCREEN, CURSOR = "screen", "cursor"
CONSTRAINTS = 1


@dataclass
class Session:
    """One copy session of the client's."""

    of: str
    pixels: Callable[[], Any]
    options: int = 0
    damage: Box | None = None
    """Since the last frame."""
    is_first: bool = True
    frame: int | None = None
    buffer: int | None = None
    stale: Box | None = None
    is_capturing: bool = False


@dataclass
class Peer(FakeCompositor):
    """One screen, one pointer."""

    size: tuple[int, int] = (64, 48)
    has_pointer_images: bool = True
    broken: list[str] = field(default_factory=list)
    """Rules of the protocol that the client did not keep."""

    def __post_init__(self) -> None:
        super().__init__(GLOBALS)
        self._lock = threading.RLock()
        self._buffers: dict[int, tuple[int, int, int, int]] = {}
        """The descriptor, width, height and stride of each."""
        self._frames: dict[int, int] = {}
        """Frames, and the sessions that they are of."""
        self._sessions: dict[int, Session] = {}
        self._cursor = 0
        self._is_asked_for_cursor = threading.Event()
        self.opened: list[int] = []
        """The options of each session that shows the screen."""
        self.asked_images = 0
        self.screen: Any = np.zeros((self.size[1], self.size[0], 4), np.uint8)
        self.image: Any = np.zeros((1, 1, 4), np.uint8)
        self.start()

    # What happens at the desktop

    def draw(self, box: Box, value: int) -> None:
        with self._lock:
            self.screen[box.y : box.y + box.height, box.x : box.x + box.width] = value
            self._changed(SCREEN, box)

    def resize(self, width: int, height: int) -> None:
        """Nobody is told of it yet but by frames that fail."""
        with self._lock:
            self.screen = np.full((height, width, 4), 9, np.uint8)
            self._changed(SCREEN, whole(width, height))

    def tell_size(self) -> None:
        with self._lock:
            for number, session in self._sessions.items():
                if session.of == SCREEN:
                    self._tell(number, SCREEN)

    def move(self, x: int, y: int) -> None:
        self._say_of_pointer("position", x, y)

    def enter(self) -> None:
        self._say_of_pointer("enter")

    def leave(self) -> None:
        self._say_of_pointer("leave")

    def _say_of_pointer(self, event: str, *arguments: int) -> None:
        assert self._is_asked_for_cursor.wait(WAIT_S)
        with self._lock:
            self.say(self._cursor, event, *arguments)

    def wear(self, image: Any, hot: tuple[int, int]) -> None:
        """The pointer looks like this."""
        assert self._is_asked_for_cursor.wait(WAIT_S)
        with self._lock:
            is_other = image.shape != self.image.shape
            self.image = image
            self.say(self._cursor, "hotspot", *hot)
            for number, session in self._sessions.items():
                if session.of == CURSOR and is_other:
                    self._tell(number, CURSOR)
            self._changed(CURSOR, whole(image.shape[1], image.shape[0]))

    def stop(self, of: str) -> None:
        assert self._is_asked_for_cursor.wait(WAIT_S)
        with self._lock:
            for number, session in self._sessions.items():
                if session.of == of:
                    self.say(number, "stopped")

    # What the client asks

    def asked(self, number: int, request: str, arguments: list[Any]) -> None:
        with self._lock:
            getattr(self, f"_{request}", lambda number, arguments: None)(number, arguments)

    def _bind(self, number: int, arguments: list[Any]) -> None:
        if arguments[1] == "wl_seat":
            self.say(number, "capabilities", 3)

    def _get_pointer(self, _number: int, arguments: list[Any]) -> None:
        self.kinds[arguments[0]] = "wl_pointer"

    def _create_source(self, _number: int, arguments: list[Any]) -> None:
        self.kinds[arguments[0]] = "ext_image_capture_source_v1"

    def _create_session(self, _number: int, arguments: list[Any]) -> None:
        self.opened.append(arguments[2])
        self._open(arguments[0], Session(SCREEN, lambda: self.screen, arguments[2]))

    def _create_pointer_cursor_session(self, _number: int, arguments: list[Any]) -> None:
        self._cursor = arguments[0]
        self.kinds[self._cursor] = "ext_image_copy_capture_cursor_session_v1"

    def _get_capture_session(self, _number: int, arguments: list[Any]) -> None:
        self._open(arguments[0], Session(CURSOR, lambda: self.image))
        self._is_asked_for_cursor.set()

    def _open(self, number: int, session: Session) -> None:
        self.kinds[number] = "ext_image_copy_capture_session_v1"
        self._sessions[number] = session
        self._tell(number, session.of)

    def _tell(self, number: int, of: str) -> None:
        height, width = self._sessions[number].pixels().shape[:2]
        if of == CURSOR and not self.has_pointer_images:
            self.say(number, "buffer_size", 0, 0)
        else:
            self.say(number, "shm_format", 0)
            self.say(number, "shm_format", 0x34324258)
            self.say(number, "buffer_size", width, height)
        self.say(number, "done")

    def _create_buffer(self, number: int, arguments: list[Any]) -> None:
        made, offset, width, height, stride, _ = arguments
        assert offset == 0
        self._buffers[made] = (self.pools[number], width, height, stride)

    def _create_frame(self, number: int, arguments: list[Any]) -> None:
        session = self._sessions[number]
        if session.frame is not None:
            self.broken.append("duplicate_frame")
        session.frame, session.buffer, session.stale, session.is_capturing = arguments[0], None, None, False
        self.kinds[arguments[0]] = "ext_image_copy_capture_frame_v1"
        self._frames[arguments[0]] = number

    def _attach_buffer(self, number: int, arguments: list[Any]) -> None:
        self._sessions[self._frames[number]].buffer = arguments[0]

    def _damage_buffer(self, number: int, arguments: list[Any]) -> None:
        session = self._sessions[self._frames[number]]
        if min(arguments[:2]) < 0 or min(arguments[2:]) <= 0:
            self.broken.append("invalid_buffer_damage")
        session.stale = union(session.stale, Box(*arguments))

    def _capture(self, number: int, _arguments: list[Any]) -> None:
        session = self._sessions[self._frames[number]]
        if session.buffer is None:
            self.broken.append("no_buffer")
        session.is_capturing = True
        self.asked_images += session.of == CURSOR
        self._give(self._frames[number])

    def _destroy(self, number: int, _arguments: list[Any]) -> None:
        if number in self._frames:
            session = self._sessions.get(self._frames.pop(number))
            if session is not None and session.frame == number:
                session.frame, session.is_capturing = None, False
            self.say(1, "delete_id", number)
        self._sessions.pop(number, None)

    def _changed(self, of: str, box: Box) -> None:
        for number, session in self._sessions.items():
            if session.of == of:
                session.damage = union(session.damage, box)
                self._give(number)

    def _give(self, number: int) -> None:
        session = self._sessions[number]
        pixels = session.pixels()
        height, width = pixels.shape[:2]
        if session.is_first:
            session.damage = whole(width, height)
        if not session.is_capturing or session.damage is None or session.frame is None or session.buffer is None:
            return
        frame, session.is_capturing = session.frame, False
        descriptor, wide, high, stride = self._buffers[session.buffer]
        if (wide, high) != (width, height):
            self.say(frame, "failed", CONSTRAINTS)
            return
        box = union(session.stale, session.damage)
        assert box is not None and not is_empty(box)
        for row in range(box.y, box.y + box.height):
            os.pwrite(descriptor, pixels[row, box.x : box.x + box.width].tobytes(), row * stride + box.x * 4)
        hurt, session.damage, session.is_first = session.damage, None, False
        self.say(frame, "damage", hurt.x, hurt.y, hurt.width, hurt.height)
        self.say(frame, "transform", 0)
        self.say(frame, "presentation_time", 0, 0, 0)
        self.say(frame, "ready")
