"""A game that tries every wall of its cell, and writes down what it got through: `{try: what it got, or null}`.

Standard library only; runs inside cells, and outside of them so that each try is seen to succeed where its wall is
down. A try is one function; it returns what it got, or raises. It does no harm where it succeeds: it opens, and leaves.
"""

# ruff: noqa: PTH108, PTH115, PTH116, PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import json
import os
import resource
import select
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GAME = Path(sys.argv[1] if len(sys.argv) > 1 else "/game")
HOME = Path(sys.argv[2] if len(sys.argv) > 2 else "/home/player")
TARGETS: dict[str, Any] = json.loads((GAME / "targets.json").read_text())
INIT: int = TARGETS["init_pid"]
LIBC = ctypes.CDLL(None, use_errno=True)
TRIES: dict[str, Callable[[], str]] = {}
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 1, 32, 4096, 0x4000, 0x40000, 2
AF_VSOCK = 40
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
FILES_OF_A_CELL = 16_384
SYSCALLS = {
    "x86_64": {"io_uring_setup": 425, "bpf": 321, "keyctl": 250, "perf_event_open": 298, "userfaultfd": 323,
               "init_module": 175, "ptrace": 101, "process_vm_readv": 310, "open_tree": 428},
    "aarch64": {"io_uring_setup": 425, "bpf": 280, "keyctl": 219, "perf_event_open": 241, "userfaultfd": 282,
                "init_module": 105, "ptrace": 117, "process_vm_readv": 270, "open_tree": 428},
}[os.uname().machine]  # fmt: skip


def attempt(made: Callable[[], str]) -> Callable[[], str]:
    TRIES[made.__name__] = made
    return made


def called(result: int) -> str:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return str(result)


def in_child(work: Callable[[], str]) -> str:
    """What changes this process for good is tried in a child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, work().encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    with os.fdopen(reading) as said:
        text = said.read()
    if not text:
        raise PermissionError("nothing came of it")
    return text


def first_of(paths: list[str], word: str | None = None) -> str:
    """The first of these files that can be read (and has this word in it)."""
    for path in paths:
        try:
            with open(path, "rb") as file:
                text = file.read(65_536)
        except OSError:
            continue
        if text and (word is None or word.encode() in text):
            return path
    raise FileNotFoundError("none of them")


def answer_of(family: int, address: Any, word: str, say: bytes = b"") -> str:
    """Connects and hears `word`: a connection alone proves nothing, since networks answer for others."""
    with socket.socket(family) as link:
        link.settimeout(20)
        link.connect(address)
        if say:
            link.sendall(say)
        heard = b""
        while word.encode() not in heard and (chunk := link.recv(65_536)):
            heard += chunk
    if word.encode() not in heard:
        raise ConnectionError("somebody else answered")
    return f"heard from {address}"


def any_host(port: int, word: str, say: bytes = b"") -> str:
    for host in (*TARGETS["hosts"], *gateways()):
        try:
            return answer_of(socket.AF_INET, (host, port), word, say)
        except OSError:
            continue
    raise ConnectionError("nobody")


def routes() -> list[tuple[str, str, str]]:
    """Device, network and gateway of each IPv4 route; the kernel writes addresses in its own byte order."""
    try:
        lines = Path("/proc/net/route").read_text().splitlines()[1:]
    except OSError:
        return []
    found = []
    for device, network, gateway, *_ in (line.split() for line in lines):
        words = [socket.inet_ntoa(int(text, 16).to_bytes(4, sys.byteorder)) for text in (network, gateway)]
        found.append((device, words[0], words[1]))
    return found


def gateways() -> list[str]:
    """Whom this network would have forward; a bridge's is an address of the machine."""
    return [gateway for _, _, gateway in routes() if gateway != "0.0.0.0"]


def first_neighbours() -> list[str]:
    """The first address of each network without a gateway, which a bridge's machine takes for itself."""
    links = [network for _, network, gateway in routes() if gateway == "0.0.0.0" and network != "0.0.0.0"]
    return [network.rpartition(".")[0] + ".1" for network in links]


HTTP = b"GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n"


@attempt
def read_the_runners_keys() -> str:
    return first_of([TARGETS["keys"]])


