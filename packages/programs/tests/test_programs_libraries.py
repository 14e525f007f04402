"""Libraries are found as the machine's own dynamic loader finds them; whatever is hostile ends in bounded time."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_programs import libraries
from dillinger_programs.alone import libraries_program
from dillinger_programs.debian import package_of
from dillinger_programs.elf import MAX_NEEDED, Elf, Unreadable, read_elf
from dillinger_programs.libraries import Lacks, View, folders_of_runtime, lacks, own_folders, said

PYTHON = str(Path("/usr/bin/python3").resolve())


def elf(*, needed: tuple[str, ...] = (), runpath: str = "", interpreter: str = "", soname: str = "") -> bytes:
    """A 64-bit ELF file with a dynamic section and nothing to run."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*needed, runpath, soname))
    offsets = [names.index(b"\0" + name.encode() + b"\0") + 1 for name in (*needed, runpath, soname)]
    tags = [(1, at) for at in offsets[: len(needed)]]
    tags += [(29, offsets[-2])] if runpath else []
    tags += [(14, offsets[-1])] if soname else []
    dynamic_at, names_at = 512, 512 + 16 * (len(tags) + 2)
    text_at = max(4096, names_at + len(names))
    tags += [(5, names_at), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", tag, value) for tag, value in tags)
    segments = [(1, 0, 0, text_at + 4096), (2, dynamic_at, dynamic_at, len(dynamic))]
    segments += [(3, text_at, text_at, len(interpreter) + 1)] if interpreter else []
    table = b"".join(
        struct.pack("<IIQQQQQQ", kind, 4, at, address, 0, size, size, 8) for kind, at, address, size in segments
    )
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    return ((head + table).ljust(dynamic_at, b"\0") + dynamic + names).ljust(
        text_at, b"\0"
    ) + interpreter.encode().ljust(4096, b"\0")


def loader_says(program: str) -> set[str]:
    """Which libraries the machine's own loader does not find."""
    interpreter = View().elf(program)
    assert interpreter is not None and interpreter.interpreter is not None
    environment = {"PATH": os.environ["PATH"]}
    listed = subprocess.run(
        [interpreter.interpreter, "--list", program], capture_output=True, text=True, env=environment, check=False
    )
    return set(re.findall(r"^\s*(\S+) => not found", listed.stdout, re.MULTILINE))


def test_agrees_with_the_loader_of_this_machine() -> None:
    names = ("bash", "ls", "Xvfb", "pulseaudio", "xwininfo", "chromium", "python3", "bwrap", "ip")
    paths = [path for name in names if (path := shutil.which(name))]
    programs = [path for path in map(os.path.realpath, paths) if (one := View().elf(path)) and one.interpreter]
    assert len(programs) >= 3
    for program in programs:
        found = lacks(View(), program)
        assert found is not None
        assert set(found.libraries) == loader_says(program), program


@pytest.fixture
def game(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    view = View().elf(PYTHON)
    assert view is not None and view.interpreter
    (tmp_path / "game").write_bytes(
        elf(needed=("libc.so.6", "libother.so.2", "libmine.so.1"), interpreter=view.interpreter)
    )
    return tmp_path


def test_what_is_missing_is_named_with_who_needs_it(game: Path) -> None:
    (game / "lib/libmine.so.1").write_bytes(elf(needed=("libdeep.so.3",), soname="libmine.so.1"))
    program = str(game / "game")
    found = lacks(View(), program, own=own_folders(str(game)))
    assert found is not None
    assert found.libraries == {"libother.so.2": program, "libdeep.so.3": str(game / "lib/libmine.so.1")}
    assert said(found) == "libraries libother.so.2 libdeep.so.3"


def test_the_games_own_libraries_are_used_only_when_others_are_lacking(game: Path) -> None:
    for name in ("libmine.so.1", "libother.so.2"):
        (game / "lib" / name).write_bytes(elf(soname=name))
    found = lacks(View(), str(game / "game"), own=own_folders(str(game)))
    assert found == Lacks(folders=(str(game / "lib"),))
    assert said(found) == f"folders {game}/lib"
    own = lacks(View(), PYTHON, own=own_folders(str(game)))
    assert own == Lacks() and said(own) == "ok"


def test_runpath_origin_and_wrong_kinds(game: Path) -> None:
    view = View().elf(PYTHON)
    assert view is not None
    interpreter = view.interpreter or ""
    program = game / "game"
    program.write_bytes(elf(needed=("libmine.so.1",), runpath="$ORIGIN/first:${ORIGIN}/lib", interpreter=interpreter))
    (game / "first").mkdir()
    other = bytearray(elf(soname="libmine.so.1"))
    other[18:20] = struct.pack("<H", 183)  # aarch64: the loader goes on looking
    (game / "first/libmine.so.1").write_bytes(other)
    assert set((lacks(View(), str(program)) or Lacks()).libraries) == {"libmine.so.1"}
    (game / "lib/libmine.so.1").write_bytes(elf())
    assert lacks(View(), str(program)) == Lacks()
    (game / "start").symlink_to(program)
    assert lacks(View(), str(game / "start")) == Lacks()


def test_a_loader_that_is_not_there_is_named(game: Path) -> None:
    (game / "game").write_bytes(elf(needed=("libc.so.6",), interpreter="/lib/ld-nowhere.so.2"))
    found = lacks(View(), str(game / "game"))
    assert found == Lacks(interpreter="/lib/ld-nowhere.so.2") and said(found) == "interpreter /lib/ld-nowhere.so.2"


def test_a_game_seen_from_outside_never_leads_out_of_its_folder(
    game: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "libmine.so.1").write_bytes(elf())
    (game / "lib/libmine.so.1").symlink_to(outside / "libmine.so.1")
    (game / "lib/libother.so.2").symlink_to("../../../../../../usr/bin/python3")
    view = View(game_dir=str(game))
    found = lacks(view, "/game/game", own=own_folders("/game"))
    assert found is not None and "libmine.so.1" in found.libraries and "libc.so.6" not in found.libraries
    assert view.read(f"/game/../../..{outside}/libmine.so.1") is None
    assert view.read("/etc/passwd") is None


def test_a_runtime_is_seen_from_outside_where_the_cell_has_it(game: Path) -> None:
    folder = game / "runtimes/sniper/files/lib"
    folder.mkdir(parents=True)
    for name in ("libmine.so.1", "libother.so.2"):
        (folder / name).write_bytes(elf(soname=name))
    (game / "runtimes/sniper/out").symlink_to("/etc")
    own = ("/cell/runtimes/sniper/files/lib",)
    view = View(game_dir=str(game), runtimes=("/cell/runtimes", str(game / "runtimes")))
    assert lacks(view, "/game/game", own=own) == Lacks(folders=own)
    assert view.read("/cell/runtimes/sniper/out/passwd") is None and view.read("/cell/runtimes/../game") is None
    assert folders_of_runtime(str(game / "runtimes/sniper")) == (str(folder),)


@pytest.mark.parametrize(
    ("library", "package"),
    [
        ("libopenal.so.1", "libopenal1"),
        ("libSDL2-2.0.so.0", "libsdl2-2.0-0"),
        ("libpng12.so.0", "libpng12-0"),
        ("libX11.so.6", "libx11-6"),
        ("libssl.so.1.1", "libssl1.1"),
        ("libz.so.1", "zlib1g"),
        ("/lib/ld-linux.so.2", "libc6:i386"),
        ("libdb-5.3.so", "libdb5.3"),
        ("libmine.so", "libmine"),
        ("game.so.1", None),
        ("lib$(id).so.1", None),
        ("libx.so.1; rm -r /", None),
        ("", None),
    ],
)
def test_a_librarys_package_is_called_after_it(library: str, package: str | None) -> None:
    assert package_of(library) == package


def test_the_same_text_runs_alone(game: Path) -> None:
    """As a seat has a cell's Python run it."""
    text = libraries_program()
    reading, writing = os.pipe()
    runtime = game / "runtimes/steam/usr/lib/x86_64-linux-gnu"
    runtime.mkdir(parents=True)
    (runtime / "libmine.so.1").write_bytes(elf(soname="libmine.so.1"))

    def ask(runtimes: str) -> str:
        arguments = [str(writing), str(game), runtimes, "", str(game / "game")]
        command = ["/usr/bin/python3", "-I", "-S", "-c", text, *arguments]
        subprocess.run(command, pass_fds=(writing,), check=True, env={"PATH": "/usr/bin:/bin"})
        return os.read(reading, 300).decode()

    try:
        assert ask("/nowhere") == "libraries libother.so.2 libmine.so.1\n"
        assert ask(str(game / "runtimes")) == "libraries libother.so.2\n"
        assert ask("") == "libraries libother.so.2 libmine.so.1\n"
        (game / "libother.so.2").write_bytes(elf(soname="libother.so.2"))
        assert ask(str(game / "runtimes")) == f"folders {game}:{runtime}\n"
    finally:
        os.close(reading)
        os.close(writing)


def test_a_game_that_asks_for_everything_ends(game: Path) -> None:
    view = View().elf(PYTHON)
    assert view is not None
    many = tuple(f"lib{number}.so" for number in range(400))
    folders = ":".join(f"$ORIGIN/{number}" for number in range(60))
    (game / "game").write_bytes(elf(needed=many, runpath=folders, interpreter=view.interpreter or ""))
    with pytest.raises(Unreadable, match="too many files"):
        lacks(View(), str(game / "game"), own=own_folders(str(game)))
    line = said(Lacks({f"lib{number}.so": "x" for number in range(500)}))
    assert len(line) < 256 and line.endswith("…")


@given(st.binary(max_size=64), st.integers(0, 4200), st.integers(0, 2000))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_elf_is_read_or_unreadable(noise: bytes, at: int, cut: int) -> None:
    content = elf(needed=("libc.so.6", "liba.so"), runpath="$ORIGIN", interpreter="/lib64/ld-linux-x86-64.so.2")
    broken = (content[:at] + noise + content[at + len(noise) :])[: len(content) - cut]
    asked = 0

    def read(offset: int, size: int) -> bytes:
        nonlocal asked
        asked += min(size, 1 << 20)
        return broken[offset : offset + size] if offset >= 0 else b""

    try:
        found = read_elf(read)
    except Unreadable:
        return
    assert isinstance(found, Elf) and len(found.needed) <= MAX_NEEDED
    assert asked <= 20 << 20


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_cache_is_read(noise: bytes) -> None:
    libraries.read_cache(b"glibc-ld.so.cache1.1" + noise)
    real = Path("/etc/ld.so.cache").read_bytes() if sys.platform == "linux" else b""
    assert all(path.startswith("/") for paths in libraries.read_cache(real).values() for path in paths)
