"""Games that a person adds: what is found in a folder, which program is offered, what the library has then."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_contracts import (
    Conflict,
    DisplayConfiguration,
    Exhausted,
    Game,
    Invalid,
    NativeLaunch,
    NotFound,
    Unsupported,
    WineLaunch,
)
from dillinger_core.library import copying, entries
from dillinger_core.library.candidates import Found, id_of, rank, title_of
from dillinger_core.library.copying import Cancelled, Progress
from dillinger_core.library.game_file import changed_file, new_file
from dillinger_core.library.needs import unmet
from dillinger_core.library.proposal import choose, propose
from dillinger_core.library.scan import parse_game, scan
from dillinger_core.library.survey import Survey, survey
from dillinger_programs import Format, Program
from dillinger_programs.wine import has_32_bit, wine_loader

PYTHON = Path(sys.executable).resolve()
WINDOWS = Program(Format.PE, 64, "x86_64")
NATIVE = Program(Format.ELF, 64, "x86_64", interpreter="/lib64/ld-linux-x86-64.so.2")


def windows_program(*, is_dll: bool = False) -> bytes:
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 1, 0, 0, 0, 0xF0, 0x2022 if is_dll else 0x22)
    optional = struct.pack("<H", 0x20B).ljust(68, b"\0") + struct.pack("<H", 2)
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + coff + optional.ljust(160, b"\0")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "library").mkdir()
    return tmp_path / "library"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A game as one finds it: unpacked without its modes, with an uninstaller, a link out, and a pipe."""
    game = tmp_path / "Space_Race-1.2-linux64"
    (game / "bin").mkdir(parents=True)
    shutil.copy(PYTHON, game / "bin/spacerace")
    (game / "bin/spacerace").chmod(0o4640)
    (game / "start.sh").write_text("#!/bin/sh\nexec bin/spacerace\n")
    (game / "SpaceRace.exe").write_bytes(windows_program())
    (game / "unins000.exe").write_bytes(windows_program())
    (game / "engine.dll").write_bytes(windows_program(is_dll=True))
    (game / "data.bin").write_bytes(b"level" * 1000)
    (game / "newest").symlink_to("bin/spacerace")
    (game / "secret").symlink_to("/etc/passwd")
    (game / "up").symlink_to("../../outside")
    os.mkfifo(game / "pipe")
    return game


def look(path: Path) -> Survey:
    return survey(path.parent, path.name)


def added(library: Path, source: Path, **values: str) -> Game:
    found = look(source)
    game = propose(found, choose(found, values.pop("exe", None)), **values)
    entries.add(library, game, source.parent, (source.name,), Progress(found.size_bytes))
    return game


def test_a_folder_becomes_a_game(library: Path, folder: Path) -> None:
    found = look(folder)
    assert [one.path for one in found.candidates] == ["bin/spacerace", "SpaceRace.exe", "start.sh", "unins000.exe"]
    assert set(found.left_out) == {"secret", "up", "pipe"}
    game = added(library, folder)
    assert (game.game_id, game.title) == ("space-race", "Space Race")
    assert game.launch == NativeLaunch(command=("./bin/spacerace",), directory="game")
    [entry] = scan(library, {}).changed
    assert (entry.title, entry.launch_kind, entry.problem) == ("Space Race", "native", None)
    there = library / "space-race"
    assert (there / "bin/spacerace").read_bytes() == PYTHON.read_bytes()
    assert stat.S_IMODE((there / "bin/spacerace").stat().st_mode) == 0o755
    assert stat.S_IMODE((there / "data.bin").stat().st_mode) == 0o644
    assert (there / "newest").readlink() == Path("bin/spacerace")
    assert not [name for name in ("secret", "up", "pipe") if os.path.lexists(there / name)]
    assert [path.name for path in library.iterdir()] == ["space-race"]


def test_another_program_title_and_id(library: Path, folder: Path) -> None:
    game = added(library, folder, exe="SpaceRace.exe", title="My Race", game_id="mine")
    assert game.launch == WineLaunch(command=("./SpaceRace.exe",))
    assert parse_game("mine", (library / "mine/game.toml").read_bytes()) == game
    with pytest.raises(Conflict, match="already"):
        added(library, folder, game_id="mine")
    assert entries.free_id(library, "mine") == "mine-2"
    with pytest.raises(NotFound, match="no program nope") as refused:
        choose(look(folder), "nope")
    assert "bin/spacerace" in (refused.value.hint or "")


