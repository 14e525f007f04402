"""By whom waiting seats are handed their folders: a process of the runner's, or a container, the porter.

A runner in a container may open no mounts, since the engine's filter forbids it. Then the porter does, which sees the
folders that the runner sees, and nothing else: no network, no capability, no engine. It takes orders from its standard
input alone, which only this runner's connection with the engine reaches, and ends with that: a killed runner leaves
none.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dillinger_contracts import Unavailable, Unsupported
from dillinger_runner.cgroups import Limits

from .docker_engine import Engine, Talk
from .docker_spec import LABEL_INSTANCE, Config, Premises, bind_of, locked

Order = Mapping[str, Any]
"""What `hand_over.py` takes."""

_PROGRAM = Path(__file__).with_name("hand_over.py")
_PORTER_LIMITS = Limits(64 << 20, 1.0, 16)
_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Stores:
    """Where a runner keeps what seats are given folders of."""

    runtime_dir: Path
    sessions_dir: Path
    saves_dir: Path
    library_dir: Path

    def ensure(self) -> None:
        """What only a first session would make is there already: an engine mounts nothing else."""
        for folder in (self.sessions_dir, self.saves_dir):
            with suppress(OSError):  # where it matters, the engine says what is missing
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def porter_config(premises: Premises, stores: Stores, program: str) -> Config:
    """As any container of ours, but for the filter: it has to make a user namespace, and mounts within."""
    writable = {stores.sessions_dir}
    folders = (stores.runtime_dir, stores.sessions_dir, stores.saves_dir, stores.library_dir)
    mounts = [bind_of(premises, str(one), str(one), is_read_only=one not in writable) for one in folders]
    host = locked(_PORTER_LIMITS) | {
        "NetworkMode": "none",
        "SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"],
        "Mounts": mounts,
        "AutoRemove": True,
    }
    return {
        "Image": premises.seat_image,
        "User": premises.user,
        "WorkingDir": "/",
        "Entrypoint": ["/usr/bin/python3", "-I", "-S", "-c", program],
        "Cmd": [],
        "OpenStdin": True,
        "StdinOnce": True,
        "AttachStdin": True,
        "HostConfig": host,
        "Labels": {LABEL_INSTANCE: premises.instance},
    }


class Hands:
    """One runner's; one order at a time."""

    def __init__(self, premises: Premises, stores: Stores, engine: Engine, *, has_own: bool | None = None) -> None:
        """`has_own` is whether a process of the runner's may do it; None has it tried."""
        self._premises = premises
        self._stores = stores
        self._engine = engine
        self._has_own = has_own
        self._porter: Talk | None = None
        self._turn = asyncio.Lock()

    async def check(self, folder: Path) -> None:
        """Raises Unsupported where nobody may hand folders such as this, Unavailable where it can't be told."""
        await self.give({"folders": [(str(folder), True)]})

    async def give(self, order: Order) -> None:
        """Has it done; raises Unsupported with what is in the way, or Unavailable."""
        async with self._turn:
            if self._has_own is None:
                self._has_own = not await by_process({"folders": [(str(self._stores.runtime_dir), True)]})
            problem = await (by_process(order) if self._has_own else self._by_porter(order))
        if problem:
            raise Unsupported(f"No folder can be handed to a waiting seat: {problem}", hint="Set pool_size = 0")

    async def close(self) -> None:
        """Ends the porter."""
        if self._porter is not None:
            await self._dismiss()

    async def _by_porter(self, order: Order) -> str:
        """One that ended since the last order is replaced once."""
        if self._porter is not None:
            with suppress(Unavailable):
                return await self._ask(self._porter, order)
        return await self._ask(await self._engage(), order)

    async def _ask(self, porter: Talk, order: Order) -> str:
        answer: str | None = None
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                answer = str(json.loads(await porter.ask(json.dumps(order).encode() + b"\n")))
        except TimeoutError:
            raise Unavailable(f"The waiting seat did not take its session within {_TIMEOUT_S:g} s") from None
        finally:
            if answer is None:  # the next order would have taken its late answer for its own
                await self._dismiss()
        return answer

    async def _engage(self) -> Talk:
        name = self._name
        await self._engine.remove(name)
        await asyncio.to_thread(self._stores.ensure)
        program = await asyncio.to_thread(_PROGRAM.read_text, "utf-8")
        await self._engine.create(name, porter_config(self._premises, self._stores, program))
        self._porter = porter = await self._engine.talk(name)
        is_started = False
        try:
            await self._engine.start(name)
            is_started = True
        finally:
            if not is_started:  # whoever talks to it would wait for nobody
                await self._dismiss()
        return porter

    async def _dismiss(self) -> None:
        porter, self._porter = self._porter, None
        if porter is not None:
            await porter.close()
        with suppress(Unavailable):
            await self._engine.remove(self._name)

    @property
    def _name(self) -> str:
        return f"dillinger-{self._premises.instance}-porter"


async def by_process(order: Order) -> str:
    """What is in the way, or nothing; raises Unavailable."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", str(_PROGRAM), stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            answer, said = await process.communicate(json.dumps(order).encode())
    except TimeoutError:
        raise Unavailable(f"The waiting seat did not take its session within {_TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return str(json.loads(answer)) if answer else said.decode("utf-8", "replace").strip()[-300:] or "no word"
