"""The port that a seat has for a core on another machine: one of those that are allowed, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from dillinger_contracts.errors import Exhausted, Unavailable
from dillinger_contracts.ice import PortRange
from dillinger_contracts.session import StreamListen
from dillinger_seat.listening import listening, write_port


def test_each_seat_has_a_port_of_the_range_until_none_is_left(tmp_path: Path) -> None:
    with listening(StreamListen(host="127.0.0.1")) as first:
        port: int = first.getsockname()[1]
        only = StreamListen(host="127.0.0.1", ports=PortRange(first=port, last=port))
        with pytest.raises(Exhausted, match=f"{port}-{port}.* taken"):
            listening(only)
    with listening(only) as second:
        assert second.getsockname() == ("127.0.0.1", port)
    write_port(tmp_path / "stream.port", port)
    assert [(file.name, int(file.read_text())) for file in tmp_path.iterdir()] == [("stream.port", port)]


def test_an_address_of_another_machine_is_said_to_be_none() -> None:
    with pytest.raises(Unavailable, match=r"192\.0\.2\.1"):
        listening(StreamListen(host="192.0.2.1"))