@attempt
def read_another_sessions_spec() -> str:
    return first_of([TARGETS["other_spec"]])


@attempt
def read_another_users_saves() -> str:
    return first_of([TARGETS["other_save"]], TARGETS["token"])


@attempt
def read_a_file_of_the_machine() -> str:
    return first_of([TARGETS["host_file"]], TARGETS["token"])


@attempt
def find_a_file_of_the_machine_through_proc() -> str:
    path = TARGETS["host_file"]
    return first_of([f"/proc/{pid}/root{path}" for pid in os.listdir("/proc") if pid.isdigit()], TARGETS["token"])


@attempt
def write_the_library() -> str:
    with open(GAME / "mine", "w") as file:
        file.write("mine")
    return "wrote"


@attempt
def write_the_system() -> str:
    for folder in ("/usr", "/etc", "/", "/var", "/opt", "/usr/lib"):
        try:
            path = Path(folder, f".hostile-{os.getpid()}")
            path.touch()
        except OSError:
            continue
        path.unlink()
        return folder
    raise PermissionError("nowhere")


@attempt
def write_beside_the_shared_sockets() -> str:
    for folder in (
        "/tmp/.X11-unix",
        "/run/dillinger",
        "/run/dillinger/cell",
        "/run/dillinger/sound",
        TARGETS["runtime"],
    ):
        path = Path(folder, f".hostile-{os.getpid()}")
        try:
            path.touch()
        except OSError:
            continue
        path.unlink()
        return folder
    raise PermissionError("nowhere")


@attempt
def reach_the_engine() -> str:
    for path in TARGETS["engine"]:
        try:
            return answer_of(socket.AF_UNIX, path, "HTTP/1", HTTP % b"/version")
        except OSError:
            continue
    raise ConnectionError("no engine")


@attempt
def reach_the_runner() -> str:
    return any_host(TARGETS["runner_port"], '"status"', HTTP % b"/health")


@attempt
def reach_core() -> str:
    return any_host(TARGETS["core_port"], '"status"', HTTP % b"/api/v1/health")


@attempt
def reach_a_server_of_the_machine() -> str:
    return any_host(TARGETS["token_port"], TARGETS["token"])


@attempt
def reach_the_machine_on_the_link() -> str:
    for host in first_neighbours():
        try:
            return answer_of(socket.AF_INET, (host, TARGETS["token_port"]), TARGETS["token"])
        except OSError:
            continue
    raise ConnectionError("nobody")


def first_to_say_it(links: dict[socket.socket, str], say: bytes = b"") -> str:
    """Which of these, that are asked all at once, is heard from first."""
    until_s = time.monotonic() + (20 if TARGETS.get("is_answered") else 2)
    while links and time.monotonic() < until_s:
        for link in [*links] if say else []:
            with contextlib.suppress(OSError):
                link.send(say)
        for link in select.select([*links], [], [], 0.5)[0]:
            with contextlib.suppress(OSError):
                if TARGETS["token"].encode() in link.recv(100):
                    return links[link]
            del links[link]
    raise ConnectionError("nobody")


@attempt
def reach_the_machine_past_the_routes() -> str:
    """Who binds a socket to a device is taken at its word that everybody is on that link."""
    with contextlib.ExitStack() as stack:
        links = {}
        for _, device in socket.if_nameindex():
            for host in (*TARGETS["hosts"], *gateways()):
                if host.startswith("127.") != (device == "lo"):
                    continue
                link = stack.enter_context(socket.socket())
                link.setblocking(False)
                with contextlib.suppress(OSError):
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
                    if link.connect_ex((host, TARGETS["token_port"])) in (0, errno.EINPROGRESS):
                        links[link] = f"{host} by {device}"
        return first_to_say_it(links)


@attempt
def reach_a_server_of_the_machine_by_udp() -> str:
    with contextlib.ExitStack() as stack:
        links = {}
        for host in (*TARGETS["hosts"], *gateways()):
            link = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                link.connect((host, TARGETS["udp_port"]))
                links[link] = str(host)
        return first_to_say_it(links, b"?")


def place(name: str) -> str:
    """Where networks lead; nowhere that is known where there are no targets for them."""
    host, port = TARGETS.get("places", {})[name]
    return answer_of(socket.AF_INET, (host, port), TARGETS["token"])


