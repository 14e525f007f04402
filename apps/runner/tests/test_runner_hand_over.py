"""What a waiting container's seat is handed: folders as mounts of their own, from which no way leads up."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests import container_engine

from dillinger_contracts import Unsupported
from dillinger_runner.backends.docker_engine import Engine
from dillinger_runner.backends.docker_hands import Hands, Stores
from dillinger_runner.backends.docker_spec import Premises
from dillinger_runner.cgroups import Limits

INSTANCE = f"test-{os.getpid()}-hands"


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    """All of the user's that containers run as."""
    folders = [tmp_path / name for name in ("run", "sessions", "saves", "library")]
    for folder in folders:
        (folder / "of-ann").mkdir(parents=True)
        (folder / "of-ann/file").touch()
        (folder / "secret").touch()
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, *map(int, container_engine.USER.split(":")))
    return Stores(*folders)


@pytest.fixture(params=["process", "porter"])
async def hands(request: pytest.FixtureRequest, stores: Stores) -> AsyncIterator[Hands]:
    """A process of the runner's own, and a container that does it for one that may not."""
    is_porter = request.param == "porter"
    image = container_engine.image("games") if is_porter else ""
    premises = Premises(INSTANCE, container_engine.USER, image, {}, Limits(64 << 20, 1.0, 16))
    engine = Engine(container_engine.HOST if is_porter else "unix:///nowhere", INSTANCE)
    hands = Hands(premises, stores, engine, has_own=False if is_porter else None)
    try:
        yield hands
    finally:
        await hands.close()
        left = await engine.ours() if is_porter else []
        await engine.close()
        assert not left


async def test_folders_are_handed_as_mounts_that_lead_nowhere_else(hands: Hands, stores: Stores) -> None:
    shown, kept = stores.saves_dir / "of-ann", stores.sessions_dir / "of-ann"
    path = stores.runtime_dir / "hand.sock"
    order = {"socket": str(path), "text": "words", "folders": [(str(shown), True), (str(kept), False)]}
    for number in range(2):
        with listening(path) as listener:
            taking = asyncio.create_task(asyncio.to_thread(take, listener))
            await hands.give(order)
            text, (read_only, writable) = await taking
        assert text == b"words\n"
        look(Path(f"/proc/self/fd/{read_only}"), Path(f"/proc/self/fd/{writable}"), kept, f"other{number}")
        os.close(read_only)
        os.close(writable)
        path.unlink()


def listening(path: Path) -> socket.socket:
    """As a waiting seat does."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    shutil.chown(path, *map(int, container_engine.USER.split(":")))
    listener.listen(1)
    return listener


def look(read_only: Path, writable: Path, kept: Path, name: str) -> None:
    """What the seat could do with them."""
    assert names(read_only) == names(read_only / "..") == ["file"]
    with pytest.raises(OSError, match="Read-only"):
        (read_only / name).touch()
    (writable / name).touch()
    assert name in names(kept)


def names(folder: Path) -> list[str]:
    """What is in there."""
    return sorted(entry.name for entry in folder.iterdir())


def take(listener: socket.socket) -> tuple[bytes, list[int]]:
    """As a seat does it."""
    listener.settimeout(30)
    connection, _ = listener.accept()
    with connection:
        text, descriptors, _, _ = socket.recv_fds(connection, 65_536, 8)
        while chunk := connection.recv(65_536):
            text += chunk
        connection.send(b".")
    return text, list(descriptors)


async def test_a_folder_that_is_not_there_can_not_be_handed(hands: Hands, stores: Stores) -> None:
    await hands.check(stores.library_dir / "of-ann")
    with pytest.raises(Unsupported, match="No such file"):
        await hands.check(stores.library_dir / "nowhere")
    await hands.check(stores.library_dir / "of-ann")


async def test_the_answer_to_an_order_that_was_given_up_is_nobody_else_s(hands: Hands, stores: Stores) -> None:
    path = stores.runtime_dir / "hand.sock"
    with listening(path) as listener:
        listener.settimeout(30)
        giving = asyncio.create_task(hands.give({"socket": str(path), "text": "words", "folders": []}))
        seat, _ = await asyncio.to_thread(listener.accept)
        giving.cancel()
        await asyncio.gather(giving, return_exceptions=True)
        seat.close()  # the order's answer is that the seat went away
        await hands.check(stores.library_dir)


async def test_a_porter_that_was_killed_is_replaced_and_an_orphan_ends(stores: Stores) -> None:
    premises = Premises(INSTANCE, container_engine.USER, container_engine.image("games"), {}, Limits(64 << 20, 1.0, 16))
    engine: Any = Engine(container_engine.HOST, INSTANCE)
    hands = Hands(premises, stores, engine, has_own=False)
    try:
        await hands.check(stores.library_dir)
        [first] = await engine.ours()
        await engine.signal(first.id, "SIGKILL")
        await engine.wait(first.id, timeout_s=30)
        await hands.check(stores.library_dir)
        [second] = await engine.ours()
        assert second.id != first.id
        await engine.close()  # as a killed runner does: the connection is gone
        assert await engine.wait(second.id, timeout_s=30)
        async with asyncio.timeout(30):
            while await engine.ours():  # noqa: ASYNC110 - the engine removes it on its own
                await asyncio.sleep(0.05)
    finally:
        await hands.close()
        await engine.close()
