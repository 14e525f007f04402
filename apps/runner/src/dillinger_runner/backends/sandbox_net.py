"""Networks of games in sandboxes: the internet behind walls where this machine can give it, and no LAN.

The walls are text that the seat has put up in the sandbox's own network namespace (`dillinger_contracts.network`); what
they shut out beside private addresses is this machine's own, as it is when the session is placed.
"""

from __future__ import annotations

from dillinger_contracts import SeatSpec, Unsupported
from dillinger_contracts.network import CARRIER_RESOLVER, Internet, NoNetwork, walls

from .base import Finding
from .host_network import HostNetwork, read_here


def walled(seat: SeatSpec, internet: Finding | None, host: HostNetwork | None = None) -> SeatSpec:
    """`seat` with the walls that its game is to have; raises Unsupported where it can't have its network. `internet` is
    what was found when it was tried."""
    game = seat.session.game
    match game.network:
        case NoNetwork():
            return seat.model_copy(update={"walls": None})
        case Internet() if internet is not None and internet.ok:
            found = host or read_here()
            text = walls((*found.addresses, *found.networks), [CARRIER_RESOLVER])
            return seat.model_copy(update={"walls": text})
        case Internet():
            why = f"{internet.detail}: {internet.hint}" if internet else "it was not tried"
            raise Unsupported(
                f"{game.title} is to have the internet, and a sandbox here can't give it: {why}",
                hint='Mend that, set backend = "docker", or take the network away',
            )
        case _:
            raise Unsupported(
                f"{game.title} is to have a network ({game.network.kind}), which sandboxes can't give",
                hint='Set backend = "docker", or take the network away',
            )
