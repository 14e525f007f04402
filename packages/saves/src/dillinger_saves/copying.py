"""A player's own copy of a game's folder, for machines that mount no overlay.

Blocks are shared where the file system can (ioctl_ficlone(2)), copied otherwise. Hard links are not used: the library's
files would be the game's to write to. The copy is kept between sessions; a file that the library has changed since is
taken over unless its player's game has changed it too. Blocking; owned by whoever holds the layer's lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from dillinger_contracts import Exhausted

from .layout import GameSaves

_FICLONE = 0x40049409
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST_BYTES = 64 * 1024 * 1024

Mark = list[int | str]
"""What tells one state of a file from another: size and time of change, or where a link leads."""


def ensure_copy(source: Path, saves: GameSaves, *, most_bytes: int) -> int:
    """Brings the copy of `source` up to date; returns the bytes that the library's files take in it.

    Raises `Exhausted` where more than `most_bytes` would have to be copied for want of shared blocks.
    """
    before, now = _load(saves.copy_list), dict(_marks(source))
    saves.copy.mkdir(mode=0o700, exist_ok=True)
    copied = 0
    with _opened(saves.copy) as root, _opened(source) as library:
        for path, mark in now.items():
            known = before.get(path)
            if known != mark and _is_as(root, path, known):
                copied += _take_over(library, root, path, mark)
                if copied > most_bytes:
                    raise Exhausted(
                        "The game's folder is too big to be copied for each player",
                        hint="Use a file system with reflinks (Btrfs, XFS), or a kernel that lets users mount overlays",
                    )
        for path in sorted(before.keys() - now.keys(), reverse=True):
            if _is_as(root, path, before[path]):
                _drop(root, path)
        if not before and saves.changes.is_dir():  # they came from a machine that mounts overlays
            with _opened(saves.changes) as theirs:
                for path, mark in _marks(saves.changes):
                    _take_over(theirs, root, path, mark)
    part = saves.copy_list.with_suffix(".part")
    part.write_text(json.dumps(now), "utf-8")
    part.replace(saves.copy_list)
    return copied_bytes(saves)


def copied_bytes(saves: GameSaves) -> int:
    """What the library's files take up in the copy, as its list has it; 0 where there is none."""
    return sum(mark[0] for mark in _load(saves.copy_list).values() if isinstance(mark[0], int))


def cloned(reading: int, writing: int) -> bool:
    """Whether the file at `writing` shares the blocks of the one at `reading` now."""
    try:
        fcntl.ioctl(writing, _FICLONE, reading)
    except OSError:
        return False
    return True


def _load(path: Path) -> dict[str, Mark]:
    try:
        if path.stat().st_size > _LIST_BYTES:
            return {}
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _marks(folder: Path) -> Iterator[tuple[str, Mark]]:
    """Every folder, file and link below, folders before what is in them."""
    for at, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            path = os.path.relpath(f"{at}/{name}", folder)
            if stat.S_ISLNK(found.st_mode):
                yield path, ["link", os.readlink(name, dir_fd=descriptor)]
            elif stat.S_ISDIR(found.st_mode):
                yield path, ["folder"]
            elif stat.S_ISREG(found.st_mode):
                yield path, [found.st_size, found.st_mtime_ns]


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _parent(root: int, path: str) -> Iterator[tuple[int, str]]:
    """The folder that holds `path`, reached without following a link, and the last name."""
    *above, name = path.split("/")
    at = os.dup(root)
    try:
        for part in above:
            below = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at, name
    finally:
        os.close(at)


def _is_as(root: int, path: str, mark: Mark | None) -> bool:
    """Whether what is at `path` is what was put there: nothing, where `mark` is None."""
    try:
        with _parent(root, path) as (folder, name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(found.st_mode):
                return mark == ["link", os.readlink(name, dir_fd=folder)]
            return mark == (["folder"] if stat.S_ISDIR(found.st_mode) else [found.st_size, found.st_mtime_ns])
    except FileNotFoundError:
        return mark is None
    except OSError:
        return False


def _take_over(library: int, root: int, path: str, mark: Mark) -> int:
    """Puts the library's `path` into the copy; how many bytes had to be copied."""
    try:
        with _parent(library, path) as (old_folder, name), _parent(root, path) as (folder, _):
            if mark == ["folder"]:
                os.mkdir(name, 0o700, dir_fd=folder)
                return 0
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            if mark[0] == "link":
                os.symlink(str(mark[1]), name, dir_fd=folder)
                return 0
            return _put_file(old_folder, folder, name)
    except (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError):
        return 0  # the player's game has put something else in the way, which stays
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Exhausted("The disk has no room for a copy of the game", hint="Make room on it") from error
        raise


def _put_file(old_folder: int, folder: int, name: str) -> int:
    with os.fdopen(os.open(name, _READ, dir_fd=old_folder), "rb") as old:
        found = os.fstat(old.fileno())
        with os.fdopen(os.open(name, _NEW, 0o600, dir_fd=folder), "wb") as new:
            is_shared = cloned(old.fileno(), new.fileno())
            if not is_shared:
                shutil.copyfileobj(old, new, 1 << 20)
                new.flush()
            os.fchmod(new.fileno(), 0o700 if found.st_mode & 0o111 else 0o600)
            os.utime(new.fileno(), ns=(found.st_mtime_ns, found.st_mtime_ns))
    return 0 if is_shared else found.st_size


def _drop(root: int, path: str) -> None:
    with contextlib.suppress(OSError), _parent(root, path) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def changed_in_copy(saves: GameSaves) -> frozenset[str]:
    """What of the copy is its player's, with the folders above it."""
    if not saves.copy.is_dir():
        return frozenset()
    with _opened(saves.copy) as root:
        marks = _load(saves.copy_list)
        changed = {path for path, _ in _marks(saves.copy) if not _is_as(root, path, marks.get(path))}
    return frozenset(changed | {str(above) for path in changed for above in Path(path).parents} - {"."})
