"""Saves leave as one archive and come back from it; archives that mean harm change nothing."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dillinger_contracts import Exhausted, Invalid, NotFound
from dillinger_saves import hostile
from dillinger_saves.archive import MANIFEST, Progress, is_whiteout, write_archive
from dillinger_saves.layout import GameSaves
from dillinger_saves.listing import contents
from dillinger_saves.reset import reset
from dillinger_saves.restore import restore

LIMIT = 4 << 20
PREFIX = ".dillinger/prefixes/default"


def saves_at(root: Path, user: str = "ann") -> GameSaves:
    saves = GameSaves.of(root, user, "old")
    saves.make()
    return saves


@pytest.fixture
def played(tmp_path: Path) -> GameSaves:
    """What a hostile game of long experience leaves: links, folders without rights, pipes, marks of an overlay."""
    saves = saves_at(tmp_path / "saves")
    (saves.home / "a save").write_text("level 5")
    (saves.home / "run").write_text("#!/bin/sh")
    (saves.home / "run").chmod(0o755)
    (saves.home / "out").symlink_to("/etc/passwd")
    (saves.home / PREFIX / "dosdevices").mkdir(parents=True)
    (saves.home / PREFIX / "dosdevices/z:").symlink_to("/")
    (saves.home / PREFIX / "user.reg").write_text("registry")
    (saves.home / f"{PREFIX}.json").write_text('{"base": "1700"}')
    os.mkfifo(saves.home / "pipe")
    locked = saves.home / "locked"
    locked.mkdir()
    (locked / "in").write_text("inside")
    (locked / "in").chmod(0)
    locked.chmod(0)
    (saves.changes / "scores").write_text("ann 100")
    os.mknod(saves.changes / "removed", stat.S_IFCHR)
    (saves.changes / "levels").mkdir()
    os.setxattr(saves.changes / "levels", "user.overlay.opaque", b"y")
    return saves


def exported(saves: GameSaves) -> io.BytesIO:
    out, progress = io.BytesIO(), Progress()
    write_archive(saves, "old", out, progress)
    assert progress.left_out == 1, "the pipe"
    out.seek(0)
    return out


def test_what_is_exported_comes_back_on_another_machine(played: GameSaves, tmp_path: Path) -> None:
    other, progress = saves_at(tmp_path / "other", "bob"), Progress()
    (other.home / "his").write_text("gone afterwards")
    restore(other, "old", exported(played), progress, limit_bytes=LIMIT)
    assert progress.done_bytes == progress.total_bytes > 0
    assert (other.home / "a save").read_text() == "level 5" and os.access(other.home / "run", os.X_OK)
    assert (other.home / "out").readlink() == Path("/etc/passwd"), "a link is words"
    assert (other.home / PREFIX / "dosdevices/z:").readlink() == Path("/")
    assert (other.home / "locked/in").read_text() == "inside"
    assert not (other.home / "his").exists() and not (other.home / "pipe").exists()
    assert (other.changes / "scores").read_text() == "ann 100"
    assert is_whiteout((other.changes / "removed").lstat())
    assert os.getxattr(other.changes / "levels", "user.overlay.opaque") == b"y"
    assert [path.name for path in other.side.iterdir() if path.name.startswith(".")] == []


def test_what_there_is_is_listed(played: GameSaves) -> None:
    found = contents(played)
    assert [(one.name, one.kind, one.wine) for one in found.prefixes] == [("default", "wine", "1700")]
    assert 0 < found.game_folder_bytes < found.used_bytes
    (played.home / f"{PREFIX}.json").unlink()
    (played.home / f"{PREFIX}.json").symlink_to("/etc/passwd")
    assert contents(played).prefixes[0].wine is None


def test_a_reset_takes_what_it_says_and_no_more(played: GameSaves) -> None:
    with pytest.raises(NotFound):
        reset(played, "prefix", "editor")
    reset(played, "prefix", "default")
    assert not (played.home / PREFIX).exists() and not (played.home / f"{PREFIX}.json").exists()
    assert (played.home / "a save").exists() and (played.changes / "scores").exists()
    reset(played, "game_folder")
    assert list(played.changes.iterdir()) == [] and (played.home / "a save").exists()
    reset(played, "everything")
    assert list(played.home.iterdir()) == []
    assert sorted(path.name for path in played.side.iterdir()) == ["changes", "layer.lock", "lock", "work"]


def test_folders_nested_by_the_thousand_are_removed(played: GameSaves) -> None:
    at = os.open(played.home, hostile.FOLDER)
    for _ in range(1500):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", hostile.FOLDER, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    exported(played)
    reset(played, "everything")
    assert list(played.home.iterdir()) == [] and list(played.side.glob(".*")) == []


def entry(name: str, mode: int = stat.S_IFREG | 0o644, content: bytes = b"x") -> Callable[[zipfile.ZipFile], None]:
    def put(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content)

    return put


def made(*puts: Callable[[zipfile.ZipFile], None], manifest: object = None) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest or {"format": 1, "game_id": "old"}))
        for put in puts:
            put(archive)
    out.seek(0)
    return out


LINK = entry("home/way", stat.S_IFLNK | 0o777, b"../../../../../..")
"""To the test's own folder, from where it would be unpacked."""


