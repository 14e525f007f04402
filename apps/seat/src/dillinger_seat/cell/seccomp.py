"""The system calls that a cell does without, as a classic BPF program (seccomp(2)) that bubblewrap loads.

A deny list, short on purpose: games are old, odd and many, and namespaces and lost capabilities do the walling. What is
denied is what those leave open: new user namespaces (they give back capabilities, and with them most of the kernel's
attack surface), sockets of families that network namespaces do not cover (AF_VSOCK reaches a virtual machine's host),
and interfaces that no game needs and that kernel holes come through (io_uring, bpf, userfaultfd, keyrings, perf).
fallocate is refused as a file system without it does: it takes a disk in no time, before anybody could look.
A game whose entry says so may make namespaces; then its filter is the same without that one rule.
Denied calls fail with an errno, as on a kernel without them, and never kill.

Pure: numbers in, bytes out. Syscall numbers are the kernel's (arch/*/entry/syscalls,
include/uapi/asm-generic/unistd.h).
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass

_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data; the argument's low half, on little-endian machines."""
_CLONE_NEW = 0x10000000 | 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
"""CLONE_NEWUSER, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWPID, NEWNET."""
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: these are in the cell's own network namespace."""
_X32_BIT = 0x40000000


@dataclass(frozen=True, slots=True)
class Architecture:
    """One calling convention and its numbers."""

    audit: int
    """AUDIT_ARCH_… of linux/audit.h."""
    socket: int
    clone: int
    refused: tuple[int, ...]
    """Fail with EPERM."""
    namespaces: tuple[int, ...]
    """Those of them that a program needs to make a sandbox of its own."""
    fallocate: int
    missing: tuple[int, ...] = (435,)
    """Fail with ENOSYS: clone3 keeps its flags where a filter can't look, and the C library falls back to clone."""
    has_x32: bool = False
    socketcall: int | None = None
    """Makes sockets too, of a family that lies in memory, where a filter can't look. 32-bit C libraries know no other
    way, so it is there (ENOSYS else) for cells in which 32-bit programs are to run."""


_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)
"""io_uring_*, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr: the same on all machines."""

X86_64 = Architecture(
    audit=0xC000003E,
    socket=41,
    clone=56,
    fallocate=285,
    # mount umount2 pivot_root swapon swapoff acct quotactl init_module delete_module kexec_load add_key request_key
    # keyctl unshare perf_event_open open_by_handle_at setns finit_module kexec_file_load bpf userfaultfd
    refused=(165, 166, 155, 167, 168, 163, 179, 175, 176, 246, 248, 249, 250, 272, 298, 304, 308, 313, 320, 321, 323,
             *_EVERYWHERE),
    namespaces=(165, 166, 155, 272),  # mount umount2 pivot_root unshare
    has_x32=True,
)  # fmt: skip
I386 = Architecture(
    audit=0x40000003,
    socket=359,
    clone=120,
    fallocate=324,
    # mount umount umount2 pivot_root swapon swapoff acct quotactl init_module delete_module kexec_load add_key
    # request_key keyctl unshare perf_event_open open_by_handle_at setns finit_module bpf userfaultfd
    refused=(21, 22, 52, 217, 87, 115, 51, 131, 128, 129, 283, 286, 287, 288, 310, 336, 342, 346, 350, 357, 374,
             *_EVERYWHERE),
    namespaces=(21, 22, 52, 217, 310),
    socketcall=102,
)  # fmt: skip
AARCH64 = Architecture(
    audit=0xC00000B7,
    socket=198,
    clone=220,
    fallocate=47,
    # mount umount2 pivot_root swapon swapoff acct quotactl init_module delete_module kexec_load add_key request_key
    # keyctl unshare perf_event_open open_by_handle_at setns finit_module kexec_file_load bpf userfaultfd
    refused=(40, 39, 41, 224, 225, 89, 60, 105, 106, 104, 217, 218, 219, 97, 241, 265, 268, 273, 294, 280, 282,
             *_EVERYWHERE),
    namespaces=(40, 39, 41, 97),
)  # fmt: skip
MACHINES: dict[str, tuple[Architecture, ...]] = {"x86_64": (X86_64, I386), "aarch64": (AARCH64,)}
"""By `os.uname().machine`."""


def filter_program(machine: str, *, runs_32_bit: bool = False, makes_namespaces: bool = False) -> bytes | None:
    """The filter for `machine`, as an array of struct sock_filter; None where its numbers are not known here.

    With `makes_namespaces`, programs may make user namespaces and mount in them. All else stays refused: what lost
    capabilities close on the outside is open in there, and the kernel's odd interfaces should not be.
    """
    architectures = MACHINES.get(machine)
    if architectures is None:
        return None
    code = [_step(_LOAD, _ARCHITECTURE)]
    for architecture in architectures:
        block = _block(architecture, has_socketcall=runs_32_bit, makes_namespaces=makes_namespaces)
        # A conditional jump spans 255 steps; a block has under a hundred.
        code += [_step(_JUMP_EQUAL, architecture.audit, 0, len(block)), *block]
    code.append(_fail(errno.ENOSYS))
    return b"".join(code)


def _block(architecture: Architecture, *, has_socketcall: bool, makes_namespaces: bool) -> list[bytes]:
    code = [_step(_LOAD, _NUMBER)]
    if architecture.has_x32:
        code += [_step(_JUMP_GREATER_EQUAL, _X32_BIT, 0, 1), _fail(errno.ENOSYS)]
    allowed = architecture.namespaces if makes_namespaces else ()
    for number in [number for number in architecture.refused if number not in allowed]:
        code += [_step(_JUMP_EQUAL, number, 0, 1), _fail(errno.EPERM)]
    missing = architecture.missing
    if architecture.socketcall is not None and not has_socketcall:
        missing = (*missing, architecture.socketcall)
    for number in missing:
        code += [_step(_JUMP_EQUAL, number, 0, 1), _fail(errno.ENOSYS)]
    code += [_step(_JUMP_EQUAL, architecture.fallocate, 0, 1), _fail(errno.EOPNOTSUPP)]
    families = [_step(_JUMP_EQUAL, family, len(_FAMILIES) - place, 0) for place, family in enumerate(_FAMILIES)]
    socket = [_step(_LOAD, _FIRST_ARGUMENT), *families, _fail(errno.EAFNOSUPPORT), _step(_RETURN, _ALLOW)]
    clone = [_step(_LOAD, _FIRST_ARGUMENT), _step(_JUMP_SET, _CLONE_NEW, 0, 1), _fail(errno.EPERM)]
    code += [_step(_JUMP_EQUAL, architecture.socket, 0, len(socket)), *socket]
    if not makes_namespaces:
        code += [_step(_JUMP_EQUAL, architecture.clone, 0, len(clone)), *clone]
    return [*code, _step(_RETURN, _ALLOW)]


def _fail(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
