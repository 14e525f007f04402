"""Whether cells can be had on this machine, found out by making one; and if not, why and what to do about it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.cell import PYTHON

from . import sandbox
from .memfile import memory_file
from .paths import INIT_FILE
from .seccomp import filter_program

_TIMEOUT_S = 10.0
_PROC = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the probe found."""

    is_ok: bool
    problem: str | None = None
    hint: str | None = None

    def as_document(self) -> dict[str, object]:
        """For the runner and `dillinger doctor`."""
        return {
            "ok": self.is_ok,
            "isolation": "bubblewrap" if self.is_ok else "none",
            "problem": self.problem,
            "hint": self.hint,
        }


def probe() -> Isolation:
    """Runs `true` in a real, complete sandbox."""
    with tempfile.TemporaryDirectory(prefix="dillinger-probe-") as folder:
        root = Path(folder)
        for name in ("game", "saves", "x11", "sound"):
            (root / name).mkdir()
        (root / "auth").touch()
        spec = sandbox.SandboxSpec(
            game_dir=str(root / "game"),
            saves_dir=str(root / "saves"),
            x11_dir=str(root / "x11"),
            sound_dir=str(root / "sound"),
            auth_file=str(root / "auth"),
            init_file=str(INIT_FILE),
            scratch_bytes=1 << 20,
            machine_id="0" * 32,
        )
        return _try(spec)


def _try(spec: sandbox.SandboxSpec) -> Isolation:
    data = {
        name: memory_file(name, text)
        for name, text in sandbox.contents(spec, filter_program(os.uname().machine)).items()
    }
    fds = sandbox.DataFds(**{name: file.fileno() for name, file in data.items()})
    argv = sandbox.sandbox_argv(spec, fds, [PYTHON, "-I", "-S", "-c", "import ctypes"])
    try:
        done = subprocess.run(
            argv,
            pass_fds=tuple(file.fileno() for file in data.values()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        return Isolation(False, "bubblewrap is not installed (no bwrap on the PATH)", "apt install bubblewrap")
    except subprocess.TimeoutExpired:
        return Isolation(False, f"The sandbox did not start within {_TIMEOUT_S:g} s", "Look into the kernel's log")
    finally:
        for file in data.values():
            file.close()
    if done.returncode == 0:
        return Isolation(True)
    return Isolation(
        False, f"The sandbox fails: {done.stderr.strip() or done.returncode}", hint_for(done.stderr, _PROC)
    )


def hint_for(said: str, proc: Path) -> str:
    """What to do about a sandbox that failed saying `said`, on a machine whose sysctls are below `proc`."""
    if _sysctl(proc, "kernel/unprivileged_userns_clone") == "0":
        return "User namespaces are off: sysctl -w kernel.unprivileged_userns_clone=1"
    if _sysctl(proc, "user/max_user_namespaces") == "0":
        return "User namespaces are off: sysctl -w user.max_user_namespaces=10000"
    if _sysctl(proc, "kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor restricts user namespaces: install a profile that lets /usr/bin/bwrap have them "
            "(/etc/apparmor.d/bwrap: `abi <abi/4.0>, include <tunables/global> "
            "profile bwrap /usr/bin/bwrap flags=(unconfined) { userns, }`, then apparmor_parser -r it)"
        )
    if PYTHON in said:
        return "apt install python3"
    if "nknown option" in said:
        return "bubblewrap 0.8 or newer is needed"
    if "proc" in said and "ermission" in said:
        return "Something above this process hides parts of /proc (a container?): run Dillinger on the machine itself"
    return "Run bwrap --unshare-all --ro-bind / / true and see what it says"


def _sysctl(proc: Path, name: str) -> str | None:
    try:
        return (proc / name).read_text("ascii").strip()
    except OSError:
        return None
