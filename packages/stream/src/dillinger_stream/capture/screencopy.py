"""The pictures of a compositor by wlr-screencopy, which those made with wlroots have, old ones too.

One question is always open: the compositor answers it with a picture and what changed since the one before, as soon as
anything does. It copies the whole picture each time, pointer included: no part of this protocol tells how that looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dillinger_contracts.media import Box
from dillinger_stream.wayland.connection import Proxy, WaylandConnection

from .base import CaptureError
from .geometry import clip, union
from .wayland_pictures import Buffer, Pictures, Shape, picture_shape

_UPSIDE_DOWN = 1
_CURRENT = 1
_MOST_FAILURES = 3
"""In a row: a question fails when the desktop changes its size under it."""
HINT = "Use a compositor made with wlroots, such as sway"


@dataclass(slots=True)
class _Question:
    """What the compositor is asked for."""

    proxy: Proxy
    is_whole: bool
    """Whether it is to answer at once, and not only when something has changed."""
    buffer: Buffer | None = None
    damage: Box | None = None


class Screencopy:
    """Asks for the pictures of a compositor's first output."""

    def __init__(self, connection: WaylandConnection, pictures: Pictures) -> None:
        """Raises `CaptureError` where the compositor has no such thing."""
        self._pictures = pictures
        self._manager = connection.bind("zwlr_screencopy_manager_v1", version=2, hint=HINT)
        self._output_size: tuple[int, int] | None = None
        self._output = connection.bind("wl_output", on=self._on_output)
        self._question: _Question | None = None
        self._failures = 0

    def ask(self) -> None:
        """Sees that a question is open."""
        if self._question is None:
            self._ask(is_whole=self._pictures.newest is None)

    def _ask(self, *, is_whole: bool) -> None:
        proxy = self._manager.make("capture_output", "zwlr_screencopy_frame_v1", 1, self._output, on=self._on_frame)
        self._question = _Question(proxy, is_whole)

    def _on_output(self, event: str, arguments: list[Any]) -> None:
        if event == "mode" and arguments[0] & _CURRENT:
            self._output_size = (arguments[1], arguments[2])

    def _on_frame(self, event: str, arguments: list[Any]) -> None:
        question = self._question
        if question is None:
            return
        match event:
            case "buffer":
                if question.buffer is None:
                    self._lend(question, picture_shape(*arguments))
            case "flags":
                if arguments[0] & _UPSIDE_DOWN:
                    raise CaptureError("The compositor's picture is upside down", hint=HINT)
            case "damage":
                if question.buffer is not None:
                    hurt = clip(Box(*arguments), *question.buffer.shape.size)
                    question.damage = union(question.damage, hurt)
            case "ready":
                self._take(question)
            case "failed":
                self._failures += 1
                if self._failures > _MOST_FAILURES:
                    raise CaptureError("The compositor refuses to give its picture")
                self._end(question)
                self._ask(is_whole=True)

    def _lend(self, question: _Question, shape: Shape) -> None:
        """Says where the picture is to go."""
        newest = self._pictures.newest
        question.buffer = buffer = self._pictures.lend(shape)
        question.is_whole = question.is_whole or newest is None or newest.shape != shape
        question.proxy.call("copy" if question.is_whole else "copy_with_damage", buffer.proxy)

    def _take(self, question: _Question) -> None:
        """The picture is there."""
        self._end(question)
        buffer = question.buffer
        if buffer is None:
            raise CaptureError("The compositor gave a picture that has no place")
        if self._output_size not in (None, (buffer.shape.width_px, buffer.shape.height_px)):
            self._ask(is_whole=True)  # the desktop has another size by now, and this is a part of it
            return
        self._failures = 0
        self._pictures.arrived(buffer, buffer.shape.whole if question.is_whole else question.damage)
        self._ask(is_whole=False)

    def _end(self, question: _Question) -> None:
        question.proxy.destroy()
        self._question = None
