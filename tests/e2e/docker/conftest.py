"""The same house, with sessions in containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests import container_engine

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer, new_context


@pytest.fixture(scope="session")
def house(web_dir: Path) -> Iterator[House]:
    with House(web_dir=web_dir, settings=container_engine.settings()) as house:
        yield house


@pytest.fixture(scope="session")
def login_state(house: House, browser: Browser) -> Any:
    context = new_context(browser)
    Viewer(context.new_page(), house.target).login()
    state = context.storage_state()
    context.close()
    return state
