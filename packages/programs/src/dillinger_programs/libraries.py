"""Which shared libraries an ELF program lacks, found as the dynamic loader finds them (ld.so(8), gABI chapter 5).

The standard library only: a seat has a cell's own Python run it (see `alone`) on the cell's own file system before
the game starts; core looks from outside, through `View`. Neither runs the program. What the loader does beyond names
is left out: symbols and their versions.
"""

# Started once per game, where pathlib would double the time it takes:
# ruff: noqa: PTH100, PTH112, PTH118, PTH119, PTH120

from __future__ import annotations

import os
import stat
import struct
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

from dillinger_programs.elf import MAX_FOLDERS, MAX_NAME_BYTES, Elf, ReadAt, Unreadable, read_elf, text_of

MAX_OBJECTS = 2048
MAX_CACHE_BYTES = 16 * 1024 * 1024
MAX_LOOKS = 20_000
"""Files that are opened for one program; real ones take some hundred."""
MAX_SAID_BYTES = 240
"""What one line to the seat may hold."""

OWN_FOLDERS = ("", "lib", "lib64", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "bin", "libs", "lib32")
"""Where games keep libraries of their own, below their folder."""

RUNTIME_FOLDERS = tuple(
    f"{base}{folder}"
    for base in ("", "usr/")
    for folder in ("lib/x86_64-linux-gnu", "lib/i386-linux-gnu", "lib", "lib64")
)
MAX_RUNTIMES = 16

_TRIPLETS = {
    "i386": "i386-linux-gnu", "arm": "arm-linux-gnueabihf", "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu",
}  # fmt: skip


@dataclass
class View:
    """The file system as a cell sees it; from inside a cell, as it is.

    From outside, `game_dir` is what the cell has as `/game`, and of the machine only `/usr`, the loader's cache and
    `runtimes` are looked at. A link that leads out of them leads nowhere.
    """

    game_dir: str | None = None
    root: str = "/"
    runtimes: tuple[str, str] | None = None
    """Where runtimes are in the cell, and on the machine."""
    looks_left: int = MAX_LOOKS
    _cache: dict[str, list[str]] | None = None
    _known: dict[str, Elf | None] = field(default_factory=dict)

    def read(self, path: str) -> ReadAt | None:
        """The file at `path` for reading; None where there is no plain file. Raises `Unreadable` after `MAX_LOOKS`."""
        self.looks_left -= 1
        if self.looks_left < 0:
            raise Unreadable("it asks for too many files")
        place = path if self.game_dir is None else self._place(path)
        if place is None:
            return None
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        return _OpenFile(descriptor)

    def elf(self, path: str) -> Elf | None:
        """The ELF file at `path`; None where there is none. Raises `Unreadable` after `MAX_LOOKS`."""
        if path not in self._known:
            read = self.read(path)
            try:
                self._known[path] = None if read is None else read_elf(read)
            except Unreadable:
                self._known[path] = None
        return self._known[path]

    def real(self, path: str) -> str:
        """`path` without links, as the kernel names a program that it has started."""
        if self.game_dir is None:
            return os.path.realpath(path)
        game = os.path.realpath(self.game_dir)
        place = self._place(path) or path
        return "/game" + place[len(game) :] if place.startswith(game + "/") else place

    def _place(self, path: str) -> str | None:
        assert self.game_dir is not None
        path = os.path.normpath(path)
        game, usr = os.path.realpath(self.game_dir), os.path.realpath(os.path.join(self.root, "usr"))
        for _ in range(8):  # links from the game's folder into /usr, and of the distribution's from there
            inside, _, rest = path.lstrip("/").partition("/")
            if inside == "game":
                base, below = game, rest
            elif inside in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
                base, below = usr, f"{inside}/{rest}"
            elif inside == "usr":
                base, below = usr, rest
            elif self.runtimes is not None and path.startswith(self.runtimes[0] + "/"):
                base, below = os.path.realpath(self.runtimes[1]), path[len(self.runtimes[0]) + 1 :]
            elif path == "/etc/ld.so.cache":
                return os.path.join(self.root, "etc/ld.so.cache")
            else:
                return None
            real = os.path.realpath(os.path.join(base, below))
            if real == base or real.startswith(base + "/"):
                return real
            if base == game and real.startswith(("/usr/", "/lib")):
                path = real
                continue
            return None
        return None

    def cached(self, name: str) -> list[str]:
        """Where the loader's cache says that the library `name` is."""
        if self._cache is None:
            read = self.read("/etc/ld.so.cache")
            self._cache = {} if read is None else read_cache(read(0, MAX_CACHE_BYTES))
        return self._cache.get(name, [])


