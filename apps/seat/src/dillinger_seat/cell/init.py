"""The cell's init: process 1 of the sandbox. Starts the parts it is told to, reaps, and says what became of them.

Runs as `/usr/bin/python3 -I -S init.py CONTROL_FD`, or in a container of its own as `init.py --connect SOCKET`: the
standard library only, nothing of Dillinger is imported. It speaks JSON lines over one socket that existed before any
part did and that no part gets; when that socket ends, everything ends. The game shares this process's user and
namespaces, so init makes itself undumpable: the game can neither trace it nor open its descriptors, and the kernel
shields process 1 from its signals. One thread, one loop.

From the seat  {"do": "take", "numbers", "seccomp"}  (first, and only by a socket that init connected to: descriptors
                come with it, `numbers` are what the seat calls them; the filter is for init and all that it starts)
               {"do": "start", "part", "argv", "env", "cwd", "out_fd", "listen_fd", "listen_path", "wants_ready",
                "oom_score_adj", "file_bytes"}
               {"do": "signal", "part", "signal"}  (the part `guest` means every process that no other part owns)
               {"do": "connect", "path"}  (to a server in here; the answers come in the order of the questions; with
                "port" in the place of "path": for datagrams to that port of the loopback)
To the seat    {"is": "up", "oom_kills"}  {"is": "started", "part", "pid"}  {"is": "failed", "part", "errno"}
               {"is": "ready", "part", "value"}  {"is": "ended", "part", "code", "signal", "survivors",
                "oom_kills"}  (what the container's own cgroup has counted; null outside of one)
               {"is": "alone"}  (the guest's last process is gone)
               {"is": "connected", "errno"}  (with the connected socket beside it, where errno is null)
"""

# os and open are enough for process 1, and pathlib would double its start:
# ruff: noqa: PTH103, PTH120, PTH123, PTH208

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
from typing import Any, NoReturn

GUEST = "guest"
MAX_LINE_BYTES = 4 * 1024 * 1024
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 4, 38, 36
_LIBC = ctypes.CDLL(None, use_errno=True)
_KILL_ALL_S = 5.0
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_MAX_TAKEN = 16
_OPEN_FILES = 16_384
_OOM_FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""A container sees its own group there: version 2, version 1."""


def prctl(option: int, value: int) -> None:
    """prctl(2) with one argument; what fails here is a kernel without the option, which no supported one is."""
    if _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


class _SockFprog(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def load_filter(program: bytes) -> None:
    """Puts a system call filter (an array of struct sock_filter) on this process and all that it starts; seccomp(2)."""
    fprog = _SockFprog(len(program) // 8, program)
    if _LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(fprog), 0, 0):
        raise OSError(ctypes.get_errno(), "the system call filter can't be loaded")


def oom_kills() -> int | None:
    """How many processes the kernel has killed in this container's cgroup for want of memory; None if not told."""
    for name in _OOM_FILES:
        with contextlib.suppress(OSError, ValueError), open(name, "rb") as file:
            for line in file:
                if line.startswith(b"oom_kill "):
                    return int(line.split()[1])
    return None


