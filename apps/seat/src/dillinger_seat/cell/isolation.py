"""Whether cells can be had on this machine, found out by making one; and if not, why and what to do about it."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from dillinger_contracts.cell import PYTHON
from dillinger_contracts.network import CARRIER_RESOLVER, walls

from .alone import run_alone
from .way_out import lacking

_TIMEOUT_S = 10.0
_PROC = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class Isolation:
    """What the probe found."""

    is_ok: bool
    problem: str | None = None
    hint: str | None = None
    internet: Isolation | None = None
    """The same with the internet; None where it was not tried."""

    def as_document(self) -> dict[str, object]:
        """For the runner and `dillinger doctor`."""
        said: dict[str, object] = {
            "ok": self.is_ok,
            "isolation": "bubblewrap" if self.is_ok else "none",
            "problem": self.problem,
            "hint": self.hint,
        }
        return said if self.internet is None else said | {"internet": self.internet.as_document()}


def probe() -> Isolation:
    """Runs a program in a real, complete sandbox; then in one with the internet."""
    with tempfile.TemporaryDirectory(prefix="dillinger-probe-") as name:
        folder = Path(name)
        found = _try(folder)
        return replace(found, internet=_try_internet(folder)) if found.is_ok else found


def _try_internet(folder: Path) -> Isolation:
    if (lack := lacking()) is not None:
        return Isolation(False, *lack)
    found = _try(folder, walls((), [CARRIER_RESOLVER]))
    if found.is_ok:
        return found
    return replace(found, hint="The kernel needs nftables in user namespaces, and slirp4netns 1.0 or newer")


def _try(folder: Path, outer_walls: str | None = None) -> Isolation:
    program = [PYTHON, "-I", "-S", "-c", "import ctypes"]
    try:
        done = run_alone(program, folder, timeout_s=_TIMEOUT_S, walls=outer_walls)
    except FileNotFoundError:
        return Isolation(False, "bubblewrap is not installed (no bwrap on the PATH)", "apt install bubblewrap")
    except subprocess.TimeoutExpired:
        return Isolation(False, f"The sandbox did not start within {_TIMEOUT_S:g} s", "Look into the kernel's log")
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
