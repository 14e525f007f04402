"""`GET /runtimes`: what games can be played with here beside the system, and what is missing."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from dillinger_contracts.model import WireModel
from dillinger_runner.runtimes import Runtime, runtimes

from .access import KeyRequired
from .sessions import KeeperHere

router = APIRouter(dependencies=[KeyRequired], tags=["runtimes"])


class RuntimeList(WireModel):
    """Answer of `GET /runtimes`."""

    runtimes: tuple[Runtime, ...]


@router.get("/runtimes")
async def list_runtimes(keeper: KeeperHere) -> RuntimeList:
    """Wine, and every Proton and folder of libraries that the library has or a game of it wants: there or missing, and
    how to get it."""
    places = keeper.config.places
    has_own_wine = keeper.backend.kind != "process"
    found = await asyncio.to_thread(runtimes, places.library_dir, has_own_wine=has_own_wine)
    return RuntimeList(runtimes=tuple(found))