@pytest.mark.parametrize(
    ("archive", "error"),
    [
        (lambda: made(entry("home/../../../evil")), Invalid),
        (lambda: made(entry("/etc/evil")), Invalid),
        (lambda: made(entry("home//evil")), Invalid),
        (lambda: made(entry("evil")), Invalid),
        (lambda: made(entry("home/" + "d/" * 200 + "evil")), Invalid),
        (lambda: made(entry("home/" + "n" * 300)), Invalid),
        (lambda: made(LINK, entry("home/way/evil")), Invalid),
        (lambda: made(entry("home/way"), entry("home/way/evil")), Invalid),
        (lambda: made(LINK, entry("home/way")), Invalid),
        (lambda: made(entry("home/null", stat.S_IFCHR | 0o666, b"")), Invalid),
        (lambda: made(entry("home/pipe", stat.S_IFIFO | 0o666, b"")), Invalid),
        (lambda: made(entry("home/empty", stat.S_IFLNK | 0o777, b"")), Invalid),
        (lambda: made(entry("home/zeros", content=bytes(LIMIT + 1))), Exhausted),
        (lambda: made(*(entry(f"home/{number}", content=b"") for number in range(LIMIT // 512 + 1))), Exhausted),
        (lambda: made(manifest={"format": 1, "game_id": "new"}), Invalid),
        (lambda: made(manifest={"format": 2, "game_id": "old"}), Invalid),
        (lambda: made(manifest=["no", "manifest"]), Invalid),
        (lambda: io.BytesIO(b"no archive at all"), Invalid),
        (lambda: io.BytesIO(b""), Invalid),
        (lambda: io.BytesIO(made(entry("home/cut", content=os.urandom(9000))).getvalue()[:-200]), Invalid),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_archive_that_means_harm_changes_nothing(
    played: GameSaves, tmp_path: Path, archive: Callable[[], io.BytesIO], error: type[Exception]
) -> None:
    (played.home / "locked").chmod(0o700)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(error):
        restore(played, "old", archive(), Progress(), limit_bytes=LIMIT)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
    assert (played.home / "a save").read_text() == "level 5"


def test_a_bomb_that_lies_about_its_size_is_cut(played: GameSaves) -> None:
    archive = made(entry("home/bomb", content=bytes(LIMIT * 4))).getvalue()
    lied = archive.replace(struct.pack("<I", LIMIT * 4), struct.pack("<I", 10))
    assert lied != archive
    with pytest.raises(Invalid):
        restore(played, "old", io.BytesIO(lied), Progress(), limit_bytes=LIMIT)
    assert (played.home / "a save").exists()


def test_no_setuid_program_comes_out_of_an_archive(played: GameSaves) -> None:
    restore(played, "old", made(entry("home/su", stat.S_IFREG | 0o6755)), Progress(), limit_bytes=LIMIT)
    assert stat.S_IMODE((played.home / "su").stat().st_mode) == 0o700
