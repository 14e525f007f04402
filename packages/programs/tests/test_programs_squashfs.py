"""Squashfs images of squashfs-tools are read as they were made; whatever is hostile ends in bounded time."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_programs.elf import ReadAt, Unreadable
from dillinger_programs.squashfs import Squashfs


def reader(content: bytes) -> ReadAt:
    return lambda offset, size: content[offset : offset + size] if offset >= 0 and size > 0 else b""


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of many blocks, of one, of none, with a hole; links; folders with many names and within each other."""
    root = tmp_path_factory.mktemp("tree")
    (root / "many").mkdir()
    for number in range(700):
        (root / f"many/file-{number}").write_text(f"{number}\n" * (number % 50))
    deep = root / "a/b/c/d"
    deep.mkdir(parents=True)
    (deep / "big").write_bytes(os.urandom(300_000) + bytes(400_000) + b"the end")
    (deep / "empty").touch()
    (root / "start").write_text("#!/bin/sh\n")
    (root / "start").chmod(0o755)
    (root / "link").symlink_to("a/b/../b/c")
    (root / "out").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture(scope="session")
def image(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """With nothing compressed, so that what a byte says can be changed."""
    return made(tree, tmp_path_factory.mktemp("image") / "plain", "gzip", "-noI", "-noD", "-noF")


def made(tree: Path, target: Path, *compression: str) -> bytes:
    tool = shutil.which("mksquashfs", path="/usr/bin:/usr/sbin:/bin:/sbin")
    assert tool is not None, "the launcher installs squashfs-tools for tests"
    command = [tool, str(tree), str(target), "-quiet", "-no-progress", "-b", "65536", "-comp", *compression]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return target.read_bytes()


@pytest.mark.parametrize("compression", [("gzip",), ("xz",), ("gzip", "-noF", "-noI", "-no-fragments")])
def test_what_is_in_an_image_is_what_went_in(tree: Path, compression: tuple[str, ...], tmp_path: Path) -> None:
    content = made(tree, tmp_path / "image", *compression)
    image = Squashfs(reader(content))
    found = {entry.path: entry for entry in image.entries()}
    expected = {str(path.relative_to(tree)) for path in tree.rglob("*")} - {"pipe"}
    assert found.keys() == expected
    for path, entry in found.items():
        place = tree / path
        if place.is_symlink():
            assert (entry.kind, entry.target) == ("link", str(place.readlink()))
        elif place.is_dir():
            assert entry.kind == "folder"
        else:
            assert b"".join(image.chunks(entry)) == place.read_bytes(), path
            assert entry.is_executable is os.access(place, os.X_OK)


def test_a_compression_that_nothing_unpacks_is_named(image: bytes) -> None:
    with pytest.raises(Unreadable, match="lzo"):
        Squashfs(reader(image[:20] + struct.pack("<H", 3) + image[22:]))


@given(st.binary(min_size=1, max_size=40), st.floats(0, 1), st.integers(0, 4000))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_image_is_read_or_unreadable(image: bytes, noise: bytes, share: float, cut: int) -> None:
    at = int(share * (len(image) - len(noise)))
    broken = (image[:at] + noise + image[at + len(noise) :])[: len(image) - cut]
    written = 0
    try:
        one = Squashfs(reader(broken))
        for entry in one.entries():
            assert not entry.path.startswith("/") and ".." not in entry.path.split("/")
            for chunk in one.chunks(entry) if entry.kind == "file" else ():
                assert len(chunk) <= one.head.block_bytes
                written += len(chunk)
                if written > 64 << 20:
                    return  # who unpacks says how much is enough
    except Unreadable:
        return