def test_one_file_is_a_game_too(library: Path, tmp_path: Path) -> None:
    (tmp_path / "Tetris.exe").write_bytes(windows_program())
    game = added(library, tmp_path / "Tetris.exe")
    assert (game.game_id, game.launch) == ("tetris", WineLaunch(command=("./Tetris.exe",)))
    assert (library / "tetris/Tetris.exe").is_file()


def test_an_appimage_gets_room_to_unpack_itself(library: Path, tmp_path: Path) -> None:
    image = bytearray(PYTHON.read_bytes())
    image[8:11] = b"AI\x02"
    (tmp_path / "Space.AppImage").write_bytes(image)
    os.truncate(tmp_path / "Space.AppImage", 300 << 20)
    game = added(library, tmp_path / "Space.AppImage")
    assert isinstance(game.launch, NativeLaunch) and game.launch.environment == {"APPIMAGE_EXTRACT_AND_RUN": "1"}
    assert game.resources.scratch_bytes == 1200 << 20
    assert game.resources.memory_bytes > game.resources.scratch_bytes


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("game.zip", b"PK\x03\x04" + b"\0" * 300, "an archive"),
        ("game.com.exe", b"MZ" + b"\0" * 300, "16-bit"),
    ],
)
def test_what_can_not_be_played_says_why(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unsupported, match=words):
        choose(look(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "content", "command"),
    [
        ("setup.exe", windows_program() + b"NullsoftInst", ("./setup.exe",)),
        ("game.msi", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ("msiexec", "/i", r"Z:\game\game.msi")),
        ("game.sh", b"#!/bin/sh\n# generated using Makeself 2.4.0\n", ("xterm", "./game.sh", "--nox11")),
    ],
)
def test_an_installer_is_run_once_before_there_is_a_game(
    tmp_path: Path, name: str, content: bytes, command: tuple[str, ...]
) -> None:
    (tmp_path / name).write_bytes(content)
    found = look(tmp_path / name)
    game = propose(found, choose(found))
    assert isinstance(game.launch, NativeLaunch | WineLaunch)
    assert game.is_installer and [word for word in game.launch.command if word in command] == list(command)
    assert game.limits.saves_bytes > game.resources.saves_bytes, "what it unpacks is the game"


