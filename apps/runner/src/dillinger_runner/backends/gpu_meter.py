"""What sessions use of NVIDIA cards, by NVML; the only file that knows pynvml. Unverified: no card was there to try.

One question a card and a second serves all sessions, since NVML lists by process. It is asked in a thread, and only
where its library is: a driver may take its time. Numbers of processes are those of the machine, so a runner in a
container sees nobody of its sessions there, and tells nothing.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from .base import Finding, Usage

_FRESH_S = 0.9
_LIBRARY = "libnvidia-ml.so.1"
_NAME = "gpu figures"
_HINT = "With an NVIDIA card: install its driver's library of figures"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Share:
    """What a process uses of the cards, or several do."""

    busy: float = 0.0
    """Of one card's processors, 0 to 1; above 1 with several cards."""
    memory_bytes: int = 0


def share_of(pids: Collection[int], by_pid: Mapping[int, Share]) -> Share:
    """What these processes use together."""
    found = [by_pid[pid] for pid in pids if pid in by_pid]
    return Share(round(sum(share.busy for share in found), 3), sum(share.memory_bytes for share in found))


def by_process(samples: Iterable[tuple[int, int]], memory: Iterable[tuple[int, int | None]]) -> dict[int, Share]:
    """One card's: samples are (process, percent busy), of which each process may have several; memory (process, bytes),
    of which a process that draws and computes has two that say the same."""
    percent: dict[int, list[int]] = {}
    for pid, value in samples:
        percent.setdefault(pid, []).append(value)
    held: dict[int, int] = {}
    for pid, size_bytes in memory:
        held[pid] = max(held.get(pid, 0), size_bytes or 0)
    return {
        pid: Share(sum(values) / len(values) / 100 if (values := percent.get(pid)) else 0.0, held.get(pid, 0))
        for pid in percent.keys() | held.keys()
    }


@dataclass(slots=True)
class GpuMeter:
    """The cards of this machine. On the runner's loop."""

    _cards: list[Any] | None = None
    _problem: str = ""
    _by_pid: dict[int, Share] = field(default_factory=dict)
    _seen_s: float = -_FRESH_S
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def finding(self) -> Finding:
        """Whether cards are measured here."""
        cards = await self._open()
        if cards:
            return Finding(_NAME, True, f"{len(cards)} NVIDIA cards are measured by NVML (unverified)", None, False)
        return Finding(_NAME, False, f"no graphics card is measured: {self._problem}", _HINT, is_needed=False)

    async def onto(self, usage: Usage, pids: Callable[[], Collection[int]]) -> Usage:
        """`usage` with what these processes use of the cards; as it is where nobody measures."""
        if not await self._open():
            return usage
        async with self._lock:
            if time.monotonic() - self._seen_s > _FRESH_S:
                self._by_pid = await asyncio.to_thread(self._look)
                self._seen_s = time.monotonic()
        share = share_of(pids(), self._by_pid)
        return replace(usage, gpu=share.busy, gpu_memory_bytes=share.memory_bytes)

    async def _open(self) -> list[Any]:
        if self._cards is None:
            async with self._lock:
                if self._cards is None:
                    self._cards = await asyncio.to_thread(self._find)
        return self._cards

    def _find(self) -> list[Any]:
        try:
            ctypes.CDLL(_LIBRARY)
        except OSError:
            self._problem = f"{_LIBRARY} is not here"
            return []
        import pynvml  # of some size, and few machines have a use for it

        try:
            pynvml.nvmlInit()
            cards = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError as error:
            self._problem = str(error)
            return []
        self._problem = "NVML knows none"
        return cards

    def _look(self) -> dict[int, Share]:
        import pynvml

        found: dict[int, Share] = {}
        since_us = int((time.time() - 1) * 1e6)
        for card in self._cards or ():
            samples = [(one.pid, one.smUtil) for one in _asked(pynvml.nvmlDeviceGetProcessUtilization, card, since_us)]
            lists = (pynvml.nvmlDeviceGetGraphicsRunningProcesses, pynvml.nvmlDeviceGetComputeRunningProcesses)
            memory = [(one.pid, one.usedGpuMemory) for question in lists for one in _asked(question, card)]
            for pid, share in by_process(samples, memory).items():
                before = found.get(pid, Share())
                found[pid] = Share(before.busy + share.busy, before.memory_bytes + share.memory_bytes)
        return found


def _asked(question: Any, *words: Any) -> list[Any]:
    """What NVML lists; nothing where a card does not tell, or has nothing to tell (NVML_ERROR_NOT_FOUND)."""
    import pynvml

    try:
        return list(question(*words))
    except pynvml.NVMLError as error:
        log.debug("nvml_silent", question=question.__name__, error=str(error))
        return []
