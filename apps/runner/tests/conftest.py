"""Runners for tests: real processes, each with folders of its own, counted out at the end."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from apps.runner.tests.runner_lab import RunnerLab

_SHORT = "dl-"
"""Of folders: pytest's own carry a test's name, and are too long for sockets below them."""


@pytest.fixture
async def lab() -> AsyncIterator[RunnerLab]:
    """A runner that is not started yet; whatever it left is ended afterwards."""
    with tempfile.TemporaryDirectory(prefix=_SHORT) as folder:
        lab = RunnerLab(Path(folder))
        try:
            yield lab
        finally:
            await lab.clear()


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[RunnerLab]:
    """One running runner for all tests of a module that do it no harm."""
    with tempfile.TemporaryDirectory(prefix=_SHORT) as folder:
        lab = RunnerLab(Path(folder))
        asyncio.run(lab.start())
        try:
            yield lab
        finally:
            asyncio.run(lab.clear())