class _OpenFile:
    """pread(2) on a descriptor that is closed with the last reference."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, offset: int, size: int) -> bytes:
        if offset < 0 or offset >= 1 << 62 or size <= 0:
            return b""
        try:
            return os.pread(self._descriptor, size, offset)
        except (OSError, OverflowError):
            return b""

    def __del__(self) -> None:
        os.close(self._descriptor)


def read_cache(content: bytes) -> dict[str, list[str]]:
    """The loader's cache (glibc's `cache1.1`), library → paths; empty where it is another format."""
    start = content.find(b"glibc-ld.so.cache1.1")
    order = "<" if sys.byteorder == "little" else ">"
    if start < 0 or len(content) < start + 48:
        return {}
    found: dict[str, list[str]] = {}
    for number in range(min(struct.unpack_from(order + "I", content, start + 20)[0], 100_000)):
        at = start + 48 + 24 * number
        if at + 24 > len(content):
            break
        _, key, value = struct.unpack_from(order + "iII", content, at)
        name, path = (text_of(content[start + place : start + place + MAX_NAME_BYTES]) for place in (key, value))
        if name and path.startswith("/"):
            found.setdefault(name, []).append(path)
    return found


@dataclass(frozen=True)
class Lacks:
    """What keeps a program from starting; falsy when nothing does."""

    libraries: dict[str, str] = field(default_factory=dict)
    """Library → the file that needs it."""
    interpreter: str | None = None
    """The loader that the program asks for and that is not there."""
    folders: tuple[str, ...] = ()
    """Folders to name in LD_LIBRARY_PATH, without which more would be lacking."""

    def __bool__(self) -> bool:
        return bool(self.libraries or self.interpreter)


def lacks(view: View, program: str, *, search: tuple[str, ...] = (), own: tuple[str, ...] = ()) -> Lacks | None:
    """What `program` lacks; None when it is no ELF program (a script, a file of another system). Raises `Unreadable`.

    `search` is what LD_LIBRARY_PATH holds anyway. The folders of `own` are looked into only when something is lacking
    without them: a game's older copy of a library of the system breaks the drivers that come with the system.
    """
    program = view.real(program)
    elf = view.elf(program)
    if elf is None or not elf.is_program:
        return None
    if elf.interpreter and view.elf(elf.interpreter) is None:
        return Lacks(interpreter=elf.interpreter)
    plain, _ = _missing(view, program, elf, search)
    if not plain or not own:
        return Lacks(plain)
    helped, used = _missing(view, program, elf, (*search, *own))
    folders = tuple(folder for folder in own if folder in used)
    return Lacks(helped, folders=folders) if folders else Lacks(plain)


def _missing(view: View, program: str, elf: Elf, search: tuple[str, ...]) -> tuple[dict[str, str], set[str]]:
    """The libraries that are not found, with the file that needs each; and the folders of those that are."""
    missing: dict[str, str] = {}
    folders: set[str] = set()
    loaded = {os.path.basename(elf.interpreter)} if elf.interpreter else set()
    queue = [(program, elf, () if elf.runpath else _expand(elf.rpath, program, elf))]
    while queue and len(loaded) < MAX_OBJECTS:
        path, one, inherited = queue.pop(0)
        for name in one.needed:
            if name in loaded or name in missing:
                continue
            found = _find(view, _places(view, name, path, one, inherited, search), elf.kind)
            if found is None:
                missing[name] = path
                continue
            place, library = found
            loaded |= {name, library.soname or name}
            folders.add(os.path.dirname(place))
            own = () if library.runpath else _expand(library.rpath, place, library)
            queue.append((place, library, (*own, *inherited)[:MAX_FOLDERS]))
    return missing, folders


def _places(
    view: View, name: str, path: str, elf: Elf, inherited: tuple[str, ...], search: tuple[str, ...]
) -> Iterator[str]:
    """Where the loader looks for `name`, in its order."""
    if "/" in name:
        yield from _expand((name,), path, elf)
        return
    for folder in (*(() if elf.runpath else inherited), *search, *_expand(elf.runpath, path, elf)):
        yield os.path.join(folder, name)
    yield from view.cached(name)
    triplet = _TRIPLETS.get(elf.machine, "")
    for folder in (f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib64", "/usr/lib64", "/lib", "/usr/lib"):
        yield os.path.join(folder, name)


def _find(view: View, places: Iterator[str], kind: tuple[int, str]) -> tuple[str, Elf] | None:
    for place in places:
        found = view.elf(place)
        if found is not None and found.kind == kind:
            return place, found
    return None


def _expand(paths: tuple[str, ...], path: str, elf: Elf) -> tuple[str, ...]:
    values = {
        "ORIGIN": os.path.dirname(path),
        "LIB": "lib64" if elf.bits == 64 else "lib",
        "PLATFORM": elf.machine,
    }
    out = []
    for one in paths:
        for name, value in values.items():
            one = one.replace(f"${{{name}}}", value).replace(f"${name}", value)
        out.append(one)
    return tuple(path for path in out if len(path) <= MAX_NAME_BYTES)


def own_folders(game: str) -> tuple[str, ...]:
    """Where the game in the folder `game` may keep libraries of its own."""
    return tuple(os.path.join(game, name).rstrip("/") for name in OWN_FOLDERS)


def runtime_folders(runtimes: str) -> tuple[str, ...]:
    """Where the runtimes in the folder `runtimes` (Steam's, or one laid out like it) have their libraries."""
    every = (folders_of_runtime(runtime) for runtime in sorted(_folders_in(runtimes))[:MAX_RUNTIMES])
    return tuple(folder for folders in every for folder in folders)[:MAX_FOLDERS]


def folders_of_runtime(runtime: str) -> tuple[str, ...]:
    """Where the one runtime in the folder `runtime` has its libraries; empty where it is none."""
    inner = (os.path.join(one, "files") for one in sorted(_folders_in(runtime))[:MAX_RUNTIMES])
    roots = (runtime, os.path.join(runtime, "files"), *inner)
    places = (os.path.join(root, folder) for root in roots for folder in RUNTIME_FOLDERS)
    return tuple(place for place in places if os.path.isdir(place))[:MAX_FOLDERS]


def _folders_in(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir()]
    except OSError:
        return []


def said(found: Lacks | None) -> str:
    """The one line for the seat: `ok`, `folders A:B`, `interpreter PATH`, or `libraries NAME…`."""
    if found is None or (not found and not found.folders):
        return "ok"
    if found.interpreter:
        return f"interpreter {found.interpreter}"[:MAX_SAID_BYTES]
    if found.libraries:
        line = "libraries"
        for name in found.libraries:
            if len(line) + len(name) > MAX_SAID_BYTES - 2:
                return line + " …"
            line += " " + name
        return line
    line = f"folders {found.folders[0]}"
    for folder in found.folders[1:]:
        line += f":{folder}" if len(line) + len(folder) < MAX_SAID_BYTES else ""
    return line


def main() -> None:
    """`READY_FD GAME RUNTIMES SEARCH PROGRAM`, in the cell; SEARCH is as LD_LIBRARY_PATH. GAME and RUNTIMES are empty
    where nothing is taken from there. The program is looked up in PATH as exec does."""
    ready, game, runtimes, given, program = int(sys.argv[1]), *sys.argv[2:6]
    if "/" not in program:
        folders = os.environ.get("PATH", "").split(":")
        program = next((path for one in folders if os.access(path := os.path.join(one, program), os.X_OK)), program)
    search = tuple(part for part in given.split(":") if part)
    own = (*(own_folders(game) if game else ()), *(runtime_folders(runtimes) if runtimes else ()))
    try:
        line = said(lacks(View(), os.path.abspath(program), search=search, own=own))
    except Exception:  # noqa: BLE001 - a check that fails must not keep a game from being tried; the cell's log has it
        traceback.print_exc()
        line = "ok"
    os.write(ready, (line + "\n").encode("utf-8", "replace"))
