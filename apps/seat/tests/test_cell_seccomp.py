"""The system call filter: its program by interpretation, and the same from inside a real sandbox."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
import tempfile

import pytest

from dillinger_seat.cell.isolation import probe
from dillinger_seat.cell.seccomp import AARCH64, I386, X86_64, Architecture, filter_program

ALLOWED = 0x7FFF0000


def run(program: bytes, architecture: int, number: int, first: int = 0) -> int:
    """What the kernel's interpreter would answer (the five opcodes that the filter uses)."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, first, 0, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        code, if_true, if_false, value = steps[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x15:
                at += if_true if accumulator == value else if_false
            case 0x35:
                at += if_true if accumulator >= value else if_false
            case 0x45:
                at += if_true if accumulator & value else if_false
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"opcode {code:#x}")


def failing(number: int) -> int:
    return 0x00050000 | number


@pytest.mark.parametrize(("machine", "architecture"), [("x86_64", X86_64), ("x86_64", I386), ("aarch64", AARCH64)])
def test_every_rule_of_every_architecture(machine: str, architecture: Architecture) -> None:
    program = filter_program(machine)
    assert program is not None
    audit = architecture.audit
    for number in architecture.refused:
        assert run(program, audit, number) == failing(errno.EPERM)
    for number in architecture.missing:
        assert run(program, audit, number) == failing(errno.ENOSYS)
    assert run(program, audit, architecture.fallocate) == failing(errno.EOPNOTSUPP)
    for family in range(64):
        wanted = ALLOWED if family in (1, 2, 10, 16) else failing(errno.EAFNOSUPPORT)
        assert run(program, audit, architecture.socket, family) == wanted, family
    assert run(program, audit, architecture.clone, 0x01200011) == ALLOWED, "fork"
    assert run(program, audit, architecture.clone, 0x003D0F00) == ALLOWED, "a thread"
    assert run(program, audit, architecture.clone, 0x10000011) == failing(errno.EPERM), "a user namespace"
    rest = set(range(600)) - {
        *architecture.refused,
        *architecture.missing,
        architecture.socket,
        architecture.clone,
        architecture.fallocate,
        architecture.socketcall,
    }
    assert all(run(program, audit, number) == ALLOWED for number in rest)


def test_32_bit_programs_make_sockets_only_where_they_are_to_run() -> None:
    for runs_32_bit, wanted in ((False, failing(errno.ENOSYS)), (True, ALLOWED)):
        program = filter_program("x86_64", runs_32_bit=runs_32_bit)
        assert program is not None and I386.socketcall is not None
        assert run(program, I386.audit, I386.socketcall) == wanted
        assert run(program, I386.audit, I386.socket, 40) == failing(errno.EAFNOSUPPORT)
        assert run(program, X86_64.audit, I386.socketcall) == ALLOWED, "another call there"


@pytest.mark.parametrize(("machine", "architecture"), [("x86_64", X86_64), ("x86_64", I386), ("aarch64", AARCH64)])
def test_who_may_make_namespaces_may_make_those_and_mount_and_nothing_else(
    machine: str, architecture: Architecture
) -> None:
    usual, other = filter_program(machine), filter_program(machine, makes_namespaces=True)
    assert usual is not None and other is not None
    differ = {number for number in range(600) if run(usual, architecture.audit, number, 0x10000011)
              != run(other, architecture.audit, number, 0x10000011)}  # fmt: skip
    assert differ == {*architecture.namespaces, architecture.clone}
    assert all(run(other, architecture.audit, number, 0x10000011) == ALLOWED for number in differ)


def test_foreign_calling_conventions_are_missing() -> None:
    program = filter_program("x86_64")
    assert program is not None
    assert run(program, X86_64.audit, 0x40000000 | 1) == failing(errno.ENOSYS), "x32"
    assert run(program, 0xDEAD, 1) == failing(errno.ENOSYS)


def test_machine_that_is_not_known_has_no_filter() -> None:
    assert filter_program("riscv64") is None


INSIDE = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def errno_of(call, *arguments):
    return ctypes.get_errno() if call(*arguments) == -1 else 0
found = {}
for name, family in (("unix", 1), ("inet", 2), ("vsock", 40), ("alg", 38), ("packet", 17)):
    found[name] = errno_of(libc.socket, family, 1, 0)
found["unshare"] = errno_of(libc.unshare, 0x10000000)
if os.uname().machine == "x86_64":
    found["keyctl"] = errno_of(libc.syscall, 250, 0, 0, 0)
    found["io_uring"] = errno_of(libc.syscall, 425, 1, 0)
os.waitpid(os.fork() or os._exit(0), 0)
print(found)
"""


def test_inside_a_sandbox() -> None:
    found = probe()
    program = filter_program(os.uname().machine)
    if not found.is_ok or program is None:
        pytest.skip(f"no sandbox: {found.problem or 'no filter for this machine'}")
    with tempfile.TemporaryFile() as file:
        file.write(program)
        file.seek(0)
        fd = str(file.fileno())
        said = subprocess.run(
            ["bwrap", "--unshare-all", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink",
             "usr/lib64", "/lib64", "--proc", "/proc", "--seccomp", fd, "/usr/bin/python3", "-I", "-c", INSIDE],
            pass_fds=(file.fileno(),), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert said.returncode == 0, said.stderr
    print(said.stdout, file=sys.stderr)
    inside = eval(said.stdout)
    assert (inside.pop("unix"), inside.pop("inet")) == (0, 0)
    assert {inside.pop(name) for name in ("vsock", "alg", "packet")} == {errno.EAFNOSUPPORT}
    assert set(inside.values()) == {errno.EPERM}
