"""The pure parts of a cell: disk, cgroup files, ends, descendants, authority."""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
from pathlib import Path

import pytest

from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.session import CellCgroup
from dillinger_saves.measure import Room, folder_bytes
from dillinger_seat.cell.cgroup import entering, oom_kills
from dillinger_seat.cell.disk import LONGEST_S, is_short, worth_a_walk
from dillinger_seat.cell.init import descendants
from dillinger_seat.cell.output import FILE_BYTES, TAIL_LINES, OutputLog
from dillinger_seat.desktops.sockets import numbered_listener
from dillinger_seat.desktops.xvfb import xauthority
from dillinger_seat.ends import end_of_guest
from dillinger_seat.guests.base import GuestExit


def test_folder_is_measured_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(os.urandom(100_000))
    (tmp_path / "a" / "out").symlink_to("/usr")
    (tmp_path / "a" / "loop").symlink_to("..")
    assert 100_000 <= folder_bytes(tmp_path) < 200_000


def test_empty_files_are_not_free(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / str(number)).touch()
    assert folder_bytes(tmp_path) >= 100 * 512


def test_counting_stops_past_the_limit(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / str(number)).write_bytes(bytes(8192))
    assert 8192 < folder_bytes(tmp_path, limit=8192) < 10 * 8192


@pytest.mark.parametrize(
    ("lost", "files", "headroom", "ago", "is_worth_it"),
    [
        (0, 0, 1000, 0, False), (251, 0, 1000, 0, True), (-5000, 0, 1000, 0, False), (0, 0, 1000, LONGEST_S, True),
        (1, 0, 0, 0, True), (0, 10_001, 1000, 0, True), (0, 9_000, 1000, 0, False),
    ],
)  # fmt: skip
def test_folder_is_walked_when_the_disk_shrinks(
    lost: int, files: int, headroom: int, ago: float, is_worth_it: bool
) -> None:
    before, now = Room(10**6, 10**6), Room(10**6 - lost, 10**6 - files)
    assert worth_a_walk(before, now, headroom, ago) is is_worth_it


def test_who_writes_on_into_the_disks_reserve_is_looked_at() -> None:
    assert is_short(Room(5 << 20, 0), Room(3 << 20, 0), 10 << 20)
    assert not is_short(Room(5 << 20, 0), Room(5 << 20, 0), 10 << 20), "somebody else filled it"
    assert not is_short(Room(50 << 20, 0), Room(30 << 20, 0), 10 << 20)


def test_program_enters_its_cgroup_before_it_runs(tmp_path: Path) -> None:
    for name in ("memory", "pids"):
        (tmp_path / name).mkdir()
    directories = {name: str(tmp_path / name) for name in ("memory", "pids")}
    argv = entering(CellCgroup(version=1, directories=directories), ["/bin/echo", "in", "it"])
    assert subprocess.check_output(argv, text=True) == "in it\n"
    assert [(tmp_path / name / "cgroup.procs").read_text() for name in directories] == ["0\n", "0\n"]
    assert entering(None, ["x"]) == ["x"]


def test_oom_kills_are_read_from_either_version(tmp_path: Path) -> None:
    (tmp_path / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\n")
    assert oom_kills(CellCgroup(version=1, directories={"memory": str(tmp_path)})) == 2
    assert oom_kills(CellCgroup(version=2, directories={"unified": str(tmp_path)})) == 3
    assert oom_kills(CellCgroup(version=2, directories={"unified": str(tmp_path / "gone")})) == 0
    assert oom_kills(None) == 0


def test_descendants_leave_out_the_trees_of_other_parts() -> None:
    parent_of = {1: 0, 2: 1, 3: 1, 4: 2, 5: 4, 6: 3, 7: 99}
    assert descendants(parent_of, 1, without=frozenset()) == {2, 3, 4, 5, 6}
    assert descendants(parent_of, 1, without=frozenset({2})) == {3, 6}
    assert descendants({8: 9, 9: 8}, 1, without=frozenset()) == set(), "a loop, as pid reuse may show, ends"


@pytest.mark.parametrize(
    ("code", "signal", "oom", "reason"),
    [
        (0, None, False, EndReason.GAME_EXITED),
        (3, None, False, EndReason.GAME_CRASHED),
        (None, "SIGSEGV", False, EndReason.GAME_CRASHED),
        (None, "SIGKILL", True, EndReason.OUT_OF_MEMORY),
        (None, "SIGXFSZ", False, EndReason.OUT_OF_DISK),
        (None, None, False, EndReason.INTERNAL),
    ],
)
def test_end_of_a_guest(code: int | None, signal: str | None, oom: bool, reason: EndReason) -> None:
    found, message = end_of_guest(GuestExit(code, signal), "doom", has_shown=False, is_out_of_memory=oom)
    assert found is reason and "doom" in message


def test_authority_file_is_for_every_display() -> None:
    text = xauthority(b"0123456789abcdef")
    assert text == struct.pack(">HHHH", 0xFFFF, 0, 0, 18) + b"MIT-MAGIC-COOKIE-1" + b"\0\x10" + b"0123456789abcdef"


def test_display_number_of_a_killed_owner_is_free_again(tmp_path: Path) -> None:
    first, path, listener = numbered_listener(tmp_path)
    second, _, other = numbered_listener(tmp_path)
    assert (first, second) == (100, 101)
    listener.close()
    again, same, newer = numbered_listener(tmp_path)
    assert (again, same) == (100, path)
    other.close()
    newer.close()


async def test_output_is_bounded_in_file_and_memory(tmp_path: Path) -> None:
    log = OutputLog(tmp_path / "log")
    reader_fd = log.write_fd
    for number in range(3 * FILE_BYTES // 16_384):
        os.write(reader_fd, f"line {number}\n".encode() + b"x" * 16_000 + b"\n")
        await asyncio.sleep(0)
        log.tail()
    os.write(reader_fd, b"\x1b[31mred\x00\nlast without newline")
    tail = log.tail()
    assert len(tail) == TAIL_LINES and tail[-1] == "last without newline"
    assert all(char.isprintable() for line in tail for char in line)
    log.close()
    assert folder_bytes(tmp_path) <= 2 * FILE_BYTES


async def test_a_full_disk_takes_no_log_and_the_last_words_are_known(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    log = OutputLog(tmp_path / "log")
    os.write(log.write_fd, b"last words\n")
    assert log.tail() == ("last words",)
    os.write(log.write_fd, b"and more\n")
    log.close()
    assert log.tail() == ("last words", "and more")