@attempt
def reach_the_internet() -> str:
    return place("internet")


@attempt
def reach_the_metadata_address() -> str:
    return place("metadata")


@attempt
def reach_a_private_address() -> str:
    return place("private")


@attempt
def reach_a_private_address_at_the_port_for_names() -> str:
    return place("private_names")


@attempt
def reach_another_game() -> str:
    return place("game")


@attempt
def reach_a_game_of_its_lan() -> str:
    return place("lan")


@attempt
def reach_a_game_of_another_lan() -> str:
    return place("other_lan")


@attempt
def reach_an_abstract_socket_of_the_machine() -> str:
    return answer_of(socket.AF_UNIX, "\0" + TARGETS["abstract"], TARGETS["token"])


@attempt
def reach_another_seats_stream() -> str:
    return answer_of(socket.AF_UNIX, TARGETS["other_stream"], "HTTP/1.1", HTTP % b"/")


@attempt
def have_a_way_to_any_network() -> str:
    """A datagram socket's connect needs a route and sends nothing."""
    for address in ("169.254.169.254", "192.0.2.1", *TARGETS["hosts"]):
        if address.startswith("127."):
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            try:
                link.connect((address, 80))
            except OSError:
                continue
            return f"{address} from {link.getsockname()[0]}"
    raise OSError("no route")


@attempt
def change_its_network() -> str:
    """Sets a device's flags to what they are: who may do that may take walls down, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        flags = fcntl.ioctl(link, SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        fcntl.ioctl(link, SIOCSIFFLAGS, flags)
    return "lo"


@attempt
def open_a_socket_to_the_hypervisor() -> str:
    socket.socket(AF_VSOCK, socket.SOCK_STREAM).close()
    return "AF_VSOCK"


@attempt
def open_a_raw_socket() -> str:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    return "AF_PACKET"


@attempt
def take_inits_place_at_the_seat() -> str:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect("/run/dillinger/cell/init.sock" if not TARGETS["init"] else TARGETS["init"])
    return "connected"


@attempt
def read_inits_memory() -> str:
    return first_of([f"/proc/{INIT}/environ", f"/proc/{INIT}/auxv"])


@attempt
def read_inits_descriptors() -> str:
    return ", ".join(os.readlink(f"/proc/{INIT}/fd/{name}") for name in os.listdir(f"/proc/{INIT}/fd"))


@attempt
def trace_init() -> str:
    return in_child(lambda: called(LIBC.syscall(SYSCALLS["ptrace"], 0x4206, INIT, 0, 0)))  # PTRACE_SEIZE


@attempt
def find_the_stream_process() -> str:
    found = []
    for pid in os.listdir("/proc"):
        if pid.isdigit() and int(pid) not in (os.getpid(), os.getppid()):
            try:
                line = Path("/proc", pid, "cmdline").read_bytes()
            except OSError:
                continue
            if b"dillinger_seat" in line:
                found.append(pid)
    return found[0]


@attempt
def become_root() -> str:
    def become() -> str:
        os.setresuid(0, 0, 0)
        os.setgroups([0])
        return "root"

    return in_child(become)


@attempt
def gain_by_a_setuid_program() -> str:
    """No new privileges: the kernel's own word for that setuid programs give nothing."""
    status = Path("/proc/self/status").read_text()
    if "NoNewPrivs:\t0" in status:
        return "NoNewPrivs is off"
    raise PermissionError("no new privileges")


@attempt
def hold_a_capability() -> str:
    status = Path("/proc/self/status").read_text()
    held = [line for line in status.splitlines() if line.startswith(("CapEff", "CapPrm", "CapBnd"))]
    if any(int(line.split()[1], 16) for line in held if not line.startswith("CapBnd")):
        return " ".join(held)
    raise PermissionError("none")


@attempt
def mount_something() -> str:
    return in_child(lambda: called(LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None)) + str(LIBC.umount(b"/tmp")))


@attempt
def make_a_user_namespace() -> str:
    return in_child(lambda: called(LIBC.unshare(CLONE_NEWUSER)))


