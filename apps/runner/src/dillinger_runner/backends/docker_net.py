"""Networks of games in containers: a session's own for the internet, one for each LAN, and none for all others.

A LAN is a network that leads nowhere: its bridge has no address on the machine. The internet needs a bridge with one,
and through that a container would reach all that the machine listens on; so another container holds the network
namespace first (`net`), walls are put up in it by one that may, and only then the cell joins it. Walls hold for the
session's life, since nothing in a cell may change them. What of this is left over goes with its session; a LAN goes
with its last one. Who is in a LAN is what the engine says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from dillinger_contracts import SeatSpec, Unavailable, Unsupported
from dillinger_contracts.network import Internet, Lan, walls
from dillinger_runner.cgroups import Limits

from .docker_engine import Engine, EngineAway
from .docker_host import HostLook, run_once
from .docker_spec import LABEL_INSTANCE, LABEL_LAN, LABEL_ROLE, LABEL_SESSION, Config, Premises, container_name, locked
from .host_network import HostNetwork

_BRIDGE = "com.docker.network.bridge"
LAN_API = (1, 48)
"""Docker 28, the first whose bridges can do without an address on the machine; older ones ignore the wish."""
_HOLDER_LIMITS = Limits(16 << 20, 0.5, 8)
_WALLS_LIMITS = Limits(64 << 20, 1.0, 16)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Joined:
    """What a cell's container is told of its network."""

    mode: str
    """Docker's network mode."""
    lan: str | None = None


NOWHERE = Joined("none")


def lan_network(premises: Premises, name: str) -> str:
    """One LAN of a name, for one runner, on one engine."""
    return f"dillinger-{premises.instance}-lan-{name}"


def lan_config(premises: Premises, name: str) -> Config:
    """A bridge without an address on the machine: those who are on it reach each other and nothing else."""
    return {
        "Name": lan_network(premises, name),
        "Driver": "bridge",
        "Internal": True,
        "EnableIPv6": False,
        "Options": {f"{_BRIDGE}.gateway_mode_ipv4": "isolated"},
        "Labels": {LABEL_INSTANCE: premises.instance, LABEL_LAN: name},
    }


def internet_config(premises: Premises, session_id: str) -> Config:
    """A bridge of one session, with masquerading."""
    return {
        "Name": container_name(session_id, "net"),
        "Driver": "bridge",
        "EnableIPv6": False,
        "Options": {f"{_BRIDGE}.enable_icc": "false"},
        "Labels": {LABEL_INSTANCE: premises.instance, LABEL_SESSION: session_id},
    }


def holder_config(premises: Premises, session_id: str) -> Config:
    """Holds the network namespace, and does nothing."""
    host = locked(_HOLDER_LIMITS) | {
        "NetworkMode": container_name(session_id, "net"),
        "SecurityOpt": ["no-new-privileges:true"],
    }
    return {
        "Image": premises.seat_image,
        "User": premises.user,
        "Hostname": "cell",
        "Entrypoint": ["/bin/sleep", "infinity"],
        "Cmd": [],
        "StopSignal": "SIGKILL",  # it hears no other, as process 1, and an engine that ends would wait for it
        "HostConfig": host,
        "Labels": _labels(premises, session_id),
    }


def walls_config(premises: Premises, session_id: str, host_network: HostNetwork) -> Config:
    """Puts the walls up, and ends with 0 once they stand. The one container with a right over a network, and it is the
    cell's own that it has it over."""
    text = walls((*host_network.addresses, *host_network.networks), host_network.resolvers)
    host = locked(_WALLS_LIMITS) | {
        "NetworkMode": f"container:{container_name(session_id, 'net')}",
        "CapAdd": ["NET_ADMIN"],
        "SecurityOpt": ["no-new-privileges:true"],
    }
    return {
        "Image": premises.seat_image,
        "User": "0:0",
        "Entrypoint": ["/bin/sh", "-c", 'printf %s "$WALLS" | /usr/sbin/nft -f -'],
        "Cmd": [],
        "Env": [f"WALLS={text}"],
        "HostConfig": host,
        "Labels": _labels(premises, session_id),
    }


