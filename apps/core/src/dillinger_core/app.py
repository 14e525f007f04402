"""Composition root: makes the parts of core, wires them, keeps the tasks behind them, and takes them down again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from .auth import Gate, Passwords
from .dialing import Dialer
from .library import Editor, Imports, Library
from .metrics import Metrics
from .pages import Pages
from .parts import Parts
from .private_files import ensure_key, private_directory
from .relay import Relay
from .sessions import Feed, Followers, Invitations, Runners, Sessions
from .settings import CoreSettings
from .store import Database, GameIndex, InvitationRows, Logins, SessionRows, Users
from .tls import ensure_certificates, this_machine
from .watches import Watches

_RESTART_AFTER_S = 2.0
_CERTIFICATE_LOOK_S = 6 * 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Core:
    """A core whose parts are up; `parts` go to the API, `tls` to the https listener."""

    parts: Parts
    tls: ssl.SSLContext


@asynccontextmanager
async def open_core(settings: CoreSettings) -> AsyncIterator[Core]:
    """Everything behind the listeners: database, library, runner link. Leaving the block ends all of it."""
    private_directory(settings.core_dir)
    settings.library.mkdir(parents=True, exist_ok=True)
    ticket_secret = ensure_key(settings.core_dir / "secrets/ticket.key")
    tls_dir = settings.core_dir / "tls"
    files = ensure_certificates(tls_dir, this_machine(settings.extra_names), now=datetime.now(UTC))
    context = files.context()
    database = await Database.open(settings.database)
    try:
        async with Runners(settings) as runners:
            feed, metrics = Feed(), Metrics()
            gate = Gate(settings, Users(database), Logins(database), Passwords())
            library = Library(settings, GameIndex(database), changed=lambda: feed.publish("library", "{}"))
            editor, imports = Editor(settings, library), Imports(settings, library)
            rows = SessionRows(database)
            sessions = Sessions(settings, rows, runners, feed, ticket_secret=ticket_secret)
            dialer = Dialer(sessions.stream_address, most_bytes=settings.relay_message_bytes)
            relay = Relay(settings, dialer, metrics)
            watches = Watches(settings, dialer.connect)
            metrics.watches.set_function(lambda: watches.count)
            parts = Parts(
                settings=settings,
                gate=gate,
                library=library,
                editor=editor,
                imports=imports,
                sessions=sessions,
                invitations=Invitations(settings, InvitationRows(database), rows, ticket_secret=ticket_secret),
                feed=feed,
                runners=runners,
                relay=relay,
                watches=watches,
                metrics=metrics,
                pages=Pages(settings.web_dir),
                ca_file=files.ca,
            )
            await gate.ensure_admin()

            async def keep_certificates() -> None:
                while True:
                    await asyncio.sleep(_CERTIFICATE_LOOK_S)
                    identity = await asyncio.to_thread(this_machine, settings.extra_names)
                    ensure_certificates(tls_dir, identity, now=datetime.now(UTC))
                    # New handshakes on the open listener get the new certificate.
                    context.load_cert_chain(files.server, files.server_key)

            followers = Followers(sessions, runners)
            tasks = _tasks(library=library.keep_looking, followers=followers.run, certificates=keep_certificates)
            async with imports.open(), watches, tasks:
                yield Core(parts, context)
    finally:
        await database.close()


@asynccontextmanager
async def _tasks(**runs: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(_supervised(name, run), name=name) for name, run in runs.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _supervised(name: str, run: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await run()
        except Exception:
            log.exception("task_failed", task=name)
            await asyncio.sleep(_RESTART_AFTER_S)
        else:
            return
