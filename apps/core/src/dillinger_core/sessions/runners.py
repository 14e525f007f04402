"""The runners that core knows: listed in the settings, or found as the addresses of a name.

A runner that was found stays for as long as it answers or a live session is its, also when the name forgets it: a
name service tells who is ready, not who has games. Owned by the event loop.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Self

import structlog
from pydantic import HttpUrl

from dillinger_contracts import NotFound, Unavailable
from dillinger_core.settings import CoreSettings, RunnerAt

from .runner_client import RunnerClient

LOOK_UP_EVERY_S = 30.0
MAX_FOUND = 256

log = structlog.get_logger()


class Runner:
    """One runner, and whether it answers."""

    def __init__(self, at: RunnerAt, *, timeout_s: float) -> None:
        self.name = at.name
        self.client = RunnerClient(at, timeout_s=timeout_s)
        self.is_reachable = False
        """As its follower sees it."""


class Runners:
    """All of them; `open` with `async with`."""

    def __init__(self, settings: CoreSettings) -> None:
        self._timeout_s = settings.runner_timeout_s
        self._keys = settings.runner_keys
        self._lookup_url = settings.runner_lookup_url
        self._runners = {at.name: Runner(at, timeout_s=self._timeout_s) for at in settings.listed_runners}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for runner in self.all():
            await runner.client.close()

    def all(self) -> tuple[Runner, ...]:
        """Every runner, in the order of the settings."""
        return tuple(self._runners.values())

    @property
    def first(self) -> Runner:
        """The one that is meant where none is named; raises `Unavailable` while none is found."""
        for runner in self._runners.values():
            return runner
        raise Unavailable(f"No runner is found under {self._lookup_url}", retry_after_s=LOOK_UP_EVERY_S)

    @property
    def are_found(self) -> bool:
        """Whether they are looked for, so that one that is missing may still come."""
        return self._lookup_url is not None

    @property
    def is_any_reachable(self) -> bool:
        """Whether one answers."""
        return any(runner.is_reachable for runner in self._runners.values())

    def find(self, name: str | None) -> Runner | None:
        """The runner of this name."""
        return None if name is None else self._runners.get(name)

    def named(self, name: str | None) -> Runner:
        """The runner of this name, or the first; raises `NotFound`."""
        if name is None:
            return self.first
        if (runner := self.find(name)) is None:
            raise NotFound(f"There is no runner {name[:80]!r}", hint=f"There are: {', '.join(self._runners)}")
        return runner

    def has_none_but_reachable(self, *, beside: Runner) -> bool:
        """Whether all others answer."""
        return all(runner.is_reachable or runner is beside for runner in self._runners.values())

    async def look_up(self, *, in_use: Iterable[str]) -> list[Runner]:
        """Finds anew who is there, `in_use` being runners with live sessions; returns those that are gone, for
        the caller to close."""
        assert self._lookup_url is not None and self._lookup_url.host is not None
        host, port = self._lookup_url.host, self._lookup_url.port
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            log.warning("runner_lookup_failed", name=host, reason=error.strerror or str(error))
            return []
        addresses = sorted({str(entry[4][0]) for entry in found})[:MAX_FOUND]
        used = set(in_use)
        names = {f"{_in_url(address)}:{port}" for address in addresses}
        for name in sorted(names | {name for name in used if _is_address(name)}):
            if name not in self._runners:
                self._runners[name] = Runner(RunnerAt(name, f"http://{name}", self._keys), timeout_s=self._timeout_s)
                log.info("runner_found", runner=name)
        gone = [
            runner for name, runner in self._runners.items() if name not in names | used and not runner.is_reachable
        ]
        for runner in gone:
            del self._runners[runner.name]
            log.info("runner_gone", runner=runner.name)
        return gone


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _is_address(name: str) -> bool:
    """Whether `name` is that of a runner that was found: an address and a port."""
    host, _, port = name.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
        HttpUrl(f"http://{name}")
    except ValueError:
        return False
    return port.isdecimal()
