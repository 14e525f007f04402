"""What a waiting container's seat is handed: folders as mounts of their own, from which no way leads up."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from dillinger_contracts import Unsupported
from dillinger_runner.backends.docker_warm import run_hand_over


async def test_folders_are_handed_as_mounts_that_lead_nowhere_else(tmp_path: Path) -> None:
    shown, kept = tmp_path / "shown", tmp_path / "kept"
    for folder in (shown, kept):
        folder.mkdir()
    (tmp_path / "secret").touch()
    (shown / "file").touch()
    order = {"text": "words", "folders": [(str(shown), True), (str(kept), False)]}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "hand.sock"))
        listener.listen(1)
        taking = asyncio.create_task(asyncio.to_thread(take, listener))
        await run_hand_over(str(tmp_path / "hand.sock"), order=order)
        text, (read_only, writable) = await taking
    assert text == b"words\n"
    look(Path(f"/proc/self/fd/{read_only}"), Path(f"/proc/self/fd/{writable}"), kept)
    os.close(read_only)
    os.close(writable)


def look(read_only: Path, writable: Path, kept: Path) -> None:
    """What the seat could do with them."""
    assert names(read_only) == names(read_only / "..") == ["file"]
    with pytest.raises(OSError, match="Read-only"):
        (read_only / "other").touch()
    (writable / "other").touch()
    assert names(kept) == ["other"]


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


async def test_a_folder_that_is_not_there_can_not_be_handed(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="No such file"):
        await run_hand_over("--probe", str(tmp_path / "nowhere"))
