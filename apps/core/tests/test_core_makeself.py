"""Makeself scripts are unpacked without being run, whole or not at all; nothing in one gets out of its folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.e2e.packed_games import makeself

from dillinger_contracts import Unsupported
from dillinger_core.library.copying import Progress
from dillinger_core.library.makeself import folder_of_game, unpack

HEAD = '#!/bin/sh\n# Makeself\nlabel="Game"\nscript="./start.sh"\nfilesizes="{size}"\n{lines}\nexit\n'


def script(archive: bytes, lines: str = 'skip="7"', more: bytes = b"") -> bytes:
    return HEAD.format(size=len(archive), lines=lines).encode() + archive + more


def tar(*members: tuple[str, bytes, str, bytes], mode: str = "w:gz") -> bytes:
    """Name, type, what it links to, content."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, kind, target, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size, member.mode = kind, target, len(content), 0o4755
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


@pytest.mark.parametrize("compression", ["--gzip", "--xz", "--bzip2", "--nocomp"])
def test_what_makeself_packs_is_unpacked_and_never_run(tmp_path: Path, compression: str) -> None:
    makeself(tmp_path / "card.run", tmp_path, compression)
    library = tmp_path / "library"
    library.mkdir()
    with folder_of_game(tmp_path / "card.run", library) as (folder, start):
        assert (folder.name, start) == ("Space Card 1.0", "start.sh")
        for file in ("start.sh", "data/testcard.py"):
            assert (folder / file).read_bytes() == (tmp_path / "makeself" / file).read_bytes()
        assert (folder / "start.sh").stat().st_mode & 0o7777 == 0o755
    assert list(library.iterdir()) == []


def test_one_that_holds_an_installer_of_its_own_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "setup.run"
    archive = tar(("setup.sh", tarfile.REGTYPE, "", b"#!/bin/sh\n"))
    file.write_bytes(script(archive).replace(b"./start.sh", b"./setup.sh"))
    with folder_of_game(file, tmp_path) as found:
        assert found == (file, None)


def test_old_scripts_say_the_number_of_lines_otherwise(tmp_path: Path) -> None:
    archive = tar(("start.sh", tarfile.REGTYPE, "", b"#!/bin/sh\n"))
    (tmp_path / "old.run").write_bytes(script(archive, 'offset=`head -n 7 "$0" | wc -c`'))
    unpack(tmp_path / "old.run", tmp_path / "game", Progress(0))
    assert [path.name for path in (tmp_path / "game").iterdir()] == ["start.sh"]


def test_of_an_installer_that_carries_a_zip_the_game_is_unpacked(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("data/noarch/game/data.txt", "the game")
        archive.writestr("scripts/config.lua", "not the game")
    own = tar(("bin/mojosetup", tarfile.REGTYPE, "", b"\x7fELF"))
    (tmp_path / "gog.sh").write_bytes(script(own, more=made.getvalue()))
    assert unpack(tmp_path / "gog.sh", tmp_path / "game", Progress(0)).script is None
    found = [str(path.relative_to(tmp_path / "game")) for path in (tmp_path / "game").rglob("*")]
    assert sorted(found) == ["game", "game/data.txt"]


@pytest.mark.parametrize(
    "members",
    [
        [("../out", tarfile.REGTYPE, "", b"x")],
        [("/out", tarfile.REGTYPE, "", b"x")],
        [("here", tarfile.SYMTYPE, "a/b", b""), ("here/out", tarfile.REGTYPE, "", b"x")],
        [("a", tarfile.REGTYPE, "", b"x"), ("a", tarfile.REGTYPE, "", b"y")],
    ],
)
def test_a_name_that_leads_elsewhere_ends_it(tmp_path: Path, members: list[tuple[str, bytes, str, bytes]]) -> None:
    (tmp_path / "bad.run").write_bytes(script(tar(*members)))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Unsupported, match="can't be unpacked"):
        unpack(tmp_path / "bad.run", tmp_path / "game", Progress(0))
    assert sorted(tmp_path.rglob("*")) == before


def test_links_that_lead_out_and_devices_are_left_out(tmp_path: Path) -> None:
    archive = tar(
        ("in", tarfile.SYMTYPE, "data", b""),
        ("out", tarfile.SYMTYPE, "/etc/passwd", b""),
        ("up", tarfile.SYMTYPE, "data/../../x", b""),
        ("hard", tarfile.LNKTYPE, "/etc/passwd", b""),
        ("null", tarfile.CHRTYPE, "", b""),
        ("data", tarfile.REGTYPE, "", b"x"),
    )
    (tmp_path / "game.run").write_bytes(script(archive))
    unpack(tmp_path / "game.run", tmp_path / "game", Progress(0))
    assert sorted(path.name for path in (tmp_path / "game").iterdir()) == ["data", "in"]


def test_what_is_broken_or_asks_for_all_memory_is_told(tmp_path: Path) -> None:
    good = tar(("start.sh", tarfile.REGTYPE, "", bytes(100_000)))
    bomb = tar(("x", tarfile.XHDTYPE, "", bytes(2 << 20)))
    broken = {
        "broken": script(good)[:-40],
        "too long": script(bomb),
        "nothing here unpacks": script(b"\x28\xb5\x2f\xfd" + bytes(600)),
        "where its archive is": script(good, "nothing"),
    }
    for reason, content in broken.items():
        (tmp_path / "bad.run").write_bytes(content)
        with pytest.raises(Unsupported, match=f"can't be unpacked: .*{reason}"):
            unpack(tmp_path / "bad.run", tmp_path / "game", Progress(0))
        assert not (tmp_path / "game").exists()