def parents() -> dict[int, int]:
    """Every process in sight → its parent."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
                if fields[0] not in (b"Z", b"X"):
                    found[int(name)] = int(fields[1])
    return found


def descendants(parent_of: dict[int, int], root: int, *, without: frozenset[int]) -> set[int]:
    """The processes below `root`, leaving out the trees of `without`."""
    found = set()
    for pid in parent_of:
        at = pid
        for _ in range(len(parent_of) + 1):
            if at in without or at not in parent_of:
                break
            at = parent_of[at]
            if at == root:
                found.add(pid)
                break
    return found


class Init:
    """Parts by name, and the socket to the seat."""

    def __init__(self, control: socket.socket, *, is_container: bool) -> None:
        self._control = control
        self._control.setblocking(True)
        self._is_container = is_container
        self._taken: dict[Any, int] = {}
        self._parts: dict[str, int] = {}
        self._ready: dict[int, str] = {}
        self._ready_text: dict[int, bytes] = {}
        self._listeners: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._buffer = b""
        self._waits_for_guests = False

    def run(self) -> None:
        """Until the seat hangs up."""
        woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        self._selector.register(self._control, selectors.EVENT_READ)
        self._selector.register(woken, selectors.EVENT_READ)
        if self._is_container and not self._take_over():
            return
        self._say(**{"is": "up", "oom_kills": self._oom_kills()})
        is_open = True
        while is_open:
            # Ends last: what a part said before it ended comes before.
            for key, _ in sorted(self._selector.select(), key=lambda found: found[0].fd == woken):
                if key.fd == woken:
                    os.read(woken, 4096)
                    self._reap()
                elif key.fileobj is self._control:
                    is_open = self._hear()
                else:
                    self._take_ready(key.fd)
        kill_everything()

    def _say(self, **message: Any) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.sendall(json.dumps(message).encode() + b"\n")

    def _take_over(self) -> bool:
        """The first message: what the seat hands over. False where the seat hung up instead."""
        text, descriptors, _, _ = socket.recv_fds(self._control, 65_536, _MAX_TAKEN)
        while text and not text.endswith(b"\n"):
            text += self._control.recv(65_536)
        if not text:
            return False
        order = json.loads(text)
        for number, descriptor in zip(order["numbers"], descriptors, strict=True):
            os.set_inheritable(descriptor, False)
            self._taken[number] = descriptor
        log_fd = descriptors[0]
        os.dup2(log_fd, 1)
        os.dup2(log_fd, 2)
        if order["seccomp"]:
            load_filter(base64.b64decode(order["seccomp"]))
        return True

    def _oom_kills(self) -> int | None:
        return oom_kills() if self._is_container else None

    def _hear(self) -> bool:
        try:
            chunk = self._control.recv(65_536)
        except ConnectionResetError:
            return False
        self._buffer += chunk
        *lines, self._buffer = self._buffer.split(b"\n")
        if not chunk or len(self._buffer) > MAX_LINE_BYTES:
            return False
        for line in lines:
            order = json.loads(line)
            if order["do"] == "start":
                self._start(order)
            elif order["do"] == "signal":
                self._signal(order["part"], order["signal"])
            elif order["do"] == "connect":
                self._connect(order)
        return True

    def _connect(self, order: dict[str, Any]) -> None:
        """Hands out a connection to a server that makes its own socket, where nobody outside can reach it."""
        family, kind, place = socket.AF_UNIX, socket.SOCK_STREAM, order.get("path")
        if place is None:
            family, kind, place = socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", order["port"])
        with socket.socket(family, kind | socket.SOCK_NONBLOCK) as caller:
            try:
                caller.connect(place)  # at once or not at all, whoever listens there by now
            except OSError as error:
                self._say(**{"is": "connected", "errno": error.errno})
                return
            line = json.dumps({"is": "connected", "errno": None}).encode() + b"\n"
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                socket.send_fds(self._control, [line], [caller.fileno()])

    def _start(self, order: dict[str, Any]) -> None:
        part = order["part"]
        for name in ("out_fd", "listen_fd"):
            order[name] = self._taken.get(order.get(name), order.get(name))
        ready_out = ready_in = None
        if order.get("wants_ready"):
            ready_out, ready_in = os.pipe2(os.O_CLOEXEC)
        if order.get("listen_path"):
            order["listen_fd"] = self._listener(order["listen_path"]).fileno()
        failed_out, failed_in = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            become(order, ready_in, failed_in)
        os.close(failed_in)
        if ready_in is not None:
            os.close(ready_in)
        with os.fdopen(failed_out, "rb") as failure:
            error = failure.read()
        if error:
            os.waitpid(pid, 0)
            if ready_out is not None:
                os.close(ready_out)
            self._say(**{"is": "failed", "part": part, "errno": int(error)})
            return
        self._parts[part] = pid
        if ready_out is not None:
            self._ready[ready_out] = part
            self._selector.register(ready_out, selectors.EVENT_READ)
        self._say(**{"is": "started", "part": part, "pid": pid})

    def _listener(self, path: str) -> socket.socket:
        """A listening socket at `path`, the same each time: who restarts a server keeps its clients' way to it."""
        if path not in self._listeners:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(64)
            self._listeners[path] = listener
        return self._listeners[path]

    def _take_ready(self, fd: int) -> None:
        """One line, or nothing where the part died first; its end is told by `_reap`.

        The end is read up to the newline, which Xvfb writes by itself: it dies when nobody takes it.
        """
        chunk = os.read(fd, 256)
        value = self._ready_text.pop(fd, b"") + chunk
        if chunk and not value.endswith(b"\n") and len(value) < 256:
            self._ready_text[fd] = value
            return
        self._selector.unregister(fd)
        os.close(fd)
        part = self._ready.pop(fd)
        if value:
            self._say(**{"is": "ready", "part": part, "value": value.decode("ascii", "replace").strip()})

    def _guests(self) -> set[int]:
        others = frozenset(pid for part, pid in self._parts.items() if part != GUEST)
        return descendants(parents(), os.getpid(), without=others)

    def _signal(self, part: str, number: int) -> None:
        owned = {self._parts[part]} if part in self._parts else set()
        for pid in self._guests() if part == GUEST else owned:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid = 0
            if pid == 0:
                break
            for part in [part for part, known in self._parts.items() if known == pid]:
                del self._parts[part]
                self._tell_end(part, status)
        if self._waits_for_guests and GUEST not in self._parts and not self._guests():
            self._waits_for_guests = False
            self._say(**{"is": "alone"})

    def _tell_end(self, part: str, status: int) -> None:
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        code = None if number is not None else os.WEXITSTATUS(status)
        survivors = len(self._guests()) if part == GUEST else 0
        self._waits_for_guests = self._waits_for_guests or survivors > 0
        self._say(**{"is": "ended", "part": part, "code": code, "signal": number, "survivors": survivors,
                     "oom_kills": self._oom_kills()})  # fmt: skip


