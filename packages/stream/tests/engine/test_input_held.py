"""No key sticks: whatever several peers press, lose, forget and come back from, the display server holds down what they
hold, and nothing once they are gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packages.stream.tests.engine.conftest import Painter, catch_up, start_xvfb
from tests.cases import fuzz

from dillinger_contracts.input import KEY_CODES, Button, Key, Text
from dillinger_stream.input.x11 import XTestInput

EVDEV_OFFSET = 8
PEERS = 3
BUTTONS = (1, 2, 3)  # the wheel's are clicks, which hold nothing
Held = set[tuple[str, int]]

presses = st.one_of(
    st.tuples(st.just("key"), st.sampled_from(sorted(KEY_CODES.values()))),
    # Few keys in many hands: what one lets go another may hold still.
    st.tuples(st.just("key"), st.sampled_from([KEY_CODES["KeyW"], KEY_CODES["ShiftLeft"], KEY_CODES["AltRight"]])),
    st.tuples(st.just("button"), st.sampled_from(BUTTONS)),
)
deeds = st.one_of(
    st.tuples(st.sampled_from(["down", "up", "lost"]), presses),
    st.tuples(st.sampled_from(["reconnect", "let go"]), st.none()),
    # More characters than there are keys for.
    st.tuples(st.just("write"), st.tuples(st.just("text"), st.integers(0x4E00, 0x4E20))),
)


@pytest.fixture(scope="module")
def keyboard() -> Iterator[tuple[XTestInput, Painter]]:
    """A desktop's keyboard and pointer, and somebody who sees what is down."""
    server = start_xvfb()
    hands, eye = XTestInput(server.socket_path), Painter(server.name)
    yield hands, eye
    eye.close()
    hands.close()
    server.end()


def held_by_the_server(hands: XTestInput, eye: Painter) -> Held:
    catch_up(hands._connection)
    keys: Any = eye.core.QueryKeymap().reply().keys
    mask = eye.core.QueryPointer(eye.root).reply().mask
    down = {("key", code - EVDEV_OFFSET) for code in range(EVDEV_OFFSET, 256) if keys[code // 8] >> code % 8 & 1}
    return down | {("button", number) for number in BUTTONS if mask >> 7 + number & 1}


@settings(fuzz(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, PEERS - 1), deeds), max_size=60))
async def test_what_is_down_is_what_somebody_holds(
    keyboard: tuple[XTestInput, Painter], story: list[tuple[int, tuple[str, tuple[str, int] | None]]]
) -> None:
    hands, eye = keyboard
    sinks = [hands.sink() for _ in range(PEERS)]
    held: list[Held] = [set() for _ in range(PEERS)]
    try:
        for peer, (deed, what) in story:
            if what is None:
                if deed == "reconnect":  # as a peer that is gone is closed, and another comes
                    sinks[peer].close()
                    sinks[peer] = hands.sink()
                else:
                    sinks[peer].release_all()
                held[peer].clear()
            elif deed == "write":
                sinks[peer].handle(Text(code_point=what[1]))
            elif deed != "lost":
                kind, number = what
                is_down = deed == "down"
                event = Key(code=number, is_down=is_down) if kind == "key" else Button(button=number, is_down=is_down)
                sinks[peer].handle(event)
                (held[peer].add if is_down else held[peer].discard)(what)
        hands.settle()
        assert held_by_the_server(hands, eye) == set().union(*held)
    finally:
        for sink in sinks:
            sink.close()
    assert held_by_the_server(hands, eye) == set()
