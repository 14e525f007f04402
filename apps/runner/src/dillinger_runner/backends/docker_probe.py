"""Whether sessions can be held in an engine's containers here: asked of the engine, and tried.

On the runner's loop. What an engine's answers mean is `docker_findings`'.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

from dillinger_contracts import Unavailable, Unsupported

from .base import Finding, Probe
from .docker_engine import Engine
from .docker_findings import disk_finding, engine_finding, is_podman, limits_finding, mounts_finding, user_finding
from .docker_spec import Gpu, Premises, graphics_check_config
from .docker_usage import ContainerMeter

_GOOD_FOR_S = 30.0
_CHECK_TIMEOUT_S = 20.0
_GPU_HINT = "Install the card's driver and its container toolkit, or set docker_gpu = none"


class EngineProbe:
    """Of one docker backend."""

    def __init__(self, premises: Premises, engine: Engine, meter: ContainerMeter, *, are_limits_required: bool) -> None:
        self.is_podman = False
        """As the last look found."""
        self._premises = premises
        self._engine = engine
        self._meter = meter
        self._are_limits_required = are_limits_required
        self._found: tuple[Probe, float] | None = None
        self._looking = asyncio.Lock()

    @property
    def verdicts(self) -> Mapping[str, bool]:
        """What the last look found to be so, by name."""
        return {} if self._found is None else {found.name: found.ok for found in self._found[0].findings}

    async def look(self) -> Probe:
        """A good answer is remembered for half a minute, a bad one not at all."""
        async with self._looking:
            if self._found is None or time.monotonic() > self._found[1]:
                found = await self._ask()
                self._found = found, time.monotonic() + (_GOOD_FOR_S if found.ok else 0.0)
            return self._found[0]

    async def _ask(self) -> Probe:
        premises = self._premises
        try:
            version, info = await self._engine.version(), await self._engine.info()
            images = {premises.seat_image, *premises.cell_images.values()}
            lacking = sorted([name for name in images if await self._engine.image_id(name) is None])
        except Unavailable as error:
            return Probe(False, (Finding("engine", False, error.message, error.hint),))
        engine, limits = engine_finding(version), limits_finding(info)
        needed = {premises.seat_image, premises.cell_images["native"]} & set(lacking)
        detail = f"missing: {', '.join(lacking)}" if lacking else f"{len(images)} images are there"
        found = Finding("images", not lacking, detail, "./dillinger build images" if lacking else None)
        user = user_finding(premises.user)
        self.is_podman = is_podman(version)
        mounts = mounts_finding(version, premises.rules)
        is_whole = engine.ok and user.ok and not needed and mounts is None
        ok = is_whole and (limits.ok or not self._are_limits_required)
        gpu = () if premises.gpu is None or needed else (await self._graphics_finding(premises.gpu),)
        figures = await self._meter.findings()
        disk = () if premises.disk_rate is None else (disk_finding(info, premises.disk_rate),)
        return Probe(ok, (engine, user, *([mounts] if mounts else []), found, limits, *gpu, *figures, *disk))

    async def _graphics_finding(self, gpu: Gpu) -> Finding:
        """Asked for as games would ask, and looked at from inside: an engine may take a request and give nothing."""
        name = f"dillinger-{self._premises.instance}-gpu"
        try:
            await self._engine.remove(name)
            await self._engine.create(name, graphics_check_config(self._premises, gpu))
            await self._engine.start(name)
            await self._engine.wait(name, timeout_s=_CHECK_TIMEOUT_S)
            box = await self._engine.inspect(name)
        except (Unavailable, Unsupported) as error:
            return Finding("gpu", False, f"no container with a graphics card: {error.message}", _GPU_HINT)
        finally:
            with contextlib.suppress(Unavailable):
                await self._engine.remove(name)
        if box is not None and box.exit_code == 0:
            return Finding("gpu", True, f"a graphics card is seen in a container ({gpu.kind}; unverified with games)")
        return Finding(
            "gpu", False, f"the engine takes the request ({gpu.kind}), and no card is seen inside", _GPU_HINT
        )
