"""What a runner tells of its room to who chooses between runners, and where its seats may listen for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dillinger_contracts import Resources
from dillinger_contracts.errors import Invalid
from dillinger_contracts.settings import load
from dillinger_runner.admission import Capacity, Claim, Machine, room
from dillinger_runner.settings import RunnerSettings

MIB = 1 << 20
HERE = Machine(memory_bytes=8192 * MIB, available_bytes=6000 * MIB)
ALLOWED = Capacity(max_sessions=3, memory_reserve_bytes=500 * MIB, memory_overcommit=1.0, seat_memory_bytes=1000 * MIB)


def test_room_is_what_is_available_or_what_limits_may_still_add_up_to() -> None:
    free = room([], 2, HERE, ALLOWED)
    assert (free.sessions, free.waiting, free.max_sessions) == (2, 2, 3)
    assert free.free_memory_bytes == 5500 * MIB
    claims = [Claim(str(number), "bob", Resources(memory_bytes=3000 * MIB)) for number in range(3)]
    assert room(claims[:1], 0, HERE, ALLOWED).free_memory_bytes == 4192 * MIB
    assert room(claims, 0, HERE, ALLOWED).free_memory_bytes == 0


def loaded(tmp_path: Path, told: dict[str, str]) -> RunnerSettings:
    environment = {f"DILLINGER_RUNNER_{name.upper()}": value for name, value in told.items()}
    base = {"DILLINGER_RUNNER_STATE_DIR": str(tmp_path), "DILLINGER_RUNNER_BACKEND": "process"}
    return load(RunnerSettings, section="runner", environment={**base, **environment})[0]


def test_seats_listen_where_they_are_told(tmp_path: Path) -> None:
    assert loaded(tmp_path, {}).stream_listen is None
    listen = loaded(tmp_path, {"stream_host": "10.0.0.2", "stream_ports": "43000-43009"}).stream_listen
    assert listen is not None and listen.host == "10.0.0.2" and str(listen.ports) == "43000-43009"


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"stream_host": "0.0.0.0"}, "one machine"),
        ({"stream_host": "ff02::1"}, "one machine"),
        ({"stream_host": "a.name.example"}, "address"),
        ({"stream_ports": "43000"}, "without stream_host"),
        ({"stream_host": "10.0.0.2", "stream_ports": "9-5"}, "after"),
        ({"stream_host": "10.0.0.2", "backend": "docker", "docker_seat_network": "inside"}, "docker_seat_network"),
    ],
)
def test_where_no_core_could_find_them_is_refused(told: dict[str, str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=complaint):
        loaded(tmp_path, told)
