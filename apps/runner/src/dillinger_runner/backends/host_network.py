"""What network a machine has, by the kernel's own tables: pure but for `read_here`, which reads this machine's."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILES = ("/proc/net/fib_trie", "/proc/net/route", "/proc/net/if_inet6", "/etc/resolv.conf")
SCRIPT = f'for file in {" ".join(FILES)}; do echo "== $file"; cat "$file" 2>/dev/null; done; true'
"""Prints what `parse` takes, where there is a shell."""
_LINK_LOCAL_SCOPE, _HOST_SCOPE = 0x20, 0x10
_INSIDE = ("docker", "br-", "veth", "lo")
"""Interfaces that lead to containers, or nowhere."""


@dataclass(frozen=True, slots=True)
class HostNetwork:
    """One look at the machine's network."""

    addresses: tuple[str, ...]
    """All that are the machine's own, bridges of containers too; loopback left out."""
    networks: tuple[str, ...]
    """What it reaches without a router (IPv4)."""
    outer_addresses: tuple[str, ...]
    """Those at which others may reach it."""
    resolvers: tuple[str, ...]
    """Its name servers."""


def parse(text: str) -> HostNetwork:
    """From what `SCRIPT` prints."""
    parts = dict(re.findall(r"^== (\S+)\n(.*?)(?=^== |\Z)", text, re.DOTALL | re.MULTILINE))
    local = _local_addresses(parts.get("/proc/net/fib_trie", ""))
    links = list(_links(parts.get("/proc/net/route", "")))
    outer_links = [network for name, network in links if not name.startswith(_INSIDE)]
    v6 = list(_v6_addresses(parts.get("/proc/net/if_inet6", "")))
    outer = [address for address in local if any(ipaddress.ip_address(address) in link for link in outer_links)]
    return HostNetwork(
        addresses=(*local, *(address for _, address in v6)),
        networks=tuple(dict.fromkeys(str(network) for _, network in links)),
        outer_addresses=(*outer, *(address for name, address in v6 if not name.startswith(_INSIDE))),
        resolvers=tuple(_resolvers(parts.get("/etc/resolv.conf", ""))),
    )


def read_here() -> HostNetwork:
    """This process's machine, or container; what can't be read has nothing in it."""
    return parse("".join(f"== {file}\n{_text(Path(file))}" for file in FILES))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def _local_addresses(trie: str) -> list[str]:
    found: dict[str, None] = {}
    address = ""
    for line in trie.splitlines():
        if match := re.search(r"\|-- (\d+(?:\.\d+){3})", line):
            address = match[1]
        elif "/32 host LOCAL" in line and not address.startswith("127."):
            found[address] = None
    return list(found)


def _links(routes: str) -> Iterator[tuple[str, ipaddress.IPv4Network]]:
    """Interface and network of each route without a gateway; the kernel prints addresses in its own byte order."""
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and int(fields[2], 16) == 0 and int(fields[7], 16) != 0:
            address, mask = (socket.inet_ntoa(struct.pack("=I", int(fields[place], 16))) for place in (1, 7))
            yield fields[0], ipaddress.IPv4Network(f"{address}/{mask}", strict=False)


def _v6_addresses(table: str) -> Iterator[tuple[str, str]]:
    for line in table.splitlines():
        address, _, _, scope, _, name = line.split()
        if int(scope, 16) not in (_LINK_LOCAL_SCOPE, _HOST_SCOPE):
            yield name, str(ipaddress.IPv6Address(bytes.fromhex(address)))


def _resolvers(text: str) -> Iterator[str]:
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                yield str(ipaddress.ip_address(words[1].partition("%")[0]))
            except ValueError:
                continue
