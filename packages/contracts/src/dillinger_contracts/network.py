"""What network a game has, as its `game.toml` says; and the walls around a game that has the internet.

The walls are text for nft(8), loaded in the cell's own network namespace by somebody who has rights there, which the
game never has. They say where a game may connect to, since that is what keeps it from the machine, its LAN and other
games: a route that is missing would not, for whoever binds a socket to the device is believed to be on the link
(`ip_route_output_key`, Linux).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from .model import Model

LanName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")]

SPECIAL = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip
"""What is not the internet (IANA's registry of special-purpose addresses, RFC 6890, and multicast)."""

CARRIER_RESOLVER = "10.0.2.3"
"""Where a sandbox with the internet asks for names: its carrier (slirp4netns), which passes on to the machine's."""


class NoNetwork(Model):
    """None at all: not even its own machine."""

    kind: Literal["none"] = "none"


class Internet(Model):
    """The internet by IPv4, outwards; neither this machine nor its LAN, private addresses or other games."""

    kind: Literal["internet"] = "internet"


class Lan(Model):
    """A network of its own with the other running games that name the same one; nothing else is there."""

    kind: Literal["lan"] = "lan"
    name: LanName


NetworkAccess = Annotated[NoNetwork | Internet | Lan, Field(discriminator="kind")]
_ACCESS: TypeAdapter[NoNetwork | Internet | Lan] = TypeAdapter(NetworkAccess)


def parse_access(text: str) -> NoNetwork | Internet | Lan:
    """From `none`, `internet` or `lan:NAME`; raises ValueError."""
    kind, _, name = text.partition(":")
    values = {"kind": kind, "name": name} if ":" in text else {"kind": text}
    return _ACCESS.validate_python(values)


def say_access(access: NoNetwork | Internet | Lan) -> str:
    """The text that `parse_access` takes."""
    return f"lan:{access.name}" if isinstance(access, Lan) else access.kind


def walls(refused: Iterable[str], resolvers: Iterable[str]) -> str:
    """The walls of a game that has the internet: not to what is `SPECIAL`, and not to `refused` (addresses or networks
    of the machine); to `resolvers` for names only. IPv6 is not let out, nothing is let in. Raises ValueError."""
    networks = [ipaddress.ip_network(text, strict=False) for text in (*SPECIAL, *refused)]
    closed = ipaddress.collapse_addresses(one for one in networks if isinstance(one, ipaddress.IPv4Network))
    servers = [one for one in map(ipaddress.ip_address, resolvers) if one.version == 4 and not one.is_loopback]
    names = "".join(f"    ip daddr {one} meta l4proto {{ tcp, udp }} th dport 53 accept\n" for one in servers)
    return f"""table inet walls {{
  set closed {{
    type ipv4_addr
    flags interval
    elements = {{ {", ".join(map(str, closed))} }}
  }}
  chain out {{
    type filter hook output priority 0; policy drop;
    oifname "lo" accept
    meta nfproto ipv6 drop
    ct state established accept
{names}    ip daddr @closed meta l4proto tcp reject with tcp reset
    ip daddr @closed reject with icmp type admin-prohibited
    meta l4proto {{ tcp, udp, icmp }} accept
  }}
  chain in {{
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
  }}
}}
"""
