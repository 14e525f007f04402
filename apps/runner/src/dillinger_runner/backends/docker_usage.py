"""What a session's containers use, in the cheapest way that works where this runner is.

Three ways, tried in this order once for each session: cgroup files that its processes name; cgroup files that are
shown to a runner in a container; the engine, which takes some hundred times as long for the same figures. The third is
taken only where nothing is shown. On the runner's loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .base import Finding, Usage
from .cell_network import NetworkMeter
from .container_groups import GroupSearch, named_by_processes
from .counters import Counters
from .docker_box import Box
from .docker_engine import Engine
from .docker_spec import Role, container_name
from .gpu_meter import GpuMeter
from .shown_network import SHOWN, cable, carried_bytes

_NAME = "usage"
_HINT = "Mount the machine's /sys/fs/cgroup into the runner's container, read-only, as compose.yaml does"
_HALVES: tuple[Role, ...] = ("seat", "cell")


@dataclass(slots=True)
class _Way:
    """How one session is measured, as long as its containers live."""

    cell: Box | None
    holder: Box | None
    """Of the cell's network, where that is another container."""
    counters: Counters | None
    """None: the engine is asked."""
    is_by_processes: bool = False
    interface: Path | None = None


class ContainerMeter:
    """The sessions of one docker backend."""

    def __init__(self, engine: Engine, *, proc: Path = Path("/proc"), interfaces: Path = SHOWN) -> None:
        self._engine = engine
        self._proc = proc
        self._interfaces = interfaces
        self._search = GroupSearch(proc)
        self._ways: dict[str, _Way] = {}
        self._gpus = GpuMeter()
        self._networks = NetworkMeter(proc)

    async def findings(self) -> tuple[Finding, ...]:
        """Which way works here, tried on any container that runs; and whether graphics cards are measured."""
        box = await self._engine.any_running()
        cards = await self._gpus.finding()
        if box is None:
            return (cards,)
        if named_by_processes({box.id: box.pid}, proc=self._proc) is not None:
            how = Finding(_NAME, True, "what sessions use is read from the machine's cgroups", None, False)
        elif self._search.find([box.id]) is not None:
            how = Finding(_NAME, True, "what sessions use is read from the cgroups that are shown here", None, False)
        else:
            how = Finding(_NAME, False, "what sessions use is asked of the engine, which is dear", _HINT, False)
        return how, cards

    async def usage(self, session_id: str) -> Usage:
        """All None for one that is gone."""
        way = self._ways.get(session_id)
        if way is None or (way.counters is not None and way.counters.are_gone):
            self.forget(session_id)
            way = await self._find(session_id)
        if way is None:
            return Usage(datetime.now(UTC))
        if way.counters is None:
            return await self._measured_by_engine(session_id, way)
        used = way.counters.read(datetime.now(UTC))
        if way.is_by_processes:
            used = self._networks.onto(used, session_id, way.counters.cell_pids)
            return await self._gpus.onto(used, way.counters.pids)
        return replace(used, network_bytes=self._carried(way))

    def forget(self, session_id: str) -> None:
        """Of a session that is over."""
        self._ways.pop(session_id, None)
        self._networks.forget(session_id)

    async def _find(self, session_id: str) -> _Way | None:
        boxes = [await self._engine.inspect(container_name(session_id, role)) for role in _HALVES]
        running = [box for box in boxes if box is not None and box.is_running]
        if not running:
            return None
        counters = named_by_processes({box.id: box.pid for box in running}, proc=self._proc)
        is_by_processes = counters is not None
        counters = counters or self._search.find([box.id for box in running])
        cell, holder = boxes[1], None
        if cell is not None and cell.network_mode.startswith("container:"):
            holder = await self._engine.inspect(container_name(session_id, "net"))
        way = _Way(cell, holder, counters, is_by_processes)
        if len(running) == len(boxes):  # else a half is still to come
            self._ways[session_id] = way
        return way

    def _carried(self, way: _Way) -> int | None:
        if way.cell is None:
            return None
        if way.cell.network_mode == "none":
            return 0
        attachment = (way.holder or way.cell).attachment
        if way.interface is None and attachment is not None:
            way.interface = cable(attachment, interfaces=self._interfaces)
        return None if way.interface is None else carried_bytes(way.interface)

    async def _measured_by_engine(self, session_id: str, way: _Way) -> Usage:
        found = {role: await self._engine.stats(container_name(session_id, role)) for role in _HALVES}
        halves = [one for one in found.values() if one is not None and is_of_running(one)]
        if len(halves) < len(_HALVES):
            self.forget(session_id)
        networked = found["cell"] if way.holder is None else await self._engine.stats(way.holder.id)
        carried = carried_by_stats(networked or {})
        if way.cell is not None and way.cell.network_mode == "none":
            carried = 0
        return replace(total(halves, datetime.now(UTC)), network_bytes=carried if halves else None)


def is_of_running(stats: Mapping[str, Any]) -> bool:
    """Whether the engine measured anything: it answers for what has ended too."""
    return bool((stats.get("pids_stats") or {}).get("current"))


def carried_by_stats(stats: Mapping[str, Any]) -> int | None:
    """What a container's interfaces have carried, in and out, as an engine tells it."""
    networks: Mapping[str, Mapping[str, int]] | None = stats.get("networks")
    if networks is None:
        return None
    return sum(one.get("rx_bytes", 0) + one.get("tx_bytes", 0) for one in networks.values())


def total(stats: Sequence[Mapping[str, Any]], measured_at: datetime) -> Usage:
    """The sum of what an engine measured (`GET /containers/ID/stats`); None where there is nothing."""
    if not stats:
        return Usage(measured_at)
    memory = [entry.get("memory_stats") or {} for entry in stats]
    cpu = [(entry.get("cpu_stats") or {}).get("cpu_usage") or {} for entry in stats]
    details = [entry.get("stats") or {} for entry in memory]
    inactive = [entry.get("total_inactive_file", entry.get("inactive_file", 0)) for entry in details]
    return Usage(
        measured_at,
        cpu_s=sum(entry.get("total_usage", 0) for entry in cpu) / 1e9,
        memory_bytes=sum(max(0, entry.get("usage", 0) - less) for entry, less in zip(memory, inactive, strict=True)),
        processes=sum((entry.get("pids_stats") or {}).get("current", 0) for entry in stats),
    )
