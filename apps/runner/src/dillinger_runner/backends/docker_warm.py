"""Containers whose seats wait for a session.

A container's mounts are fixed when it is made, so a waiting one mounts its runtime folder alone. It is given away by
its names, the runtime folder's and the container's, and then handed its session's folders as mounts, by descriptor: the
same folders that a seat mounts which was started for its session, and as read-only.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from dillinger_contracts import SeatSpec, Unavailable
from dillinger_contracts.cell import RuntimeFolder
from dillinger_contracts.handing import FolderName, Handing
from dillinger_contracts.ice import PortRange
from dillinger_contracts.seat_folder import SeatFolder
from dillinger_contracts.wine import RUNTIMES_FOLDER

from . import docker_media
from .base import SeatHandle, Waiting
from .docker_engine import Engine
from .docker_hands import Hands, Order
from .docker_host import HostLook
from .docker_spec import Config, Premises, container_name, waiting_config

_IMAGE_LOOK_S = 10.0

log = structlog.get_logger()


class WarmContainers:
    """The waiting seats of one docker backend, each in the network that seats have, with its port published."""

    def __init__(
        self,
        premises: Premises,
        runtime_dir: Path,
        engine: Engine,
        hands: Hands,
        host: HostLook,
        *,
        media_ports: PortRange | None,
        ensure: Callable[[SeatSpec], Awaitable[SeatHandle]],
    ) -> None:
        self._premises = premises
        self._runtime_dir = runtime_dir
        self._engine = engine
        self._hands = hands
        self._host = host
        self._media_ports = media_ports
        self._ensure = ensure
        self._images: dict[str, str | None] = {}
        """Of each seat that waits."""
        self._image_seen: tuple[str | None, float] = None, 0.0

    async def warm(self, seat_id: str) -> SeatHandle:
        """Starts a container that waits; raises Unsupported where it could be given nothing."""
        runtime = self._runtime_dir / seat_id
        try:
            await asyncio.to_thread(self._lay_out, runtime)
        except OSError as error:
            raise Unavailable(f"No folder can be made: {error.strerror}: {error.filename}") from error
        await self._hands.check(runtime)
        ports = await docker_media.free_ports(self._media_ports, self._premises, self._engine)
        self._images[seat_id] = await self._engine.image_id(self._premises.seat_image)

        async def make(port: int | None) -> Config:
            return waiting_config(seat_id, str(runtime), self._premises, media_port=port)

        if await docker_media.start(self._engine, container_name(seat_id, "seat"), ports, make) is not None:
            await self._host.network()
        return SeatHandle(seat_id)

    def _lay_out(self, runtime: Path) -> None:
        runtime.mkdir(mode=0o700, parents=True)
        if os.getuid() == 0:
            uid, gid = (int(number) for number in self._premises.user.split(":"))
            os.chown(runtime, uid, gid)

    async def waiting(self, seat_id: str) -> Waiting:
        """Gone too where the image of its name is another one now."""
        box = await self._engine.inspect(container_name(seat_id, "seat"))
        if box is None or not box.is_running or self._images.get(seat_id) != await self._image():
            self._images.pop(seat_id, None)
            return Waiting.GONE
        if docker_media.port_of(box) is not None:  # so that a click need not wait for a look
            await self._host.network(max_age_s=docker_media.STALE_S / 2)
        return Waiting.WARM if (self._runtime_dir / seat_id / SeatFolder.WARM).exists() else Waiting.STARTING

    async def give_up_one(self) -> bool:
        """Ends a seat that waits, for what it holds; whether there was one. The pool finds it gone."""
        for seat_id in tuple(self._images):
            name = container_name(seat_id, "seat")
            # One that is only about to be made holds nothing, and one that was given away meanwhile is a session's.
            if await self._engine.inspect(name) is not None and self._images.pop(seat_id, None) is not None:
                log.info("warm_seat_given_up", seat_id=seat_id)
                await self._engine.remove(name)
                return True
        return False

    async def hand_over(self, seat: SeatSpec, *, has_runtimes: bool) -> None:
        """Gives the session's seat its spec and folders; raises Unsupported or Unavailable."""
        await self._hands.give(order_for(seat, has_runtimes=has_runtimes))

    async def _image(self) -> str | None:
        image, seen_s = self._image_seen
        if time.monotonic() - seen_s > _IMAGE_LOOK_S or image is None:
            image = await self._engine.image_id(self._premises.seat_image)
            self._image_seen = image, time.monotonic()
        return image

    async def assign(self, seat_id: str, seat: SeatSpec) -> SeatHandle:
        """Folder first, then the name: what is in between has no container of the session's name, and is cleared as a
        whole. From the name on the container is the session's, and `ensure` does what is left to do."""
        self._images.pop(seat_id, None)
        name, new_name = (container_name(id_, "seat") for id_ in (seat_id, seat.session.session_id))
        box = await self._engine.inspect(name)
        if box is None or not box.is_running:
            raise Unavailable("The waiting seat is gone")
        try:
            (self._runtime_dir / seat_id).rename(seat.runtime_dir)
        except OSError as error:
            raise Unavailable(f"The waiting seat can't be had: {error.strerror} ({error.filename})") from error
        await self._engine.rename(name, new_name)
        return await self._ensure(seat)


def is_to_be_handed(seat: SeatSpec) -> bool:
    """Whether the session's seat still waits for it."""
    return (Path(seat.runtime_dir) / RuntimeFolder.HAND_SOCKET).exists()


def order_for(seat: SeatSpec, *, has_runtimes: bool) -> Order:
    """What the seat's session is handed by: the folders that `docker_spec.seat_config` has mounted."""
    game = Path(seat.library_dir) / seat.session.game.game_id
    folders: list[tuple[FolderName, str, bool]] = [
        ("session_dir", seat.session_dir, False),
        ("saves_dir", seat.saves_dir, True),
        ("game", str(game), True),
    ]
    if seat.layer_dir is not None:
        folders.append(("layer_dir", seat.layer_dir, True))
    if has_runtimes:
        folders.append(("runtimes", str(Path(seat.library_dir) / RUNTIMES_FOLDER), True))
    text = Handing(spec=seat, folders=tuple(name for name, _, _ in folders)).model_dump_json(by_alias=True)
    shown = [(path, is_read_only) for _, path, is_read_only in folders]
    return {"socket": str(Path(seat.runtime_dir) / RuntimeFolder.HAND_SOCKET), "text": text, "folders": shown}
