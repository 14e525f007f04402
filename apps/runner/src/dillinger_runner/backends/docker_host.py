"""What network the engine's machine has, read by a short-lived container that sees it: the runner may be elsewhere.

It asks the engine, and remembers the answer for a while. What is read are the kernel's own tables, so that the
container needs a shell and nothing else.
"""

from __future__ import annotations

import asyncio
import time

from dillinger_contracts import Unavailable

from .docker_engine import Engine
from .docker_spec import Config, Premises, look_config
from .host_network import SCRIPT, HostNetwork, parse

FRESH_S = 60.0
_TIMEOUT_S = 20.0


class HostLook:
    """Looks when it is asked to, and not too often."""

    def __init__(self, engine: Engine, premises: Premises) -> None:
        self._engine = engine
        self._premises = premises
        self._found: tuple[HostNetwork, float] | None = None
        self._looking = asyncio.Lock()

    async def network(self, *, max_age_s: float = FRESH_S) -> HostNetwork:
        """The machine's network as it was so long ago at most; raises `Unavailable`."""
        async with self._looking:
            if self._found is None or time.monotonic() - self._found[1] > max_age_s:
                self._found = parse(await self._look()), time.monotonic()
            return self._found[0]

    async def _look(self) -> str:
        name = f"dillinger-{self._premises.instance}-look"
        text = await run_once(self._engine, name, look_config(self._premises, SCRIPT))
        if "host LOCAL" not in text:
            raise Unavailable("The engine's machine does not tell its addresses", hint="Set media_addresses")
        return text


async def run_once(engine: Engine, name: str, config: Config) -> str:
    """What a container prints that ends by itself; raises `Unavailable` with its last words when it fails."""
    try:
        await engine.remove(name)
        await engine.create(name, config)
        await engine.start(name)
        if not await engine.wait(name, timeout_s=_TIMEOUT_S):
            raise Unavailable(f"The container {name} did not end in {_TIMEOUT_S:g} s")
        box = await engine.inspect(name)
        if box is None or box.exit_code != 0:
            raise Unavailable(f"The container {name} failed: {await engine.said(name)}")
        return await engine.output(name)
    finally:
        await engine.remove(name)
