"""AppImages are unpacked into the library, whole or not at all, and nothing of one leads out of its folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.e2e.packed_games import appimage, appimage_of

from dillinger_contracts import Exhausted
from dillinger_core.library.appimages import unpack
from dillinger_core.library.copying import Cancelled, Progress
from dillinger_core.library.proposal import resources_of
from dillinger_core.library.survey import survey


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    root = tmp_path / "hostile"
    (root / "usr").mkdir(parents=True)
    (root / "AppRun").write_text("#!/bin/sh\n")
    (root / "AppRun").chmod(0o755)
    (root / "usr/data").write_bytes(bytes(range(256)) * 1000)
    for name, target in (("usr/in", "../AppRun"), ("usr/out", "/etc/passwd"), ("up", "usr/../../../game.toml")):
        (root / name).symlink_to(target)
    file = tmp_path / "Game.AppImage"
    appimage_of(root, file, tmp_path, "gzip")
    return file


def test_links_that_lead_out_are_left_out(packed: Path, tmp_path: Path) -> None:
    target = tmp_path / "game/.unpacked/Game.AppImage"
    target.parent.parent.mkdir()
    assert unpack(packed, target, Progress(0))
    found = {str(path.relative_to(target)) for path in target.rglob("*")}
    assert found == {"AppRun", "usr", "usr/data", "usr/in"}
    assert (target / "AppRun").stat().st_mode & 0o777 == 0o755
    assert (target / "usr/data").read_bytes() == bytes(range(256)) * 1000


def test_what_can_not_be_unpacked_leaves_nothing(packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "game/.unpacked/Game.AppImage"
    target.parent.parent.mkdir()
    content = packed.read_bytes()
    for broken in (content[:-9000], content.replace(b"hsqs", b"hsqx"), b"\x7fELF", b""):
        packed.write_bytes(broken)
        assert not unpack(packed, target, Progress(0)) and not target.exists()
    packed.write_bytes(content)
    with pytest.raises(Cancelled):
        unpack(packed, target, Progress(0, is_cancelled=True))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=256 << 20))
    with pytest.raises(Exhausted):
        unpack(packed, target, Progress(0))
    assert not target.exists()


def test_only_one_that_unpacks_itself_gets_room_for_that(tmp_path: Path) -> None:
    appimage(tmp_path / "Card.AppImage", tmp_path, "lzo")
    (tmp_path / "big").mkdir()
    with (tmp_path / "big/Card.AppImage").open("wb") as file:
        file.write((tmp_path / "Card.AppImage").read_bytes())
        file.truncate(400 << 20)
    [found] = survey(tmp_path, "big").found
    assert found.program.compression == "lzo" and resources_of(found) is not None
    appimage_of(tmp_path / "Card.AppDir", tmp_path / "Good.AppImage", tmp_path, "zstd")
    (tmp_path / "big/Card.AppImage").write_bytes((tmp_path / "Good.AppImage").read_bytes())
    with (tmp_path / "big/Card.AppImage").open("r+b") as file:
        file.truncate(400 << 20)
    [found] = survey(tmp_path, "big").found
    assert found.program.compression == "zstd" and resources_of(found) is None
