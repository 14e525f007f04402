"""Two runners behind one core, as on two machines: sessions spread, and what befalls one leaves the other alone.

The far one's seats are reached by TCP. Each runner has state, sockets and saves of its own.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.metering import seat_pid
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.testcard.install import Variant
from dillinger_bench.waiting import wait_until
from dillinger_contracts.errors import Exhausted
from dillinger_contracts.signaling import SIGNALING_VERSION, SUBPROTOCOL, Hello

WITHIN_S = 60.0
GAMES = tuple(Variant(f"game-{number}", f"Game {number}", ("--mode", "light")) for number in (1, 2, 3))
PLACES = {
    "DILLINGER_RUNNER_BACKEND": "process",
    "DILLINGER_RUNNER_MAX_SESSIONS": "1",
    "DILLINGER_RUNNER_WHEN_FULL": "refuse",
}
"""One place each, so that where a second game goes is no matter of what else the machine does."""


@dataclass
class Two:
    """A house, and another of which only the runner is used."""

    near: House
    far: House

    def names(self) -> dict[House, str]:
        return {house: house.runner_url.removeprefix("http://") for house in (self.near, self.far)}

    def house_of(self, core: CoreClient, session_id: str) -> House:
        """Whose runner has the session."""
        [name] = [one["name"] for one in core.call("GET", "/runners")["runners"] if session_id in one["session_ids"]]
        return next(house for house, other in self.names().items() if other == name)


@pytest.fixture
def two(pages: Path, explained: list[House]) -> Iterator[Two]:
    with contextlib.ExitStack() as stack:
        far = House(variants=GAMES, settings={**PLACES, "DILLINGER_RUNNER_STREAM_HOST": "127.0.0.1"})
        stack.callback(far.close)
        far.start("runner")
        settings = {**PLACES, "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": ""}
        near = House(web_dir=pages, variants=GAMES, settings=settings)
        near.add_runners(far)
        stack.enter_context(near)
        explained.extend((near, far))
        yield Two(near, far)


def test_sessions_spread_and_one_runners_end_is_not_the_others(two: Two) -> None:
    with two.near.client() as core:
        wait_until(lambda: core.call("GET", "/health")["status"] == "ok", WITHIN_S, "both runners")
        ids = [core.play(game.game_id)["session_id"] for game in GAMES[:2]]
        for session_id in ids:
            core.wait_state(session_id, {"ready"}, WITHIN_S)
        houses = {two.house_of(core, session_id): session_id for session_id in ids}
        assert len(houses) == 2, "each runner has one"
        with pytest.raises(Exhausted, match=f"{two.names()[two.far]}.*1 sessions run"):
            core.play(GAMES[2].game_id)

        far_id, near_id = houses[two.far], houses[two.near]
        seat = seat_pid(far_id)
        address = strangers_get_nowhere(two.far, far_id)
        with StreamClient(core, far_id) as far_viewer, StreamClient(core, near_id) as near_viewer:
            for viewer, session_id in ((far_viewer, far_id), (near_viewer, near_id)):
                viewer.hello(core.ticket(session_id))
                viewer.wait_pictures(3, WITHIN_S)
                core.wait_state(session_id, {"streaming"}, WITHIN_S)
            playing = Playing(core, (far_viewer, near_viewer))
            two.far.kill("runner")
            playing.until_state(far_id, "unreachable")
            playing.until_state(near_id, "streaming")
            health = core.call("GET", "/health")
            assert health["status"] == "degraded" and "1 of 2" in health["runner"]["message"]
            with ThreadPoolExecutor(1) as other:
                starting = other.submit(two.far.start, "runner")
                playing.until(starting.done, "the far runner is back")
                starting.result()
            playing.until_state(far_id, "streaming")
            assert seat_pid(far_id) == seat
            assert stream_address(two.far, far_id) == address, "a runner that is new knows where its seat listens"
        for session_id in ids:
            core.stop(session_id)
            assert core.wait_state(session_id, {"ended"}, WITHIN_S)["end"]["reason"] == "user_stop"
        with pytest.raises(OSError):
            socket.create_connection(address, timeout=5).close()


@dataclass
class Playing:
    """Two who watch, and go on watching while something is waited for."""

    core: CoreClient
    viewers: tuple[StreamClient, StreamClient]

    def until(self, fact: Callable[[], bool], what: str) -> None:
        def look() -> bool:
            for viewer in self.viewers:
                viewer.wait_pictures(1, WITHIN_S)
            return fact()

        wait_until(look, WITHIN_S, what)

    def until_state(self, session_id: str, state: str) -> None:
        self.until(lambda: bool(self.core.session(session_id)["state"] == state), f"{session_id} {state}")


def stream_address(house: House, session_id: str) -> tuple[str, int]:
    with house.runner_client() as runner:
        told = runner.call("GET", f"/sessions/{session_id}/stream")
    assert told["host"] == "127.0.0.1" and not told.get("unixPath")
    return told["host"], told["port"]


def strangers_get_nowhere(house: House, session_id: str) -> tuple[str, int]:
    """The seat's port is open to the network, and of no use without a ticket, nor to a page of a browser."""
    host, port = stream_address(house, session_id)
    with pytest.raises(InvalidStatus, match="403"):
        socket_at(host, port, origin="http://elsewhere.example").close()
    with socket_at(host, port) as stranger:
        wish = Hello(version=SIGNALING_VERSION, ticket="no.such.ticket", transport="websocket", is_webrtc_able=False)
        stranger.send(wish.model_dump_json())
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                assert isinstance(stranger.recv(timeout=WITHIN_S), str), "no picture"
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4403
    return host, port


def socket_at(host: str, port: int, *, origin: str | None = None) -> ClientConnection:
    given = None if origin is None else Origin(origin)
    return connect(f"ws://{host}:{port}/", subprotocols=[Subprotocol(SUBPROTOCOL)], origin=given, proxy=None)
