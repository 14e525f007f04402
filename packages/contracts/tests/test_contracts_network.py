"""What network a game says it has, and the walls that follow: text for nft, which the tests of faults try."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dillinger_contracts import Game
from dillinger_contracts.network import Internet, Lan, NoNetwork, parse_access, say_access, walls


@pytest.mark.parametrize(
    ("text", "access"),
    [("none", NoNetwork()), ("internet", Internet()), ("lan:doom-night", Lan(name="doom-night"))],
)
def test_access_is_said_and_read(text: str, access: NoNetwork | Internet | Lan) -> None:
    assert parse_access(text) == access
    assert say_access(access) == text
    game = {"game_id": "x", "title": "X", "launch": {"kind": "desktop"}, "network": access.model_dump()}
    assert Game.model_validate(game).network == access


@pytest.mark.parametrize("text", ["", "lan", "lan:", "lan:A", "lan:a b", "lan:-a", "lan:a/../b", "none:x", "host", "*"])
def test_what_is_no_access_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        parse_access(text)


def closed(text: str) -> list[ipaddress.IPv4Network]:
    """What the walls refuse."""
    found = re.search(r"elements = \{ (.*) \}", text)
    assert found is not None
    return [ipaddress.IPv4Network(one) for one in found[1].split(", ")]


@given(st.ip_addresses(v=4))
def test_nothing_is_open_that_is_not_the_internet(address: ipaddress.IPv4Address) -> None:
    is_open = not any(address in network for network in closed(walls([], [])))
    assert is_open <= address.is_global and not (is_open and address.is_multicast)


def test_the_machine_is_closed_and_its_name_servers_are_open_for_names() -> None:
    text = walls(["198.18.0.1", "11.0.0.7", "11.0.0.0/24", "2001:db8::1"], ["192.168.7.1", "127.0.0.53", "fe80::1"])
    assert ipaddress.IPv4Network("11.0.0.0/24") in closed(text)
    assert re.findall(r"ip daddr (\S+) meta l4proto \{ tcp, udp \} th dport 53 accept", text) == ["192.168.7.1"]


@pytest.mark.parametrize("text", ["x", "1.2.3", "1.2.3.4; flush ruleset"])
def test_only_addresses_become_walls(text: str) -> None:
    for refused, resolvers in (([text], []), ([], [text])):
        with pytest.raises(ValueError, match="does not appear"):
            walls(refused, resolvers)
