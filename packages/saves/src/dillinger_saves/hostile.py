"""Trees that a hostile program made, walked, moved and removed without leaving them.

Each step down is opened below the one above and follows no link. A game may take the rights from its own folders, nest
them by the thousand, and name things as no text can: none of it keeps them from being read or removed. Blocking.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts import NotFound

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
TRASH, INCOMING = ".trash-", ".incoming-"
MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Item:
    """Something below the start; `folder_fd` holds while it is handed out."""

    path: str
    name: str
    folder_fd: int
    status: os.stat_result


def items(start: int, path: str = "") -> Iterator[Item]:
    """Everything below the folder `start`, folders before what is in them, to `MAX_DEPTH`; our own way in is made
    where a folder has no rights."""
    if path.count("/") >= MAX_DEPTH:
        return
    for name in sorted(os.listdir(start)):
        try:
            status = os.stat(name, dir_fd=start, follow_symlinks=False)
        except OSError:
            continue
        below = f"{path}/{name}" if path else name
        yield Item(below, name, start, status)
        if stat.S_ISDIR(status.st_mode):
            descriptor = opened_folder(name, start)
            try:
                yield from items(descriptor, below)
            finally:
                os.close(descriptor)


def opened_folder(name: str, folder: int) -> int:
    """A descriptor of the folder `name` in `folder`; raises OSError."""
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=folder)  # it was no link, and nobody plays meanwhile
        return os.open(name, FOLDER, dir_fd=folder)


@contextlib.contextmanager
def opened(root: Path, path: str = "") -> Iterator[int]:
    """A descriptor of the folder `root/path`; raises `NotFound` where it or a folder above it is none."""
    with contextlib.ExitStack() as chain:
        try:
            at = os.open(root, FOLDER)
            chain.callback(os.close, at)
            for part in path.split("/") if path else ():
                at = opened_folder(part, at)
                chain.callback(os.close, at)
        except OSError as error:
            raise NotFound(f"There is no {path or root.name} here") from error
        yield at


def discard(trash_dir: Path, folder: int, *names: str) -> bool:
    """Takes `names` away from `folder`; what there was is in a trash folder in `trash_dir` then, for `empty_trash`."""
    bin_path = trash_dir / f"{TRASH}{secrets.token_hex(6)}"
    bin_path.mkdir(mode=0o700)
    was_there = False
    with opened(bin_path) as into:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.rename(name, name, src_dir_fd=folder, dst_dir_fd=into)
                was_there = True
    return was_there


def empty_trash(trash_dir: Path) -> None:
    """Removes what was discarded, and what somebody was unpacking who is gone; what can't be removed is left for the
    next time."""
    for entry in (*trash_dir.glob(f"{TRASH}*"), *trash_dir.glob(f"{INCOMING}*")):
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf", "--one-file-system"]):
            subprocess.run([*command, "--", str(entry)], stderr=subprocess.DEVNULL, check=False)
