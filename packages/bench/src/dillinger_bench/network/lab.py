"""Two machines on one: this process (and all that it starts) at the server's end of a link, a browser at the other.

Entering the server's network can't be undone: a program that uses this ends with it. Blocking; one thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from dillinger_bench.viewer import chromium_path, open_browser
from dillinger_contracts.errors import Unavailable, Unsupported

from . import namespaces
from .emulator import SERVER_ADDRESS
from .link import Bin, LinkProfile

_ANSWER_TIMEOUT_S = 20.0
_MORE_FLAGS = ("--ignore-certificate-errors",)
"""The certificate authority is an hour old and nobody's; what is encrypted is encrypted all the same."""


class NetworkLab:
    """The link and what is at its ends; raises `Unsupported` with the reason where this machine has no such thing."""

    address = SERVER_ADDRESS

    def __init__(self, *, seed: int) -> None:
        command = [sys.executable, "-m", f"{__package__}.emulator", str(seed)]
        self._emulator = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            told = self._hear()
            if "networks" not in told:
                raise Unsupported(told["error"], hint=told["hint"])
            self._client = f"/proc/{self._emulator.pid}/fd/{told['networks']['client']}"
            self._enter(told["networks"]["server"])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the link; what is still connected over it hears nothing any more. Idempotent."""
        assert self._emulator.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._emulator.stdin.close()
        try:
            self._emulator.wait(5)
        except subprocess.TimeoutExpired:
            self._emulator.kill()
            self._emulator.wait()

    def set(self, down: LinkProfile, up: LinkProfile) -> float:
        """Both directions from now on; when that was, on the monotonic clock."""
        at_s: float = self._ask({"down": asdict(down), "up": asdict(up)})["at_s"]
        return at_s

    def move_browser(self, address: str) -> None:
        """The browser's machine changes its network: it has this address from now on, and the old one no more."""
        self._ask({"client_address": address})

    def report(self) -> dict[str, list[Bin]]:
        """What the link did since the last report: `down` is towards the browser."""
        return {name: [Bin(**step) for step in steps] for name, steps in self._ask({"report": True}).items()}

    @contextmanager
    def browser(self, *, trusted: Sequence[str] = ()) -> Iterator[Browser]:
        """A Chromium at the client's end; origins in `trusted` are secure ones to it without encryption too."""
        flags = [*_MORE_FLAGS, f"--unsafely-treat-insecure-origin-as-secure={','.join(trusted)}"]
        with tempfile.TemporaryDirectory(prefix="dl-") as folder, contextlib.ExitStack() as stack:
            door = Path(folder) / "chromium"
            inside = f"{sys.executable} -m {__package__}.inside {self._client} {chromium_path()}"
            door.write_text(f'#!/bin/sh\nexec {inside} "$@"\n', "utf-8")
            door.chmod(0o755)
            with namespaces.capabilities_handed_down():
                browser = stack.enter_context(open_browser(door, more_flags=flags))
            yield browser

    def _enter(self, server: int) -> None:
        for name in ("ns/user", f"fd/{server}"):
            descriptor = os.open(f"/proc/{self._emulator.pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            namespaces.enter(descriptor)
            os.close(descriptor)

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._emulator.stdin is not None
        self._emulator.stdin.write(json.dumps(order).encode() + b"\n")
        self._emulator.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._emulator.stdout is not None
        ready, _, _ = select.select([self._emulator.stdout], [], [], _ANSWER_TIMEOUT_S)
        line = self._emulator.stdout.readline() if ready else b""
        if not line:
            raise Unavailable("The link emulator does not answer")
        told: dict[str, Any] = json.loads(line)
        return told
