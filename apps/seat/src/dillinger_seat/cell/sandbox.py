"""What a cell may see and do, as bubblewrap's argument list: a pure function of what it is for, tested by equality.

A cell has namespaces of its own (user, pid, ipc, mount, network, uts, cgroup), no capability, a read-only `/usr`,
chosen files of `/etc`, sized scratch, and what is the player's own to write: home, and maybe the game's folder. `/` of
the machine is never bound. Everything that the seat and the cell share comes in as a read-only bind of the session's
runtime folder: a socket on a read-only mount can be connected to and a FIFO written, but nothing can be made beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dillinger_contracts.cell import (
    FLATPAK_APP,
    GAME,
    HOME,
    INIT,
    PADS,
    RUN_BYTES,
    RUNTIME,
    SOUND,
    X11_AUTH,
    X11_SOCKETS,
    environment,
)
from dillinger_contracts.network import CARRIER_RESOLVER

UID = 1000

NSSWITCH = "passwd: files\ngroup: files\nhosts: files{dns}\n"
HOSTS = "127.0.0.1 localhost cell\n::1 localhost\n"
RESOLV = f"nameserver {CARRIER_RESOLVER}\n"

_ETC = (
    "alternatives", "drirc", "fonts", "glvnd", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime",
    "mime.types", "openal", "os-release", "sgml", "ssl/certs", "timidity", "timezone", "vulkan", "xml",
)  # fmt: skip
"""What games read of `/etc`: how to find libraries, fonts, drivers, the time. Nothing here names a user or a secret."""

_KNOBS = ("bus", "fs", "irq", "sys", "sysrq-trigger")
"""What writing to turns the whole machine's knobs: the kernel asks for root there, and is not trusted alone."""

SECRETS = (
    "kallsyms", "kcore", "keys", "kpagecount", "kpageflags", "latency_stats", "sched_debug", "slabinfo", "timer_list",
    "vmallocinfo",
)  # fmt: skip
"""What tells of the whole machine's kernel: to root alone most of it, and a sandbox that root started has his number;
of keys to the user whose they are."""

_USRMERGE = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What a sandbox is made for. Paths are the machine's."""

    game_dir: str
    saves_dir: str
    x11_dir: str | None
    """Holds the display's socket; None where a display of the cell's own makes it."""
    sound_dir: str
    """Holds the sound server's socket and FIFO."""
    auth_file: str
    pads_dir: str
    """Holds what gamepads are reached through."""
    init_file: str
    scratch_bytes: int
    machine_id: str
    """32 hexadecimal digits, this session's alone."""
    has_whole_proc: bool = False
    """Whether nothing is mounted over parts of `/proc`: the kernel lets nobody mount a `/proc` of his own otherwise."""
    secrets: tuple[str, ...] = ()
    """Those of `SECRETS` that the machine's kernel has: nothing can be mounted over what is not there."""
    is_game_writable: bool = False
    """Whether `game_dir` is this player's own to change."""
    preload: tuple[tuple[str, str], ...] = ()
    """Libraries that are loaded into the game: where they are on the machine, and in the cell."""
    devices: tuple[tuple[str, str], ...] = ()
    """Device nodes that are this cell's alone: where they are on the machine, and in the cell."""
    has_network: bool = False
    """Whether names are to be asked of name servers."""
    is_online: bool = False
    """Whether it is run in a network that leads somewhere (`way_out.through`), which then is its own too; else it makes
    one that leads nowhere."""
    read_only: tuple[tuple[str, str], ...] = ()
    """More that this kind of game needs: where it is on the machine, and in the cell."""


@dataclass(frozen=True, slots=True)
class DataFds:
    """Descriptors to read the made-up files, and the system call filter, from; `bwrap` closes each when it has it."""

    passwd: int
    group: int
    nsswitch: int
    hosts: int
    machine_id: int
    resolv: int | None = None
    """There where the sandbox is online."""
    seccomp: int | None = None
    """None where there is no filter for this machine."""