def become(order: dict[str, Any], ready_in: int | None, failed_in: int) -> NoReturn:
    """In the forked child: turns into the program of `order`, or writes the errno and dies."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        prctl(_PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root and the score can't be written
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write(str(order["oom_score_adj"]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"], order["file_bytes"]))
        open_files = min(_OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
        argv, env = list(order["argv"]), dict(order["env"])
        keep = {failed_in}
        if ready_in is not None:
            os.set_inheritable(ready_in, True)
            keep.add(ready_in)
            argv = [word.replace("{ready_fd}", str(ready_in)) for word in argv]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(order["out_fd"], 1)
        os.dup2(order["out_fd"], 2)
        listen_fd = order.get("listen_fd")
        if listen_fd is not None:  # the convention of sd_listen_fds(3)
            os.dup2(listen_fd, 3)
            os.set_inheritable(3, True)
            env.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
            keep.add(3)
        _close_all_but(keep)
        os.chdir(order["cwd"])
        os.execvpe(argv[0], argv, env)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(failed_in, str(error.errno).encode())
    finally:
        os._exit(127)


def _close_all_but(keep: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        if fd > 2 and fd not in keep:
            with contextlib.suppress(OSError):
                os.close(fd)


def kill_everything() -> None:
    """Kills all descendants and waits for them; in a sandbox the kernel would, when process 1 exits."""
    deadline = time.monotonic() + _KILL_ALL_S
    while time.monotonic() < deadline:
        for pid in descendants(parents(), os.getpid(), without=frozenset()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def reserve_three() -> None:
    """Sees that no pipe made later is number 3, where a child gets its listening socket."""
    try:
        os.fstat(3)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 3)


def control_socket(arguments: list[str]) -> socket.socket:
    """The socket to the seat: inherited under this number, or connected to at this path."""
    if arguments[0] != "--connect":
        control = socket.socket(fileno=int(arguments[0]))
    else:
        control = socket.socket(socket.AF_UNIX)
        control.connect(arguments[1])
    control.set_inheritable(False)
    return control


def main() -> None:
    """Takes the way to the control socket from the command line."""
    reserve_three()
    control = control_socket(sys.argv[1:])
    prctl(_PR_SET_DUMPABLE, 0)
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if os.getpid() != 1:
        # No parent-death signal: it would end init alone. The control socket ends too, and then init ends the rest.
        prctl(_PR_SET_CHILD_SUBREAPER, 1)
    Init(control, is_container=sys.argv[1] == "--connect").run()


if __name__ == "__main__":
    main()
