"""What is copied and pasted, through pipes, on the loop: a program that copied writes, one that pastes reads.

Programs are hostile: what they send has limits, and one that does not deliver or take within 3 s is given up. A newer
copy replaces what is still being fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from dillinger_contracts.clips import ClipKind
from dillinger_contracts.errors import Invalid

from .base import Clip, checked

DELIVERY_S = 3.0
"""What a program may take to hand over what it copied, or to take what it pastes."""
MOST_TAKERS = 16
"""Programs that paste at the same time."""
_CHUNK_BYTES = 65_536
_MOST_BYTES = 4 << 20
"""No clip is larger; `checked` knows what each kind may have."""
_FETCHED: tuple[tuple[str, ClipKind], ...] = (
    ("text/plain;charset=utf-8", "text"),
    ("UTF8_STRING", "text"),
    ("text/plain", "text"),
    ("image/png", "image"),
)
"""What is asked for, best first."""
SERVED: dict[ClipKind, tuple[str, ...]] = {
    "text": ("text/plain;charset=utf-8", "text/plain", "UTF8_STRING", "STRING", "TEXT"),
    "image": ("image/png",),
}


def wanted_of(names: Collection[str]) -> tuple[str, ClipKind] | None:
    """What to ask for of a clip that comes as these MIME types; None where nothing of it is understood. Pure."""
    return next(((name, kind) for name, kind in _FETCHED if name in names), None)


@dataclass(slots=True, eq=False)
class _Pipe:
    """One clip that comes or goes."""

    descriptor: int
    deadline: asyncio.TimerHandle | None = None
    kind: ClipKind = "text"
    data: bytearray = field(default_factory=bytearray)
    on_done: Callable[[bool], None] | None = None


class ClipPipes:
    """Of one desktop's clipboard; made on the loop that it lives on. `on_copied` hears what has come."""

    def __init__(self, on_copied: Callable[[Clip], None]) -> None:
        self._on_copied = on_copied
        self._loop = asyncio.get_running_loop()
        self._coming: _Pipe | None = None
        self._going: list[_Pipe] = []

    def fetch(self, descriptor: int, kind: ClipKind) -> None:
        """Takes over the end of a pipe that a program writes what it copied to."""
        self.stop_fetching()
        coming = _Pipe(descriptor, kind=kind)
        try:
            os.set_blocking(descriptor, False)
            self._loop.add_reader(descriptor, self._on_part, coming)
        except OSError:  # no pipe: whatever it is, nothing is had of it
            os.close(descriptor)
            return
        self._coming = coming
        coming.deadline = self._loop.call_later(DELIVERY_S, self.stop_fetching)

    def serve(self, descriptor: int, data: bytes, on_done: Callable[[bool], None] | None = None) -> None:
        """Takes over the end of a pipe that a program reads what it pastes from; `on_done` hears whether it did."""
        going = _Pipe(descriptor, data=bytearray(data), on_done=on_done)
        try:
            if len(self._going) >= MOST_TAKERS:
                raise OSError
            os.set_blocking(descriptor, False)
            self._loop.add_writer(descriptor, self._on_room, going)
        except OSError:  # no pipe: whatever it is, it gets nothing
            os.close(descriptor)
            if on_done is not None:
                on_done(False)
            return
        going.deadline = self._loop.call_later(DELIVERY_S, self._stop_serving, going)
        self._going.append(going)

    def stop_fetching(self) -> None:
        """What has not come whole does not count."""
        coming, self._coming = self._coming, None
        if coming is not None:
            self._end(coming)

    def close(self) -> None:
        """Ends what is under way; idempotent."""
        self.stop_fetching()
        for going in list(self._going):
            self._stop_serving(going)

    def _on_part(self, coming: _Pipe) -> None:
        try:
            part = os.read(coming.descriptor, _CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self.stop_fetching()
            return
        coming.data += part
        if part and len(coming.data) <= _MOST_BYTES:
            return
        self.stop_fetching()
        with contextlib.suppress(Invalid):  # too much, or not what it is said to be: nothing was copied
            if coming.data:
                self._on_copied(checked(coming.kind, bytes(coming.data)))

    def _on_room(self, going: _Pipe) -> None:
        try:
            while going.data:
                sent = os.write(going.descriptor, going.data[:_CHUNK_BYTES])
                del going.data[:sent]
        except BlockingIOError:
            return
        except OSError:
            pass  # who pasted has gone
        self._stop_serving(going)

    def _stop_serving(self, going: _Pipe) -> None:
        if going in self._going:
            self._going.remove(going)
            self._end(going)
            if going.on_done is not None:
                going.on_done(not going.data)

    def _end(self, pipe: _Pipe) -> None:
        if pipe.deadline is not None:
            pipe.deadline.cancel()
        self._loop.remove_reader(pipe.descriptor)
        self._loop.remove_writer(pipe.descriptor)
        os.close(pipe.descriptor)
