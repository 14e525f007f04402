"""A bus of its own for each test, and one PipeWire with a screen for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from packages.stream.tests.portal.house import House, Screen, open_house, start_pipewire
from packages.stream.tests.portal.standin import Manners, StandIn, pipewire_socket
from packages.stream.tests.program.program_house import Shelf, open_shelf


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with open_shelf() as shelf:
        yield shelf


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[House, str]]:
    """PipeWire with its session manager, and its socket's path."""
    with open_house() as house:
        yield house, start_pipewire(house)


@pytest.fixture
def plug_in(machine: tuple[House, str]) -> Iterator[Callable[[], Screen]]:
    """A screen for each who looks."""
    shown: list[Screen] = []

    def start() -> Screen:
        shown.append(Screen(machine[0]))
        return shown[-1]

    yield start
    for one in shown:
        one.close()


@pytest.fixture
def screen(plug_in: Callable[[], Screen]) -> Screen:
    return plug_in()


@pytest.fixture
def house() -> Iterator[House]:
    with open_house() as house:
        yield house


@pytest.fixture
def start_portal(house: House) -> Iterator[Callable[[Manners], StandIn]]:
    portals: list[StandIn] = []

    def start(manners: Manners) -> StandIn:
        portals.append(StandIn(house.address, manners))
        return portals[-1]

    yield start
    for portal in portals:
        portal.close()


@pytest.fixture
def portal(start_portal: Callable[[Manners], StandIn], machine: tuple[House, str], screen: Screen) -> StandIn:
    """One whose owner agrees, with a real screen."""
    portal = start_portal(Manners(remote=lambda: pipewire_socket(machine[1])))
    portal.grant(screen.node_id)
    return portal
