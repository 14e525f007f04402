"""How pictures get out of a seat that has a network of its own: by one UDP port, which the engine publishes.

The port has the same number inside and outside, so that a seat's candidates need another address and nothing else. Who
has which is what the engine says; two seats that choose the same at once are told apart by the engine, which gives a
port once.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence

from dillinger_contracts import Exhausted, SeatSpec
from dillinger_contracts.ice import PortRange

from .docker_box import Box
from .docker_engine import Engine, PortTaken
from .docker_host import HostLook
from .docker_spec import LABEL_MEDIA_PORT, Config, Premises

MAX_TRIES = 20
"""Ports that are free by our own count, and somebody else's on the machine."""
STALE_S = 600.0
"""The machine's addresses seldom change, and a look at them costs a container's start."""


async def free_ports(ports: PortRange | None, premises: Premises, engine: Engine) -> Sequence[int | None]:
    """Those that a seat could have, in the order of trying; `[None]` where none is to be published.

    Raises `Exhausted` where other seats have all, and `Unavailable`.
    """
    if ports is None or premises.seat_network == "host":
        return [None]
    taken = {port_of(box) for box in await engine.ours()}
    free = [port for port in range(ports.first, ports.last + 1) if port not in taken]
    if not free:
        raise Exhausted(f"All media ports ({ports}) are taken by sessions", hint="Widen media_ports")
    return random.sample(free, min(len(free), MAX_TRIES))


async def start(
    engine: Engine, name: str, ports: Sequence[int | None], make: Callable[[int | None], Awaitable[Config]]
) -> int | None:
    """Makes and starts the container with the first port that the machine has free; raises as the engine does."""
    for number, port in enumerate(ports, 1):
        await engine.create(name, await make(port))
        try:
            await engine.start(name)
        except PortTaken:
            await engine.remove(name)
            if number == len(ports):
                raise
        else:
            return port
    raise AssertionError("no port at all was to be tried")


def port_of(box: Box) -> int | None:
    """What this seat has published."""
    label = box.labels.get(LABEL_MEDIA_PORT)
    return int(label) if label else None


async def placed(seat: SeatSpec, port: int | None, host: HostLook, *, max_age_s: float) -> SeatSpec:
    """`seat` with this port, at the machine's addresses as they were `max_age_s` ago or later."""
    if port is None:
        return seat
    network = await host.network(max_age_s=max_age_s)
    addresses = (*seat.media.addresses, *network.outer_addresses) or ("127.0.0.1",)
    change = {
        "ports": PortRange(first=port, last=port),
        "addresses": tuple(dict.fromkeys(addresses))[:16],
        "is_behind_nat": True,
    }
    return seat.model_copy(update={"media": seat.media.model_copy(update=change)})
