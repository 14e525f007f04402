"""The clipboard of a portal's desktop: org.freedesktop.portal.Clipboard, in a session of RemoteDesktop. On the loop.

    SelectionOwnerChanged → SelectionRead    a program copied: its text or picture comes through a pipe
    SetSelection                             programs paste what a viewer copied
    SelectionTransfer → SelectionWrite … SelectionWriteDone    a program pastes: it goes through a pipe

What a portal refuses is logged and no more: the desktop goes on without it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from dillinger_contracts.errors import DillingerError
from dillinger_stream.clipboard.base import Clip
from dillinger_stream.clipboard.pipes import MOST_TAKERS, SERVED, ClipPipes, wanted_of
from dillinger_stream.errors import CaptureError

from .answers import Value
from .bus import Answer, Signal

log = structlog.get_logger()

_MOST_KINDS = 64
_MOST_ASKED = MOST_TAKERS
"""Calls under way at the same time: a program that pastes without end gets nothing."""


class Ask(Protocol):
    """Calls a method of the portal's Clipboard for the session; raises `CaptureError` or a refusal."""

    async def __call__(self, member: str, signature: str, *arguments: object, reply: str) -> Answer: ...


class PortalClipboard:
    """`on_copied` is called on the loop."""

    def __init__(self, ask: Ask, *, on_copied: Callable[[Clip], None]) -> None:
        self._ask = ask
        self._pipes = ClipPipes(on_copied)
        self._clip: Clip | None = None
        """What programs paste, while it is ours."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching: asyncio.Task[None] | None = None

    def give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        """From now on programs paste `clip`; `on_taken` is called on the loop when that is so."""
        self._clip = clip
        self._start(lambda: self._give(clip, on_taken))

    def heard(self, signal: Signal) -> None:
        """A signal of the portal's, whose first argument is the session."""
        match signal.member, signal.signature:
            case "SelectionOwnerChanged", "oa{sv}":
                self._copied(signal.body[1])
            case "SelectionTransfer", "osu":
                self._start(lambda: self._serve(signal.body[1], signal.body[2]))

    async def close(self) -> None:
        """Ends what is under way; idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pipes.close()

    def _copied(self, told: dict[str, Any]) -> None:
        """A program copied, or we did."""
        if self._fetching is not None:
            self._fetching.cancel()
        self._pipes.stop_fetching()
        if told.get("session_is_owner") == Value("b", True):
            return
        self._clip = None
        kinds = told.get("mime_types")
        wanted = wanted_of(_names(kinds.value if isinstance(kinds, Value) else ()))
        if wanted is not None:
            self._fetching = self._start(lambda: self._fetch(*wanted))

    async def _give(self, clip: Clip, on_taken: Callable[[], None]) -> None:
        await self._ask("SetSelection", "a{sv}", {"mime_types": Value("as", list(SERVED[clip.kind]))}, reply="")
        self._clip = clip  # a program may have copied until then
        on_taken()

    async def _fetch(self, name: str, kind: Any) -> None:
        self._pipes.fetch(_pipe(await self._ask("SelectionRead", "s", name, reply="h")), kind)

    async def _serve(self, name: str, serial: int) -> None:
        clip = self._clip
        descriptor = _pipe(await self._ask("SelectionWrite", "u", serial, reply="h"))
        data = clip.data if clip is not None and name in SERVED[clip.kind] else b""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pipes.serve(descriptor, data, lambda is_done: None if done.done() else done.set_result(is_done))
        await self._ask("SelectionWriteDone", "ub", serial, await done and bool(data), reply="")

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None] | None:
        if len(self._tasks) >= _MOST_ASKED:
            return None
        task = asyncio.create_task(self._supervised(work), name="portal_clipboard")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _supervised(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except DillingerError as error:
            log.warning("portal_clipboard", error=error.message)


def _names(told: Any) -> Sequence[str]:
    """MIME types: an array, or as older GNOMEs have it, an array in a structure of its own."""
    while isinstance(told, tuple) and len(told) == 1 and isinstance(told[0], tuple):
        told = told[0]
    return [name for name in told if isinstance(name, str)][:_MOST_KINDS] if isinstance(told, tuple) else ()


def _pipe(answer: Answer) -> int:
    """The one descriptor of an answer."""
    if answer.body != (0,) or len(answer.descriptors) != 1:
        for descriptor in answer.descriptors:
            os.close(descriptor)
        raise CaptureError("The portal's clipboard gives no pipe")
    return answer.descriptors[0]
