"""Runners for tests: real processes, each with folders of its own, counted out at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from apps.runner.tests.runner_lab import RunnerLab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[RunnerLab]:
    """A runner that is not started yet; whatever it left is ended afterwards."""
    lab = RunnerLab(tmp_path)
    try:
        yield lab
    finally:
        await lab.clear()


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerLab]:
    """One running runner for all tests of a module that do it no harm."""
    lab = RunnerLab(tmp_path_factory.mktemp("runner"))
    asyncio.run(lab.start())
    try:
        yield lab
    finally:
        asyncio.run(lab.clear())
