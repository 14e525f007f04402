"""What an installer left becomes the game: its files, its Windows drive, its program; and nothing else changes."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest
from apps.core.tests.test_core_adding import PYTHON, windows_program

from dillinger_contracts import Conflict, Invalid, NotFound, WineLaunch
from dillinger_core.library import entries
from dillinger_core.library.installed import take_over
from dillinger_saves.archive import Progress, write_archive
from dillinger_saves.layout import PREFIXES, GameSaves

WINDOWS = 'schema = 1\ntitle = "Old Quest"\nis_installer = true\n[launch]\nkind = "wine"\ncommand = ["./setup.exe"]\n'
LINUX = 'schema = 1\ntitle = "Old Quest"\nis_installer = true\n[launch]\nkind = "native"\ncommand = ["xterm"]\n'


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "library/quest").mkdir(parents=True)
    (tmp_path / "library/quest/setup.exe").write_bytes(windows_program())
    (tmp_path / "library/quest/game.toml").write_text(WINDOWS)
    return tmp_path / "library"


@pytest.fixture
def saves(tmp_path: Path) -> GameSaves:
    saves = GameSaves.of(tmp_path / "saves", "admin", "quest")
    saves.make()
    return saves


def archive_of(saves: GameSaves) -> io.BytesIO:
    out = io.BytesIO()
    write_archive(saves, "quest", out, Progress())
    out.seek(0)
    return out


def put(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_windows_drive_becomes_the_games(library: Path, saves: GameSaves) -> None:
    drive = saves.home / PREFIXES / "default/drive_c"
    for name in ("Program Files/Quest/quest.exe", "Program Files/Quest/unins000.exe", "windows/system32/notepad.exe"):
        put(drive / name, windows_program())
    put(drive.parent / "system.reg", b"WINE REGISTRY Version 2")
    put(saves.home / PREFIXES / "default.json", b'{"base": "1"}')
    os.mknod(drive / "removed", stat.S_IFCHR)
    found = take_over(library, "quest", archive_of(saves), Progress())
    assert [one.path.rpartition("/")[2] for one in found] == ["quest.exe", "unins000.exe"]
    game, _ = entries.load(library, "quest")
    assert isinstance(game.launch, WineLaunch) and not game.is_installer
    assert game.launch.command == (r"C:\Program Files\Quest\quest.exe",)
    installed = library / "quest/.dillinger"
    assert (installed / "prefix/system.reg").is_file() and (installed / "prefix.json").read_text() == '{"base": "1"}'
    assert stat.S_ISCHR((installed / "prefix/drive_c/removed").lstat().st_mode)
    with pytest.raises(Conflict, match="no installer"):
        take_over(library, "quest", archive_of(saves), Progress())


def test_linux_files_become_the_games(library: Path, saves: GameSaves) -> None:
    (library / "quest/game.toml").write_text(LINUX)
    put(saves.home / "Quest/quest", PYTHON.read_bytes()[:200_000])
    put(saves.home / ".cache/rubbish")
    put(saves.changes / "data/level")
    put(saves.changes / "game.toml", b"title = 'mine now'")
    take_over(library, "quest", archive_of(saves), Progress())
    game, _ = entries.load(library, "quest")
    assert getattr(game.launch, "command", None) == ("./installed/Quest/quest",) and game.title == "Old Quest"
    assert sorted(path.name for path in (library / "quest").iterdir()) == [
        "data", "game.toml", "installed", "setup.exe",
    ]  # fmt: skip
    assert os.access(library / "quest/installed/Quest", os.X_OK)


def test_an_installer_that_left_nothing_changes_nothing(library: Path, saves: GameSaves) -> None:
    put(saves.home / PREFIXES / "default/drive_c/windows/notepad.exe", windows_program())
    put(saves.changes / "setup.log")
    with pytest.raises(NotFound, match="no program"):
        take_over(library, "quest", archive_of(saves), Progress())
    with pytest.raises(Invalid):
        take_over(library, "quest", io.BytesIO(b"no archive"), Progress())
    assert sorted(path.name for path in (library / "quest").iterdir()) == ["game.toml", "setup.exe"]
    assert entries.load(library, "quest")[0].is_installer and [path.name for path in library.iterdir()] == ["quest"]


def test_links_that_an_installer_left_lead_nobody_out(library: Path, saves: GameSaves, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside / "file", b"untouched")
    (library / "quest/data").symlink_to(outside)
    (saves.changes / ".dillinger").symlink_to(outside)
    put(saves.changes / "data/file", b"theirs")
    put(saves.changes / "game.exe", windows_program())
    (saves.home / PREFIXES).mkdir(parents=True)
    (saves.home / PREFIXES / "default").symlink_to(outside)
    take_over(library, "quest", archive_of(saves), Progress())
    assert (outside / "file").read_bytes() == b"untouched" and [path.name for path in outside.iterdir()] == ["file"]
    assert (library / "quest/data/file").read_bytes() == b"theirs" and not (library / "quest/data").is_symlink()
