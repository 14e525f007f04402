"""Containers whose seats wait for a session.

A container's mounts are fixed when it is made, so a waiting one mounts its runtime folder alone. It is given away by
its names, the runtime folder's and the container's, and then handed its session's folders as mounts, by descriptor: the
same folders that a seat mounts which was started for its session, and as read-only.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from dillinger_contracts import SeatSpec, Unavailable, Unsupported
from dillinger_contracts.cell import RuntimeFolder
from dillinger_contracts.handing import FolderName, Handing
from dillinger_contracts.seat_folder import SeatFolder

from .base import SeatHandle, Waiting
from .docker_engine import Engine
from .docker_spec import Premises, container_name, waiting_config

_HAND_OVER = Path(__file__).with_name("hand_over.py")
_TIMEOUT_S = 15.0
_IMAGE_LOOK_S = 10.0


class WarmContainers:
    """The waiting seats of one docker backend."""

    def __init__(
        self, premises: Premises, runtime_dir: Path, engine: Engine, ensure: Callable[[SeatSpec], Awaitable[SeatHandle]]
    ) -> None:
        self._premises = premises
        self._runtime_dir = runtime_dir
        self._engine = engine
        self._ensure = ensure
        self._images: dict[str, str | None] = {}
        self._image_seen: tuple[str | None, float] = None, 0.0

    async def warm(self, seat_id: str) -> SeatHandle:
        """Starts a container that waits; raises Unsupported where it could be given nothing."""
        runtime = self._runtime_dir / seat_id
        try:
            await asyncio.to_thread(self._lay_out, runtime)
        except OSError as error:
            raise Unavailable(f"No folder can be made: {error.strerror}: {error.filename}") from error
        await run_hand_over("--probe", str(runtime))
        self._images[seat_id] = await self._engine.image_id(self._premises.seat_image)
        name = container_name(seat_id, "seat")
        await self._engine.create(name, waiting_config(seat_id, str(runtime), self._premises))
        await self._engine.start(name)
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
        return Waiting.WARM if (self._runtime_dir / seat_id / SeatFolder.WARM).exists() else Waiting.STARTING

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


async def hand_over(seat: SeatSpec) -> None:
    """Gives the seat its session; raises Unsupported or Unavailable."""
    game = Path(seat.library_dir) / seat.session.game.game_id
    folders: list[tuple[FolderName, str, bool]] = [
        ("session_dir", seat.session_dir, False),
        ("saves_dir", seat.saves_dir, True),
        ("game", str(game), True),
    ]
    if seat.layer_dir is not None:
        folders.append(("layer_dir", seat.layer_dir, True))
    text = Handing(spec=seat, folders=tuple(name for name, _, _ in folders)).model_dump_json(by_alias=True)
    order = {"text": text, "folders": [(path, is_read_only) for _, path, is_read_only in folders]}
    await run_hand_over(str(Path(seat.runtime_dir) / RuntimeFolder.HAND_SOCKET), order=order)


async def run_hand_over(*arguments: str, order: Mapping[str, object] | None = None) -> None:
    """Runs the process that opens mounts; raises Unsupported with what it says."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        str(_HAND_OVER),
        *arguments,
        stdin=pipe,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=pipe,
    )
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            _, said = await process.communicate(json.dumps(order).encode())
    except TimeoutError:
        raise Unavailable(f"The waiting seat did not take its session within {_TIMEOUT_S:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        why = said.decode("utf-8", "replace").strip()[-300:]
        raise Unsupported(f"No folder can be handed to a waiting seat: {why}", hint="Set pool_size = 0")
