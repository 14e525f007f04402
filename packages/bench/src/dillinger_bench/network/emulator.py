"""The process that is the link: three networks of its own, a virtual cable to each end, and `link.py` between them.

    server ── link0 ══ server ── emulator ── client ══ link0 ── client

Started as `python -m dillinger_bench.network.emulator SEED`; one JSON object a line in both directions. It says first
where the networks are (descriptors of this process), or what is missing. Then it takes `{"down": PROFILE, "up":
PROFILE}`, `{"client_address": ADDRESS}` and `{"report": true}`, and ends with its standard input, and with it the
networks.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dillinger_contracts.errors import DillingerError

from . import interfaces, namespaces
from .link import LinkProfile, OneWay

SERVER_ADDRESS, CLIENT_ADDRESS = "10.77.0.1", "10.77.0.2"
_ENDS = {"server": SERVER_ADDRESS, "client": CLIENT_ADDRESS}
_EVERY_PROTOCOL = 0x0003
_PACKET_BYTES = 2048
_BATCH = 64
_ETHERNET_BYTES = 14
_IPV4 = b"\x08\x00"
_UDP = 17


class Relay:
    """Packets between two interfaces through two directions of a link."""

    def __init__(self, seed: int, client: int) -> None:
        """`client` is the descriptor of the client's network."""
        self._client = client
        self.ends = {name: _tap(name) for name in _ENDS}
        self.ways = {name: OneWay[bytes](LinkProfile(), seed + place) for place, name in enumerate(("down", "up"))}
        self._routes = (("server", "client", self.ways["down"]), ("client", "server", self.ways["up"]))

    def run(self) -> None:
        """Relays until standard input ends."""
        inputs = [*(end.fileno() for end in self.ends.values()), sys.stdin.fileno()]
        text = b""
        while True:
            next_s = min((at_s for way in self.ways.values() if (at_s := way.next_at_s()) is not None), default=None)
            wait_s = None if next_s is None else max(0.0, next_s - time.monotonic())
            ready, _, _ = select.select(inputs, [], [], wait_s)
            for source, sink, way in self._routes:
                if self.ends[source].fileno() in ready:
                    self._take(source, sink, way)
            for _, sink, way in self._routes:
                for packet in way.due(time.monotonic()):
                    _send(self.ends[sink], packet)
            if sys.stdin.fileno() in ready:
                part = os.read(sys.stdin.fileno(), 65_536)
                if not part:
                    return
                *lines, text = (text + part).split(b"\n")
                for line in lines:
                    _say(self._obey(json.loads(line)))

    def _take(self, source: str, sink: str, way: OneWay[bytes]) -> None:
        for _ in range(_BATCH):
            try:
                packet, address = self.ends[source].recvfrom(_PACKET_BYTES)
            except BlockingIOError:
                return
            if address[2] == socket.PACKET_OUTGOING:
                continue  # our own
            if packet[12:14] != _IPV4:
                _send(self.ends[sink], packet)  # ARP: the machines know each other, that is not what is measured
                continue
            is_udp = packet[_ETHERNET_BYTES + 9] == _UDP
            way.offer(packet, len(packet), time.monotonic(), is_udp=is_udp)

    def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if order.get("report"):
            return {name: [asdict(step) for step in way.take_report()] for name, way in self.ways.items()}
        now_s = time.monotonic()
        if "client_address" in order:
            self._readdress(order["client_address"])
            return {"at_s": now_s}
        for name, way in self.ways.items():
            way.configure(LinkProfile(**order[name]), now_s)
        return {"at_s": now_s}

    def _readdress(self, address: str) -> None:
        """The client's machine has another address from now on, and the old one no more."""
        here = namespaces.own_network()
        namespaces.enter(self._client)
        interfaces.bring_up("link0", address)
        namespaces.enter(here)
        os.close(here)


def _tap(name: str) -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    tap.bind((name, 0))
    tap.setblocking(False)
    return tap


def _send(end: socket.socket, packet: bytes) -> None:
    with contextlib.suppress(OSError):  # an end that is being taken down, or is full: a link loses packets
        end.send(packet)


def _build() -> dict[str, int]:
    """Makes networks and cables, and leaves this process between them; descriptors of the two ends' networks."""
    namespaces.unshare_user_and_net()
    networks = {"server": namespaces.own_network(), "client": namespaces.new_network()}
    middle = namespaces.new_network()
    for name, network in networks.items():
        interfaces.make_pair(name, "link0", network)
    for name, network in networks.items():
        namespaces.enter(network)
        Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
        interfaces.without_offloads("link0")
        interfaces.bring_up("lo")
        interfaces.bring_up("link0", _ENDS[name])
    namespaces.enter(middle)
    for name in networks:
        interfaces.bring_up(name)
    return networks


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def main() -> None:
    """Entry point."""
    try:
        networks = _build()
        relay = Relay(int(sys.argv[1]), networks["client"])
    except DillingerError as error:
        _say({"error": error.message, "hint": error.hint})
    except OSError as error:
        _say({"error": f"A network of our own can't be made ({error})", "hint": None})
    else:
        _say({"networks": networks})
        relay.run()


if __name__ == "__main__":
    main()
