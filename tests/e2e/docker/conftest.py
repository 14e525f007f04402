"""The same house, with sessions in containers, whose seats are in a network of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from tests import container_engine
from tests.e2e.docker.bridge_network import BridgeNetwork

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer, new_context

MEDIA_PORTS = "43100-43149"


@pytest.fixture(scope="session")
def bridge() -> Iterator[BridgeNetwork]:
    container_engine.require()
    bridge = BridgeNetwork()
    yield bridge
    bridge.close()


@pytest.fixture(scope="session")
def house(web_dir: Path, bridge: BridgeNetwork) -> Iterator[House]:
    settings = {
        "DILLINGER_RUNNER_DOCKER_SEAT_NETWORK": bridge.name,
        "DILLINGER_RUNNER_CONTROL_URL": f"ws://{bridge.gateway}:{bridge.port}/seats",
        "DILLINGER_RUNNER_MEDIA_PORTS": MEDIA_PORTS,
    }
    with House(web_dir=web_dir, settings=container_engine.settings() | settings) as house:
        bridge.to_port = house.ports["runner"]
        yield house


@pytest.fixture(scope="session")
def login_state(house: House, browser: Browser) -> Any:
    context = new_context(browser)
    Viewer(context.new_page(), house.target).login()
    state = context.storage_state()
    context.close()
    return state
