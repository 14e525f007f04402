"""How pictures get out of a seat that has a network of its own: by one UDP port, which the engine publishes.

The port has the same number inside and outside, so that a seat's candidates need another address and nothing else. Who
has which is what the engine says; two seats that choose the same at once are told apart by the engine, which gives a
port once.
"""

from __future__ import annotations

import random

from dillinger_contracts import Exhausted, SeatSpec
from dillinger_contracts.ice import PortRange

from .docker_engine import Engine
from .docker_host import HostLook
from .docker_spec import LABEL_MEDIA_PORT, Premises

MAX_TRIES = 20
"""Ports that are free by our own count, and somebody else's on the machine."""


async def published(seat: SeatSpec, premises: Premises, engine: Engine, host: HostLook) -> list[SeatSpec]:
    """`seat` with each port that it could have, the first to be tried first; itself where nothing is to be published.

    Raises `Exhausted` where other seats have all ports, and `Unavailable`.
    """
    if seat.media.ports is None or premises.seat_network == "host":
        return [seat]
    taken = {box.labels[LABEL_MEDIA_PORT] for box in await engine.ours() if LABEL_MEDIA_PORT in box.labels}
    free = [port for port in range(seat.media.ports.first, seat.media.ports.last + 1) if str(port) not in taken]
    if not free:
        raise Exhausted(f"All media ports ({seat.media.ports}) are taken by sessions", hint="Widen media_ports")
    addresses = (*seat.media.addresses, *(await host.network()).outer_addresses) or ("127.0.0.1",)
    tried = random.sample(free, min(len(free), MAX_TRIES))
    return [_at(seat, port, tuple(dict.fromkeys(addresses))) for port in tried]


def _at(seat: SeatSpec, port: int, addresses: tuple[str, ...]) -> SeatSpec:
    change = {"ports": PortRange(first=port, last=port), "addresses": addresses[:16], "is_behind_nat": True}
    return seat.model_copy(update={"media": seat.media.model_copy(update=change)})
