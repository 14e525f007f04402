"""The composition root of `dillinger-stream start`: claims, connects, serves, and takes all of it down in reverse.

    claim ─ desktop ─ port ─ stream ─ control socket ─ … ─ the first reason to end ── down again

What ends it by somebody's wish is exit code 0; a desktop or a picture that is lost is an error that is raised. Owns
the loop and the main thread.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from dillinger_contracts.errors import Conflict, DillingerError, Unavailable
from dillinger_contracts.lifecycle import EndReason

from .admission import Keys, secret_of
from .control import ControlServer, StreamStatus, ask
from .instance import Claim, ensure_private, runtime_folder, socket_of
from .server import StreamServer, address_of, listen, tls_context
from .settings import Settings
from .sound import probe
from .sources.base import DesktopSource
from .sources.choose import choose
from .streaming import DesktopStream
from .web import Pages, find_web_dir

log = structlog.get_logger()

_WHY_S = 0.5
"""A desktop that goes takes the picture with it, and which of both is heard of first is chance: the cause is told."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Opened:
    """What is told when it can be watched."""

    desktop: str
    address: str
    watch_address: str
    is_view_only: bool
    silence: str | None
    """Why there is no sound; None where there is."""


async def run(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    on_open: Callable[[Opened], None],
    on_question: Callable[[str], None],
) -> None:
    """Streams until somebody ends it; raises `DillingerError` where it can't begin, or the desktop is lost.

    `on_question` is given what the desktop is about to ask its owner.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        source = choose(settings.capture, environment, is_view_only=settings.server.view_only)
        keys = Keys(secret_of(settings.server.key_file), is_view_only=settings.server.view_only)
        pages = Pages(find_web_dir(settings.server.web_dir), _wishes(settings, source))
        tls = tls_context(settings.server)
        folder = ensure_private(runtime_folder(environment, uid=os.getuid()))
        claim = _claim(folder, source)
        stack.callback(claim.release)
        listener = listen(settings.server)
        stack.callback(listener.close)
        stack.push_async_callback(source.close)
        if source.question is not None:
            on_question(source.question)
        if not await _connect(source, stopping):
            return
        silence = await _why_silent(settings, environment)
        stream = DesktopStream(source, settings, environment, admit=keys.admit, has_sound=silence is None)
        stack.push_async_callback(stream.close)
        server = StreamServer(stream.hub, pages, is_tls=tls is not None)
        stack.push_async_callback(server.close)
        stream.start()
        await server.open(listener, tls)
        base = address_of(settings.server, listener.getsockname()[1])
        watch_address = f"{base}#{keys.watch}"
        opened = Opened(
            source.name, watch_address if keys.play is None else f"{base}#{keys.play}", watch_address,
            is_view_only=keys.play is None, silence=silence,
        )  # fmt: skip
        status = _status_of(source, stream, opened)
        control = ControlServer(socket_of(folder, source.key), status=status, stop=stopping.set, trace=stream.trace)
        stack.push_async_callback(control.close)
        await control.open()
        log.info("stream_open", display=source.name, port=listener.getsockname()[1], has_sound=silence is None)
        on_open(opened)
        lost = await _first_end(stopping, source, stream)
        await stream.end(
            EndReason.INTERNAL if lost else EndReason.USER_STOP,
            lost.message if lost else f"The stream of the desktop {source.name} was ended",
        )
    if lost is not None:
        raise lost
    log.info("stream_ended")


async def _connect(source: DesktopSource, stopping: asyncio.Event) -> bool:
    """Whether it is connected; or somebody wants an end before: a person may be asked, and think for long."""
    connecting, stopped = asyncio.create_task(source.connect()), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((connecting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            await connecting
        return connecting.done()
    finally:
        for task in (connecting, stopped):
            task.cancel()
        await asyncio.gather(connecting, stopped, return_exceptions=True)


def _claim(folder: Path, source: DesktopSource) -> Claim:
    try:
        return Claim.take(folder, source.key)
    except Conflict as taken:
        try:
            running = ask(socket_of(folder, source.key), "status")
        except DillingerError:  # it has only just begun, or hangs
            raise Conflict(f"The display {source.name} is streamed already. {taken.message}") from taken
        since = running.started_at.astimezone().strftime("%H:%M")
        raise Conflict(
            f"The display {source.name} is streamed already, by process {running.pid} since {since}",
            hint=f"It is at {running.address} (dillinger-stream stop --display {source.name} ends it)",
        ) from taken


def _wishes(settings: Settings, source: DesktopSource) -> dict[str, object]:
    """What the page's player asks for."""
    return {
        "codec": settings.encoder.codec,
        "rate_hz": settings.encoder.rate_hz,
        "bitrate_bps": settings.encoder.bitrate_bps,
        "prefers": settings.encoder.prefers,
        "transport": settings.webrtc.transport,
        "shares_clipboard": source.shares_clipboard,
    }


async def _why_silent(settings: Settings, environment: Mapping[str, str]) -> str | None:
    if settings.capture.sound == "off":
        return "It is switched off"
    try:
        await probe(environment)
    except Unavailable as error:
        log.info("no_sound", error=error.message, hint=error.hint)
        return error.message
    return None


def _status_of(source: DesktopSource, stream: DesktopStream, opened: Opened) -> Callable[[], StreamStatus]:
    started_at = datetime.now(UTC)
    return lambda: StreamStatus(
        source=source.kind,
        display=source.name,
        pid=os.getpid(),
        started_at=started_at,
        address=opened.address,
        watch_address=opened.watch_address,
        is_view_only=opened.is_view_only,
        has_sound=stream.has_sound,
        stats=stream.stats(),
    )


async def _first_end(stopping: asyncio.Event, source: DesktopSource, stream: DesktopStream) -> DillingerError | None:
    """None when somebody wants it to end, else what was lost."""
    stopped = asyncio.create_task(stopping.wait())
    gone, failed = asyncio.create_task(source.ended()), asyncio.create_task(stream.failed())
    tasks = (stopped, gone, failed)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if failed.done() and not gone.done():
            await asyncio.wait((stopped, gone), timeout=_WHY_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if stopping.is_set():
        return None
    return gone.result() if not gone.cancelled() else failed.result()