def test_a_folder_without_a_program(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/read.me").write_text("nothing here")
    with pytest.raises(NotFound, match="no program"):
        choose(look(tmp_path / "notes"))
    with pytest.raises(NotFound):
        survey(tmp_path, "..", tmp_path.name)
    (tmp_path / "link").symlink_to("notes")
    with pytest.raises(NotFound):
        survey(tmp_path, "link")


@pytest.mark.parametrize(
    ("paths", "best"),
    [
        (("launcher.exe", "game.exe", "unins000.exe"), "game.exe"),
        (("Redist/vcredist_x64.exe", "bin/x64/witcher.exe"), "bin/x64/witcher.exe"),
        (("UnityCrashHandler64.exe", "Hollow Game.exe"), "Hollow Game.exe"),
        (("server.exe", "editor.exe", "hg.exe"), "hg.exe"),
        (("_CommonRedist/DirectX/setup.exe", "a/b/c/d/play.exe"), "a/b/c/d/play.exe"),
    ],
)  # fmt: skip
def test_the_likeliest_program_comes_first(paths: tuple[str, ...], best: str) -> None:
    found = [Found(path, WINDOWS, 1 << 20, is_executable=True) for path in paths]
    assert rank(found, "Hollow Game")[0].path == best


def test_programs_for_other_machines_are_last_and_say_so() -> None:
    arm = Found("game-arm", Program(Format.ELF, 64, "aarch64"), 1 << 20, is_executable=True)
    ranked = rank([arm, Found("game", NATIVE, 1, is_executable=True)], "game", machine="x86_64")
    assert [(one.path, one.kind) for one in ranked] == [("game", "native"), ("game-arm", None)]
    assert ranked[1].doubt == "made for aarch64, and this machine is x86_64"


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_name_gives_a_title_and_an_id(name: str) -> None:
    title = title_of(name)
    Game(game_id=id_of(title) or "game", title=title.strip() or "x", launch=NativeLaunch(command=("./x",)))
    rank([Found(name, WINDOWS, 1, is_executable=True)], name)


def test_a_full_disk_leaves_nothing(library: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "_KEEP_FREE_BYTES", 1 << 60)
    with pytest.raises(Exhausted, match="no room"):
        added(library, folder)
    assert list(library.iterdir()) == []


def test_a_cancelled_copy_leaves_nothing(library: Path, folder: Path) -> None:
    found = look(folder)
    progress = Progress(found.size_bytes, is_cancelled=True)
    with pytest.raises(Cancelled):
        entries.add(library, propose(found, choose(found)), folder.parent, (folder.name,), progress)
    assert list(library.iterdir()) == []


def test_a_file_system_without_the_kernels_copy(library: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    added(library, folder)
    assert (library / "space-race/bin/spacerace").read_bytes() == PYTHON.read_bytes()


def test_what_was_cut_off_is_swept(library: Path) -> None:
    (library / f"{entries.STAGING_PREFIX}abc/deep").mkdir(parents=True)
    (library / "mine").mkdir()
    entries.sweep(library)
    assert [path.name for path in library.iterdir()] == ["mine"]


def test_changing_keeps_a_persons_comments_and_tells_who_comes_second(library: Path) -> None:
    (library / "mine").mkdir()
    file = library / "mine/game.toml"
    file.write_text('# mine\ntitle = "Old"  # to be changed\n\n[launch]\nkind = "native"\ncommand = ["ls"]  # why\n')
    _, version = entries.load(library, "mine")
    game, newer = entries.change(
        library, "mine", version, {"title": "New", "display": DisplayConfiguration(width_px=800, height_px=600)}
    )
    assert (game.title, game.display.width_px, newer == version) == ("New", 800, False)
    assert "# mine" in file.read_text() and "# to be changed" in file.read_text() and "# why" in file.read_text()
    before = file.read_bytes()
    with pytest.raises(entries.ChangedMeanwhile):
        entries.change(library, "mine", version, {"title": "Too late"})
    with pytest.raises(Invalid):
        entries.change(library, "mine", newer, {"title": ""})
    assert file.read_bytes() == before


def test_removing(library: Path, folder: Path, tmp_path: Path) -> None:
    added(library, folder)
    (library / "link").symlink_to(tmp_path)
    for game_id in ("link", "..", "none", "."):
        with pytest.raises(NotFound):
            entries.remove(library, game_id)
    entries.remove(library, "space-race")
    assert [path.name for path in library.iterdir()] == ["link"] and folder.is_dir()


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(str.strip),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=4),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_game_is_written_and_read_again(title: str, words: list[str]) -> None:
    game = Game(
        game_id="x",
        title=title,
        launch=NativeLaunch(command=("./x", *words), environment={"A": title.replace("\0", "")}),
    )
    assert parse_game("x", new_file(game)) == game
    other = game.model_copy(update={"title": "y", "launch": WineLaunch(command=("./x.exe",))})
    assert parse_game("x", changed_file(new_file(game), other)) == other


def test_what_a_game_needs_is_named(library: Path, folder: Path) -> None:
    game = added(library, folder)
    assert unmet(library, game) == []
    missing = game.model_copy(update={"launch": NativeLaunch(command=("./bin/nothing",))})
    assert unmet(library, missing) == ["its program bin/nothing is not there"]
    wrong = game.model_copy(update={"launch": NativeLaunch(command=("./SpaceRace.exe",))})
    assert "no Linux program" in unmet(library, wrong)[0]
    old = windows_program().replace(b"\x64\x86", b"\x4c\x01").replace(b"\x0b\x02", b"\x0b\x01")
    (library / "space-race/old.exe").write_bytes(old)
    lacks = unmet(library, game.model_copy(update={"launch": WineLaunch(command=("./old.exe",))}))
    assert bool(lacks) is (wine_loader() is not None and not has_32_bit()), lacks
    program = library / "space-race/bin/spacerace"
    program.write_bytes(program.read_bytes().replace(b"libc.so.6\0", b"lib0.so.6\0"))
    assert [one.partition(":")[0] for one in unmet(library, game)] == ["needs lib0.so.6"]