@attempt
def make_other_namespaces() -> str:
    return in_child(lambda: called(LIBC.unshare(CLONE_NEWNS | CLONE_NEWNET)))


@attempt
def load_a_kernel_module() -> str:
    """An image of nothing: whoever may load modules is told that it is none (ENOEXEC), others that they may not."""
    LIBC.syscall(SYSCALLS["init_module"], b"\0" * 64, 64, b"")
    if ctypes.get_errno() in (1, 38):
        raise PermissionError("may not")
    return os.strerror(ctypes.get_errno())


def _reaches(name: str, *arguments: Any) -> str:
    result = LIBC.syscall(SYSCALLS[name], *arguments)
    if result < 0 and ctypes.get_errno() in (1, 38):
        raise PermissionError(os.strerror(ctypes.get_errno()))
    return f"{name}: {result}"


@attempt
def set_io_uring_up() -> str:
    return _reaches("io_uring_setup", 1, None)


@attempt
def use_keyrings() -> str:
    return _reaches("keyctl", 0, -3, 1)


@attempt
def use_bpf() -> str:
    return _reaches("bpf", 0, None, 0)


@attempt
def use_userfaultfd() -> str:
    return _reaches("userfaultfd", 0)


@attempt
def open_the_machines_memory() -> str:
    for path in ("/dev/mem", "/dev/kmem", "/proc/kcore", "/dev/kmsg"):
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            continue
        if (
            path == "/dev/kmsg"
            or os.stat(path).st_size
            or os.stat(path).st_rdev not in (0, os.stat("/dev/null").st_rdev)
        ):
            return path
    raise FileNotFoundError("none")


def secrets_of_the_kernel() -> list[str]:
    """Files that tell of the whole machine: where its memory is, its tables, its timers, what its kernel traces."""
    trees = ("/sys/firmware", "/sys/devices/virtual/powercap", "/sys/class/dmi/id", "/sys/fs/pstore")
    found = [str(path) for tree in trees for path in sorted(Path(tree).rglob("*"))]
    found += [str(path) for path in sorted(Path("/sys/kernel/debug").glob("*"))]
    names = ("timer_list", "sched_debug", "vmallocinfo", "slabinfo", "kpagecount", "kpageflags", "latency_stats")
    return [*(f"/proc/{name}" for name in names), "/sys/kernel/tracing/trace", *found]


@attempt
def read_secrets_of_the_kernel() -> str:
    for path in secrets_of_the_kernel():
        try:
            file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        try:
            if os.read(file, 4096):
                return path
        except OSError:
            continue
        finally:
            os.close(file)
    raise PermissionError("none")


@attempt
def learn_where_the_kernel_is() -> str:
    """To others than root the kernel says that everything is at nought."""
    for path in ("/proc/kallsyms", "/proc/iomem"):
        try:
            with open(path) as file:
                lines = file.read(65_536).splitlines()
        except OSError:
            continue
        if any(line.split()[0].strip("0-") for line in lines[:-1]):
            return path
    raise PermissionError("none")


@attempt
def see_keys_of_others() -> str:
    """Other users' or the kernel's own, which begin with a dot. Names of a user's own may be seen."""
    with open("/proc/keys") as file:
        for line in file:
            _, _, _, _, _, owner, _, _, name, *_ = line.split()
            if int(owner) != os.getuid() or name.startswith("."):
                return line
    raise PermissionError("none")


@attempt
def make_a_device() -> str:
    path = "/dev/shm/device"
    os.mknod(path, 0o600 | 0o060000, os.makedev(7, 0))
    os.unlink(path)
    return "made"


@attempt
def turn_the_kernels_knobs() -> str:
    for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/panic_on_oom"):
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        return path
    raise PermissionError("none")


