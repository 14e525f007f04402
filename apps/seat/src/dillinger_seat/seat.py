"""The composition root: starts a session's parts in order, and takes them down in reverse.

    cell ─┬─ display ─┬─ game ─┬─ window ─┬─ ready ── … ── the first reason to end ── down again
          └─ sound ───┘        └─ stream ─┘
    (the codecs load meanwhile)

Whoever first gives the verdict ends the session. Afterwards nothing is left: no process, socket or file but the logs
and `end.json`. Owns the loop and the main thread, with which the cell dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from dillinger_contracts.cell import SESSION_PRELOAD, RuntimeFolder
from dillinger_contracts.control import (
    PartRestarted,
    PeersChanged,
    SeatEnded,
    SeatReady,
    StatsTaken,
    StepDone,
    StopSeat,
)
from dillinger_contracts.errors import DillingerError, NotFound, Unsupported
from dillinger_contracts.game import DisplayConfiguration
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.seat_folder import SeatFolder
from dillinger_contracts.session import SeatSpec, SessionEnd, StartStep
from dillinger_contracts.stages import StreamTrace
from dillinger_saves.locks import played

from .admission import Admission
from .cell.cell import Cell
from .cell.game_folder import GameFolder, library_folder, ready_folder, saves_of
from .cell.paths import SharedPaths, cell_paths
from .control import ControlLink
from .desktops.base import Desktop, DisplayServer
from .desktops.choose import display_of
from .desktops.sound import SoundFifo, SoundServer
from .desktops.voice import Microphone
from .desktops.xvfb import first_display
from .ends import save_end
from .guests.base import Guest
from .guests.choose import GUEST_KINDS, guest_of
from .head import head_of
from .loading import load
from .pads.choose import pads_of
from .watches import Watches

if TYPE_CHECKING:
    from .outlets import Outlet
    from .showing import Showing
    from .streaming import CellEnds

log = structlog.get_logger()

TERM_GRACE_S = 3.0
LAST_WORD_S = 3.0
STATS_S = 1.0
IDLE_STATS_S = 30.0


class Seat:
    """One session, from its spec to its end."""

    def __init__(self, spec: SeatSpec) -> None:
        self._spec = spec
        self._game = spec.session.game
        self._watches = Watches(spec)
        self._link = ControlLink(spec, on_stop=self._on_stop, trace=self._trace)
        self._grace_s = TERM_GRACE_S
        self._hurry = asyncio.Event()
        self._company_changed = asyncio.Event()
        self._missing: dict[str, str] = {}
        self._is_ready = False
        self._outlet: Outlet | None = None
        self._showing: Showing | None = None
        self._desktop: Desktop | None = None

    async def run(self) -> SessionEnd:
        """The whole session; returns when nothing of it is left."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_term)
        link = asyncio.create_task(self._link.run())
        try:
            end = await self._live()
            save_end(Path(self._spec.session_dir), end)
            self._link.report(SeatEnded(end=end))
            await self._link.flush(LAST_WORD_S)
        finally:
            link.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await link
        log.info("seat_gone", reason=end.reason.value)
        return end

    async def _live(self) -> SessionEnd:
        async with AsyncExitStack() as stack:
            self._watches.spawn(self._start(stack))
            end = await self._watches.verdict.wait()
            if self._outlet is not None:
                if self._spec.starts_again(end.reason):
                    await self._outlet.interrupt(f"{end.message}; the game is started once more")
                else:
                    await self._outlet.end(end)
            await self._watches.cancel()
        return end

    # The start

    async def _start(self, stack: AsyncExitStack) -> None:
        try:
            async with asyncio.timeout(self._spec.start_timeout_s):
                await self._start_parts(stack)
        except TimeoutError:
            what = next(iter(self._missing.values()), "The session was not ready")
            self._watches.give_up_starting(f"{what} after {self._spec.start_timeout_s:g} s")
            return
        self._is_ready = True
        self._link.report(SeatReady())
        log.info("seat_ready")
        self._on_peers_changed(self._outlet.peers if self._outlet else 0)

    async def _start_parts(self, stack: AsyncExitStack) -> None:
        self._refuse_what_is_not_here()
        await self._find_screen(stack)
        shared = stack.enter_context(_runtime_folder(self._spec))
        server = stack.enter_context(contextlib.closing(display_of(self._spec, shared)))
        fifo = stack.enter_context(contextlib.closing(SoundFifo(shared)))
        microphone = Microphone(shared)
        stack.push_async_callback(microphone.close)
        pads = stack.enter_context(contextlib.closing(await asyncio.to_thread(pads_of, self._spec, shared)))
        folder = await self._ready_folder(stack)
        # Not before: each step until the cell starts would wait for its turn beside the thread that loads.
        loading = asyncio.create_task(asyncio.to_thread(load))
        stack.push_async_callback(_settled, loading)
        async with self._step("cell", "The cell was not up"):
            cell = await Cell.start(self._spec, folder, listen_fds=server.listen_fds)
            stack.push_async_callback(cell.close)
        await asyncio.to_thread(folder.note_mounted)
        self._watches.on_cell(cell)
        paths = cell_paths(self._spec)
        server.move_in(cell, paths)
        sound = SoundServer(cell, paths)
        microphone.join(cell, paths, sound)
        guest = guest_of(self._spec, cell, has_windows=lambda: self._desktop is not None and self._desktop.has_windows)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._start_sound(sound))
            connecting = group.create_task(self._start_display(stack, server, loading))
            group.create_task(self._prepare(guest))
        self._desktop = desktop = connecting.result()
        stack.push_async_callback(self._quit, guest)
        async with self._step("game", f"{guest.program} was not started"):
            await guest.launch(server.variables | sound.variables | pads.variables)
        self._watches.spawn(self._watches.guest_end(guest, guest.program))
        self._watches.spawn(self._watches.disk_full(self._on_disk_nearly_full))
        from .streaming import CellEnds

        head = await head_of(self._spec, cell)
        if head is not None:
            stack.callback(head.close)
        ends = CellEnds(fifo.take_read_fd(), microphone, pads, head, server.set_keyboard)
        async with asyncio.TaskGroup() as group:
            if self._showing is None:
                group.create_task(self._open_stream(stack, desktop, ends))
            else:
                group.create_task(self._open_screen(stack, self._showing, desktop, ends, shared))
            group.create_task(self._show(desktop, guest))

    def _refuse_what_is_not_here(self) -> None:
        launch = self._game.launch
        if launch.kind not in GUEST_KINDS:
            raise Unsupported(
                f"{self._game.title} is a {launch.kind} game, and this release starts other kinds only",
                hint=f"It starts {', '.join(sorted(GUEST_KINDS))}",
            )
        if not library_folder(self._spec).is_dir():
            raise NotFound(f"{self._game.title} has no folder in the library", hint="Look whether its disk is mounted")

    async def _ready_folder(self, stack: AsyncExitStack) -> GameFolder:
        """The game's own folder, held for this session; a step of its own where a copy has to be made."""
        saves = saves_of(self._spec)
        is_first = saves is None or stack.enter_context(played(saves))
        async with self._step("folder", "The game's folder was not ready"):
            return await asyncio.to_thread(ready_folder, self._spec, is_first=is_first)

    async def _prepare(self, guest: Guest) -> None:
        """While display and sound start; a step of its own where it takes a while."""
        if guest.preparation is None:
            await guest.prepare()
        else:
            async with self._step(guest.preparation, f"The {guest.preparation} of {guest.program} was not ready"):
                await guest.prepare()

    async def _start_sound(self, sound: SoundServer) -> None:
        async with self._step("sound", "The sound server was not started"):
            try:
                await sound.start()
            except DillingerError as error:
                self._on_silence(error.message)
                return
        self._watches.spawn(self._keep_sound(sound))

    async def _start_display(
        self, stack: AsyncExitStack, server: DisplayServer, loading: asyncio.Task[None]
    ) -> Desktop:
        async with self._step("display", "The display server was not ready"):
            wanted, display = self._displays()
            part = await server.start(wanted)
            await server.wait_ready(part)
            await asyncio.shield(loading)
            desktop = server.desktop(on_pointer_moved=self._on_pointer_moved)
            stack.push_async_callback(desktop.close)
            await desktop.connect(display)
        self._watches.spawn(self._watches.display_end(part))
        return desktop

    async def _find_screen(self, stack: AsyncExitStack) -> None:
        """The machine's display, where the session is to be shown there: without it nothing else need start."""
        if self._spec.screen is None:
            return
        async with self._step("screen", "The machine's display did not answer"):
            await asyncio.to_thread(load)
            from .showing import Showing, ShowingEvents

            events = ShowingEvents(
                peers_changed=self._on_peers_changed,
                closed=lambda: self._watches.verdict.give(EndReason.USER_STOP, "Its window was closed"),
                screen_lost=self._watches.lose_screen,
                picture_failed=self._watches.lose_picture,
                silent=self._on_silence,
            )
            self._showing = Showing(self._spec, self._spec.screen, events)
            stack.push_async_callback(self._showing.close)
            await self._showing.connect()

    def _displays(self) -> tuple[DisplayConfiguration, DisplayConfiguration]:
        """What the display server is started for, and what the game finds."""
        if self._showing is not None:
            return self._showing.first_display(), self._showing.first_display()
        return self._game.display, first_display(self._game.display, self._spec.session.profile)

    async def _open_screen(
        self, stack: AsyncExitStack, showing: Showing, desktop: Desktop, ends: CellEnds, shared: SharedPaths
    ) -> None:
        async with self._step("shown", "The machine's display did not show it"):
            stack.push_async_callback(showing.close)  # before the desktop is let go of
            self._outlet = showing
            await showing.open(desktop, ends)
        self._watches.spawn(self._take_stats(showing))
        self._watches.spawn(showing.run(desktop, shared.sound_fifo))

    async def _open_stream(self, stack: AsyncExitStack, desktop: Desktop, ends: CellEnds) -> None:
        async with self._step("stream", "The stream was not open"):
            from .streaming import Streaming, StreamingEvents

            events = StreamingEvents(
                peers_changed=self._on_peers_changed,
                part_restarted=self._on_restarted,
                picture_failed=self._watches.lose_picture,
                sound_failed=lambda error: self._on_silence(error.message),
            )
            session = self._spec.session
            self._outlet = streaming = Streaming(
                desktop,
                session.profile,
                events,
                admit=Admission(session.session_id, self._spec.ticket_key).admit,
                media=self._spec.media,
                is_resizable=self._game.display.resizable,
                ends=ends,
            )
            stack.push_async_callback(streaming.close)
            await streaming.open(Path(self._spec.runtime_dir) / RuntimeFolder.STREAM_SOCKET)
            if self._spec.stream_listen is not None:
                port_file = Path(self._spec.session_dir) / SeatFolder.STREAM_PORT
                await streaming.open_to_network(self._spec.stream_listen, port_file)
        self._watches.spawn(self._take_stats(streaming))
        self._watches.spawn(streaming.watch_pointer())
        self._watches.spawn(streaming.learn_costs())
        self._watches.spawn(streaming.watch_answers(self._game.title, self._spec.answer_timeout_s))

    async def _show(self, desktop: Desktop, guest: Guest) -> None:
        if self._game.display.needs_window:
            async with self._step("window", f"{guest.program} runs but has shown no window"):
                await desktop.first_window()
        self._watches.has_shown = True
        self._watches.spawn(desktop.keep_fitted())

    @asynccontextmanager
    async def _step(self, name: str, missing: str) -> AsyncIterator[None]:
        """Measures and reports a step; `missing` is what to say when the deadline comes before its end."""
        began_ns = time.monotonic_ns()
        self._missing[name] = missing
        yield
        del self._missing[name]
        step = StartStep(name=name, duration_ms=round((time.monotonic_ns() - began_ns) / 1e6, 1))
        log.info("step_done", step=name, duration_ms=step.duration_ms)
        self._link.report(StepDone(step=step))

    # While it lives

    async def _keep_sound(self, sound: SoundServer) -> None:
        self._on_silence(await sound.keep(on_restarted=lambda message: self._on_restarted("sound", message)))

    async def _take_stats(self, outlet: Outlet) -> None:
        while True:
            self._company_changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATS_S if outlet.peers else IDLE_STATS_S):
                    await self._company_changed.wait()
            self._link.report(StatsTaken(stats=outlet.stats()))

    def _trace(self) -> StreamTrace:
        return StreamTrace() if self._outlet is None else self._outlet.trace()

    def _on_peers_changed(self, peers: int) -> None:
        self._company_changed.set()
        self._watches.on_peers(peers, is_ready=self._is_ready)
        if self._is_ready:
            self._link.report(PeersChanged(peers=peers))

    def _on_pointer_moved(self) -> None:
        if self._outlet is not None:
            self._outlet.pointer_moved()

    def _on_restarted(self, part: str, message: str) -> None:
        log.warning("part_restarted", part=part, message=message)
        self._link.report(PartRestarted(part=part, message=message))
        if self._outlet is not None:
            self._outlet.notify("part_restarted", message)

    def _on_disk_nearly_full(self, used_bytes: int) -> None:
        limit_bytes = self._spec.session.resources.saves_bytes
        log.warning("disk_nearly_full", used_bytes=used_bytes, limit_bytes=limit_bytes)
        if self._outlet is not None:
            self._outlet.notify(
                "disk_nearly_full",
                f"What this game may save is nearly used up: {used_bytes >> 20} of {limit_bytes >> 20} MiB",
            )

    def _on_silence(self, message: str) -> None:
        """Sound is lost for good; a silent game is better than none, so the session goes on and says so."""
        log.warning("sound_lost", message=message)
        if self._outlet is not None:
            self._outlet.notify("sound_lost", f"The game goes on without sound: {message}")

    # The end

    def _on_stop(self, order: StopSeat) -> None:
        self._grace_s = order.grace_s
        self._watches.verdict.give(order.reason, "")

    def _on_term(self) -> None:
        if self._watches.verdict.is_given:
            self._hurry.set()
        # Whoever runs sessions says why they end. A bare signal is the machine's or the container engine's own.
        self._watches.verdict.give(
            EndReason.SEAT_LOST,
            "The seat was told to end from outside, as by a machine or a container engine that stops",
        )

    async def _quit(self, guest: Guest) -> None:
        """Asks the game to end; a second SIGTERM to the seat means: no more grace."""
        quitting = asyncio.create_task(guest.quit(grace_s=self._grace_s))
        hurrying = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([quitting, hurrying], return_when=asyncio.FIRST_COMPLETED)
        for task in (quitting, hurrying):
            task.cancel()
        await asyncio.gather(quitting, hurrying, return_exceptions=True)


async def _settled(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


@contextmanager
def _runtime_folder(spec: SeatSpec) -> Iterator[SharedPaths]:
    """The session's runtime folder, gone with the session, as is what a container had of it elsewhere."""
    runtime = Path(spec.runtime_dir)
    runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield SharedPaths.of(spec)
    finally:
        shutil.rmtree(runtime, ignore_errors=True)
        shutil.rmtree(Path(spec.session_dir) / SESSION_PRELOAD, ignore_errors=True)