def _labels(premises: Premises, session_id: str) -> Mapping[str, str]:
    return {LABEL_INSTANCE: premises.instance, LABEL_SESSION: session_id, LABEL_ROLE: "net"}


class CellNetworks:
    """Networks of one runner's cells. On the runner's loop."""

    def __init__(self, premises: Premises, engine: Engine, host: HostLook) -> None:
        self._premises = premises
        self._engine = engine
        self._host = host
        self._joining: dict[str, str] = {}
        """Session → LAN that its cell is about to join."""
        self._changing = asyncio.Lock()

    async def ensure(self, seat: SeatSpec) -> Joined:
        """The network that this session's game is to have is there; raises `Unsupported` or `Unavailable`."""
        session_id = seat.session.session_id
        match seat.session.game.network:
            case Internet():
                await self._ensure_internet(session_id)
                return Joined(f"container:{container_name(session_id, 'net')}")
            case Lan(name=name):
                return await self._ensure_lan(session_id, name)
            case _:
                return NOWHERE

    async def remove(self, session_id: str) -> None:
        """What the session had for itself, once its cell is gone, and LANs that nobody is in any more."""
        self._joining.pop(session_id, None)
        name = container_name(session_id, "net")
        await self._engine.remove(f"{name}-walls")
        await self._engine.remove(name)
        await self._engine.remove_network(name)
        await self.sweep()

    async def sweep(self) -> None:
        """Removes LANs that nobody is in, or is about to join."""
        async with self._changing:
            lans = [labels[LABEL_LAN] for labels in await self._engine.our_networks() if LABEL_LAN in labels]
            if not lans:
                return
            used = {box.labels.get(LABEL_LAN) for box in await self._engine.ours()} | set(self._joining.values())
            for name in lans:
                if name not in used:
                    await self._forget_lan(name)

    async def _forget_lan(self, name: str) -> None:
        """Somebody else may have put a container of theirs into it: no reason for a session not to end."""
        try:
            await self._engine.remove_network(lan_network(self._premises, name))
        except EngineAway:
            raise
        except Unavailable as error:
            log.warning("lan_stays", lan=name, error=error.message)
        else:
            log.info("lan_removed", lan=name)

    async def sessions(self) -> set[str]:
        """Sessions that have a network of their own."""
        return {labels[LABEL_SESSION] for labels in await self._engine.our_networks() if LABEL_SESSION in labels}

    async def _ensure_lan(self, session_id: str, name: str) -> Joined:
        said = str((await self._engine.version()).get("ApiVersion", "0.0"))
        if tuple(int(part) for part in said.split(".")[:2]) < LAN_API:
            raise Unsupported(
                f"This container engine (API {said}) can't keep a LAN apart from the machine", hint="Install Docker 28"
            )
        async with self._changing:
            self._joining[session_id] = name
            await self._engine.create_network(lan_config(self._premises, name))
        return Joined(lan_network(self._premises, name), lan=name)

    async def _ensure_internet(self, session_id: str) -> None:
        name = container_name(session_id, "net")
        box = await self._engine.inspect(name)
        if box is not None and box.is_running:
            return await self._wall_in(session_id)  # a runner was killed, maybe before the walls stood
        await self._engine.remove(name)
        await self._engine.create_network(internet_config(self._premises, session_id))
        await self._engine.create(name, holder_config(self._premises, session_id))
        await self._engine.start(name)
        return await self._wall_in(session_id)

    async def _wall_in(self, session_id: str) -> None:
        name = f"{container_name(session_id, 'net')}-walls"
        try:
            await run_once(self._engine, name, walls_config(self._premises, session_id, await self._host.network()))
        except Unavailable as error:
            raise Unsupported(
                f"The internet can't be given to a game here without the machine: {error.message}",
                hint="The engine's kernel has to have nftables",
            ) from error
