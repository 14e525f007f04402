"""Looks through a folder (or one file) that is to become a game: its size, and every program in it.

Nothing is followed out of the folder, nothing is run, and what is looked at is bounded. Blocking: run in a thread.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from dillinger_contracts import Exhausted, NotFound
from dillinger_contracts.game import UNPACKED_FOLDER
from dillinger_programs import Format, Program
from dillinger_programs.kinds import identify_open

from . import volume
from .candidates import Candidate, Found, rank
from .flatpak import Flatpak, flatpak_of

MAX_FILES = 300_000
MAX_DEPTH = 40
MAX_OPENED = 4000
"""Programs that are looked into; the rest of a folder with more stays unknown."""
_LIKELY_SUFFIXES = frozenset(
    {"", ".exe", ".com", ".msi", ".sh", ".run", ".bin", ".appimage", ".x86", ".x86_64", ".x64", ".bat"}
)
_EXPORT = re.compile(r"(^|/)exports?/share/applications/[^/]+\.desktop$")
_NEVER_SUFFIXES = frozenset({".so", ".dll", ".png", ".jpg", ".ogg", ".wav", ".txt", ".dat", ".pak", ".xml", ".json"})


@dataclass(frozen=True, slots=True)
class Item:
    """A file, folder or link below the start; `folder_fd` holds while it is handed out."""

    path: str
    name: str
    folder_fd: int
    status: os.stat_result

    @property
    def is_file(self) -> bool:
        """A plain file."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        """A folder, whose items follow it."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        """A symbolic link."""
        return stat.S_ISLNK(self.status.st_mode)


@dataclass(frozen=True, slots=True)
class Survey:
    """What is in a folder that may be a game."""

    name: str
    """The folder's or the file's own name."""
    files: int
    size_bytes: int
    found: tuple[Found, ...]
    left_out: tuple[str, ...]
    """What can't be part of a game: devices, sockets, links that lead elsewhere."""
    flatpak: Flatpak | None = None
    """What the metadata say, where it is the folder of a Flatpak app."""
    exports: tuple[str, ...] = ()
    """Desktop entries that a Flatpak app exports."""

    @property
    def candidates(self) -> list[Candidate]:
        """The programs, the likeliest first."""
        ranked = rank(self.found, self.name)
        return ranked if self.flatpak is None else self.flatpak.first(ranked)

    @property
    def system(self) -> str | None:
        """What the likeliest program was made for; None where there is no program."""
        best = next(iter(self.candidates), None)
        return next((one.program.system for one in self.found if best and one.path == best.path), None)


def survey(root: Path, *parts: str, check: Callable[[], None] = lambda: None) -> Survey:
    """What is in `root/parts…`; `check` may raise to end it early. Raises `NotFound` or `Exhausted`."""
    files = size_bytes = opened = 0
    found: list[Found] = []
    left_out: list[str] = []
    exports: list[str] = []
    for item in items(root, *parts):
        check()
        if item.path == UNPACKED_FOLDER or item.path.startswith(UNPACKED_FOLDER + "/"):
            continue
        if item.is_link:
            if not stays_inside(item):
                left_out.append(item.path)
            continue
        if item.is_folder:
            continue
        if not item.is_file:
            left_out.append(item.path)
            continue
        if _EXPORT.search(item.path):
            exports.append(item.name)
        files += 1
        size_bytes += item.status.st_size
        if opened < MAX_OPENED and (_may_be_program(item) or [item.name] == list(parts[-1:])):
            opened += 1
            if program := _identify(item):
                is_executable = bool(item.status.st_mode & 0o111)
                found.append(Found(item.path, program, item.status.st_size, is_executable))
    if files > 1:  # a game's data are often packed; an archive alone is a game that was not unpacked
        found = [one for one in found if one.program.format is not Format.ARCHIVE]
    return Survey(
        parts[-1] if parts else root.name,
        files,
        size_bytes,
        tuple(found),
        tuple(left_out[:100]),
        flatpak_of(root, *parts),
        tuple(exports[:100]),
    )


def items(root: Path, *parts: str) -> Iterator[Item]:
    """Everything below `root/parts…`, folders before what is in them; a single file is itself."""
    with volume.opened(root, parts) as start:
        status = os.fstat(start)
        if stat.S_ISREG(status.st_mode):
            with volume.opened(root, parts[:-1]) as folder:
                yield Item(parts[-1], parts[-1], folder, status)
            return
        if not stat.S_ISDIR(status.st_mode):
            raise NotFound(f"{parts[-1] if parts else root} is neither a folder nor a file")
        count = 0
        for path, folders, names, folder_fd in os.fwalk(".", dir_fd=start, follow_symlinks=False):
            if path.count("/") > MAX_DEPTH:
                raise Exhausted(f"Folders are nested deeper than {MAX_DEPTH}", hint="Is this really a game?")
            folders.sort()
            for name in sorted((*folders, *names)):
                count += 1
                if count > MAX_FILES:
                    raise Exhausted(
                        f"There are more than {MAX_FILES} files", hint="Is this really a game's own folder?"
                    )
                try:
                    below = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
                except OSError:
                    continue  # gone meanwhile
                yield Item(os.path.normpath(f"{path}/{name}"), name, folder_fd, below)


def stays_inside(item: Item) -> bool:
    """Whether a link is relative and leads to somewhere in the game's own folder, by its words."""
    try:
        target = os.readlink(item.name, dir_fd=item.folder_fd)
    except OSError:
        return False
    return leads_inside(item.path, target)


def leads_inside(path: str, target: str) -> bool:
    """Whether a link at `path`, from the game's folder, leads to `target` in the same folder, by its words."""
    end = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120
    return bool(target) and not target.startswith("/") and end != ".." and not end.startswith("../")


def _may_be_program(item: Item) -> bool:
    suffix = PurePath(item.name).suffix.lower()
    if suffix in _LIKELY_SUFFIXES:
        return True
    return bool(item.status.st_mode & 0o111) and suffix not in _NEVER_SUFFIXES and ".so." not in item.name


def _identify(item: Item) -> Program | None:
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(item.name, flags, dir_fd=item.folder_fd)
    except OSError:
        return None
    try:
        return identify_open(descriptor, name=item.name)
    finally:
        os.close(descriptor)
