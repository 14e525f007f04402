"""STUN and TURN servers of the settings, and the credentials that a session gets for them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from dillinger_contracts import Invalid
from dillinger_contracts.settings import load
from dillinger_runner.ice import IceServers
from dillinger_runner.settings import RunnerSettings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = "a1" * 10


def settings(**values: str) -> RunnerSettings:
    environment = {f"DILLINGER_RUNNER_{name.upper()}": value for name, value in values.items()}
    return load(RunnerSettings, section="runner", environment=environment)[0]


def test_a_session_gets_a_password_that_ends_and_no_secret() -> None:
    urls = ("stun:a.example", "turn:b.example:3478?transport=udp", "turns:b.example:5349?transport=tcp")
    stun, turn = IceServers(urls, "the secret", 3600).of(ID, NOW)
    assert (stun.urls, stun.username, stun.credential) == (urls[:1], "", "")
    assert turn.urls == urls[1:] and turn.username == f"{int(NOW.timestamp()) + 3600}:{ID}"
    expected = hmac.new(b"the secret", turn.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(turn.credential) == expected
    assert "the secret" not in f"{stun}{turn}{IceServers(urls, 'the secret')}"
    assert IceServers().of(ID, NOW) == ()


def test_servers_ports_and_addresses_are_read_from_text() -> None:
    found = settings(
        ice_servers="stun:a.example turn:b.example", turn_secret="s", media_ports="40000-40009",
        media_addresses="203.0.113.7 2001:db8::7",
    )  # fmt: skip
    assert found.ice_servers == ("stun:a.example", "turn:b.example")
    assert found.media_port_range is not None and len(found.media_port_range) == 10
    assert found.media_addresses == ("203.0.113.7", "2001:db8::7")
    nothing = settings(ice_servers="", media_ports="", media_addresses="")
    assert (nothing.ice_servers, nothing.media_port_range, nothing.media_addresses) == ((), None, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ice_servers", "turn:b.example"),
        ("ice_servers", "http://b.example"),
        ("ice_servers", "stun:a.example?transport=udp"),
        ("ice_servers", "turn:user@b.example"),
        ("media_ports", "0-5"),
        ("media_ports", "9-5"),
        ("media_addresses", "example.org"),
    ],
)
def test_what_can_not_be_is_refused(name: str, value: str) -> None:
    with pytest.raises(Invalid):
        settings(**{name: value})