def contents(spec: SandboxSpec, seccomp_filter: bytes | None, *, uid: int = UID, gid: int = UID) -> dict[str, bytes]:
    """What each descriptor of `DataFds` has to hold, for a player of these numbers."""
    texts = {
        "passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\nplayer:x:{uid}:{gid}:player:{HOME}:/bin/sh\n",
        "group": f"root:x:0:\nplayer:x:{gid}:\n",
        "nsswitch": NSSWITCH.format(dns=" dns" if spec.has_network else ""),
        "hosts": HOSTS,
        "machine_id": spec.machine_id + "\n",
    }
    if spec.is_online:
        texts["resolv"] = RESOLV
    made = {name: text.encode() for name, text in texts.items()}
    return made if seccomp_filter is None else made | {"seccomp": seccomp_filter}


def _flat(groups: list[list[str]]) -> list[str]:
    return [word for group in groups for word in group]


def _system() -> list[str]:
    return _flat(
        [
            ["--ro-bind", "/usr", "/usr"],
            *(["--symlink", f"usr/{name}", f"/{name}"] for name in _USRMERGE),
            ["--symlink", f"{GAME}/files", FLATPAK_APP],
            *(["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"] for name in _ETC),
            ["--ro-bind-try", "/var/cache/fontconfig", "/var/cache/fontconfig"],
        ]
    )


def _made_up(data: DataFds) -> list[str]:
    return _flat(
        [
            ["--ro-bind-data", str(data.passwd), "/etc/passwd"],
            ["--ro-bind-data", str(data.group), "/etc/group"],
            ["--ro-bind-data", str(data.nsswitch), "/etc/nsswitch.conf"],
            ["--ro-bind-data", str(data.hosts), "/etc/hosts"],
            ["--ro-bind-data", str(data.machine_id), "/etc/machine-id"],
            *([] if data.resolv is None else [["--ro-bind-data", str(data.resolv), "/etc/resolv.conf"]]),
        ]
    )


def _scratch(spec: SandboxSpec) -> list[str]:
    scratch_bytes = spec.scratch_bytes
    return _flat(
        [
            ["--proc", "/proc"],
            *(["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"] for name in _KNOBS if not spec.has_whole_proc),
            *(["--ro-bind", "/dev/null", f"/proc/{name}"] for name in spec.secrets if not spec.has_whole_proc),
            ["--dev", "/dev"],
            ["--perms", "1777", "--size", str(scratch_bytes), "--tmpfs", "/dev/shm"],  # noqa: S108
            ["--ro-bind", spec.pads_dir, PADS],
            *(["--dev-bind", source, target] for source, target in spec.devices),
            ["--remount-ro", "/dev"],
            ["--perms", "1777", "--size", str(scratch_bytes), "--tmpfs", "/tmp"],  # noqa: S108
            ["--perms", "0700", "--size", str(min(scratch_bytes, RUN_BYTES)), "--tmpfs", RUNTIME],
            ["--dir", "/var/tmp"],  # noqa: S108
            ["--symlink", "../run", "/var/run"],
        ]
    )


def _session(spec: SandboxSpec) -> list[str]:
    return _flat(
        [
            ["--ro-bind", spec.x11_dir, X11_SOCKETS] if spec.x11_dir else [],
            ["--ro-bind", spec.sound_dir, SOUND],
            ["--ro-bind", spec.auth_file, X11_AUTH],
            *(["--ro-bind", source, target] for source, target in spec.preload),
            ["--ro-bind", spec.init_file, INIT],
            ["--bind" if spec.is_game_writable else "--ro-bind", spec.game_dir, GAME],
            *(["--ro-bind", source, target] for source, target in spec.read_only),
            ["--bind", spec.saves_dir, HOME],
            ["--remount-ro", "/"],
        ]
    )


def sandbox_argv(
    spec: SandboxSpec, data: DataFds, command: list[str], *, environ: Mapping[str, str] | None = None
) -> list[str]:
    """bubblewrap's argument list that runs `command` in the cell of `spec`, as its process 1."""
    variables = environment() if environ is None else environ
    return [
        "bwrap",
        "--unshare-all", *(["--share-net"] if spec.is_online else []),
        "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL",
        "--uid", str(UID), "--gid", str(UID), "--hostname", "cell",
        "--clearenv", *_flat([["--setenv", name, value] for name, value in variables.items()]),
        *_system(),
        *_made_up(data),
        *_scratch(spec),
        *_session(spec),
        *([] if data.seccomp is None else ["--seccomp", str(data.seccomp)]),
        "--chdir", HOME,
        "--", *command,
    ]  # fmt: skip
