"""What this machine encodes in time: tried once, kept in the user's cache for the same libraries and processor.

Never in the way of a first frame: until it is known a stream is H.264's baseline. On the loop; `known` from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import structlog

from dillinger_contracts.session import VideoFormat
from dillinger_stream.formats import Machine

from .hardware import probe_all

log = structlog.get_logger()

TRIAL_DEADLINE_S = 120.0
_TRIAL = 1
"""Counts how the trial measures."""
_MOST_BYTES = 65_536


def cache_file() -> Path:
    """In the cache folder of the user who runs this (XDG base directories)."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(home) / "dillinger" / "encoding.json"


def machine_key() -> str:
    """What the costs are of: the libraries (PyAV's wheel pins them all) and the processor."""
    models = {line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")}
    return f"{_TRIAL} av={version('av')} {os.cpu_count()}x{'+'.join(sorted(models))}"


class EncodingCosts:
    """Of this machine, and which graphics cards' encoders it has."""

    def __init__(self, file: Path | None = None) -> None:
        """`file` None: the user's own."""
        self._file = file or cache_file()
        self._machine = Machine()

    def known(self) -> Machine:
        """What is known by now."""
        return self._machine

    async def learn(self) -> Machine:
        """From the cache, or by trying; empty where the trial fails."""
        key = machine_key()
        costs = await asyncio.to_thread(_load, self._file, key)
        if costs is None:
            costs = await _try()
            if costs:
                await asyncio.to_thread(_save, self._file, key, costs)
        hardware = [probe for probe in await asyncio.to_thread(probe_all) if probe.is_usable]
        self._machine = Machine(costs, tuple(probe.name for probe in hardware))
        log.info("encoding_costs_known", ms_for_a_megapixel=costs, hardware=self._machine.hardware)
        return self._machine


async def _try() -> dict[VideoFormat, float]:
    command = (sys.executable, "-m", "dillinger_stream.encode.trial")
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        log.warning("encoding_trial_failed", error=str(error))
        return {}
    try:
        async with asyncio.timeout(TRIAL_DEADLINE_S):
            said, why = await process.communicate()
    except TimeoutError:
        log.warning("encoding_trial_failed", error=f"it did not end within {TRIAL_DEADLINE_S:g} s")
        return {}
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        log.warning("encoding_trial_failed", code=process.returncode, error=why.decode(errors="replace")[-400:])
    return _read(said.decode(errors="replace")) or {}


def _read(text: str) -> dict[VideoFormat, float] | None:
    """What is no format or no cost is left out."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return {
        name: float(document[name])
        for name in get_args(VideoFormat)
        if isinstance(document.get(name), int | float) and 0 < document[name] < 1e6
    }


def _load(file: Path, key: str) -> dict[VideoFormat, float] | None:
    try:
        text = file.read_bytes()[:_MOST_BYTES].decode(errors="replace")
        document = json.loads(text)
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or document.get("key") != key:
        return None
    return _read(json.dumps(document.get("cost_ms")))


def _save(file: Path, key: str, costs: dict[VideoFormat, float]) -> None:
    """A folder that can't be written is no misfortune: the next stream tries again."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as fresh:
            json.dump({"key": key, "cost_ms": costs}, fresh)
        Path(fresh.name).replace(file)
    except OSError as error:
        log.info("encoding_costs_not_kept", error=str(error))


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
