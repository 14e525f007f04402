"""Fixtures of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.launcher_house import LauncherHouse


@pytest.fixture
def house(tmp_path: Path) -> LauncherHouse:
    """A tree with the launcher in it where all but the system's packages is installed."""
    house = LauncherHouse(tmp_path)
    house.build()
    return house