def open_without_end() -> str:
    """More than the share of a cell; what is opened is closed with the child that did it."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for _ in range(FILES_OF_A_CELL + 100):
        os.open("/dev/null", os.O_RDONLY)
    return "opened"


@attempt
def hold_more_files_than_its_share() -> str:
    return in_child(open_without_end)


@attempt
def lift_its_own_limits() -> str:
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes", *TARGETS["cgroups"]):
        try:
            os.close(os.open(path, os.O_WRONLY))
        except OSError:
            continue
        return str(path)
    raise PermissionError("none")


def enter_a_namespace() -> None:
    """From here on with all capabilities, in a user and a mount namespace of its own: what may be made of them?"""
    uid, gid = os.getuid(), os.getgid()
    called(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS))
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        Path("/proc/self", name).write_text(text)


def remount_writable(folder: str) -> str:
    called(LIBC.mount(None, folder.encode(), None, MS_REMOUNT | MS_BIND, None))
    path = Path(folder, f".hostile-{os.getpid()}")
    path.touch()
    path.unlink()
    return folder


def remount_the_library() -> str:
    return in_child(lambda: remount_writable(str(GAME)))


def remount_the_system() -> str:
    """In a sandbox `/usr` is a mount, in a container `/`."""
    for folder in ("/usr", "/"):
        with contextlib.suppress(OSError):
            return in_child(functools.partial(remount_writable, folder))
    raise PermissionError("none")


def uncover_what_a_mount_hides() -> str:
    for path in (str(GAME), "/usr", "/proc/sys", "/etc/passwd", "/tmp"):
        if LIBC.umount2(path.encode(), MNT_DETACH) == 0:
            return path
    raise PermissionError("none")


def mount_node(node: str) -> bool:
    """Whether what is on this disk could be mounted: for reading, or as the machine itself has it mounted."""
    lines = Path("/proc/filesystems").read_text().splitlines()
    for kind in (line.strip() for line in lines if not line.startswith("nodev")):
        for flags in (MS_RDONLY, 0):
            if LIBC.mount(node.encode(), b"/tmp", kind.encode(), flags, None) == 0:
                called(LIBC.umount2(b"/tmp", MNT_DETACH))
                return True
            if ctypes.get_errno() != errno.EBUSY:
                break
    return False


def mount_a_disk() -> str:
    """One that is mounted here already, since any mount may write to others; by the machine's own node or one that was
    made, which some mounts let nobody open."""
    mounted = {line.split()[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    for line in Path("/proc/partitions").read_text().splitlines()[2:]:
        major, minor, _, name = line.split()
        if f"{major}:{minor}" not in mounted:
            continue
        for node in (
            f"/dev/{name}",
            *(f"{folder}/.disk-{os.getpid()}" for folder in ("/dev", "/dev/shm", "/tmp", HOME)),
        ):
            is_ours = ".disk-" in node
            try:
                if is_ours:
                    os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(int(major), int(minor)))
                if mount_node(node):
                    return f"{name} by {node}"
            except OSError:
                continue
            finally:
                if is_ours:
                    Path(node).unlink(missing_ok=True)
    raise PermissionError("none")


def lie_as_in_a_cell() -> None:
    """Mounts as a cell's, and nothing that keeps anybody from changing them, in a mount namespace of our own."""
    called(LIBC.unshare(CLONE_NEWNS))
    called(LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    called(LIBC.mount(str(GAME).encode(), str(GAME).encode(), None, MS_BIND, None))
    for folder in (str(GAME), "/"):
        called(LIBC.mount(None, folder.encode(), None, MS_REMOUNT | MS_BIND | MS_RDONLY, None))


MOUNTS = (remount_the_library, remount_the_system, mount_a_disk, uncover_what_a_mount_hides)
"""Tries that need root, be it in a namespace of one's own."""


def got_by(made: Callable[[], str]) -> str | None:
    try:
        return made()
    except (OSError, IndexError, KeyError, ValueError):
        return None


def main() -> None:
    """Tries everything; what was got through to is written into the only folder that is meant to be written to."""
    if TARGETS.get("in_namespace"):
        enter_a_namespace()
    wanted = {name: made for name, made in TRIES.items() if name in TARGETS.get("only", TRIES)}
    got = {name: got_by(made) for name, made in wanted.items()}
    if TARGETS.get("may_mount"):
        lie_as_in_a_cell()
    if TARGETS.get("in_namespace") or TARGETS.get("may_mount"):
        got |= {made.__name__: got_by(made) for made in MOUNTS}
    draft = HOME / ".result"
    draft.write_text(json.dumps(got))
    draft.rename(HOME / "result.json")


if __name__ == "__main__":
    main()
