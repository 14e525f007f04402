"""Where on this machine a runner may make groups, found by doing it: a trial group, limits, and a process that joins.

Version 1: `<mount>/dillinger/<instance>` in every controller's hierarchy. Version 2: `/dillinger/<instance>`, or
below the scope that systemd delegated to us (`Delegate=yes`), whose processes move to the leaf `main` first, since in
version 2 a group that hands controllers down holds no processes. The instance keeps two runners on one machine out of
each other's groups.
"""

from __future__ import annotations

import os
import secrets
import string
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .dialect import V1, V2, Limits
from .tree import CgroupTree, enable_controllers

DEFAULT_BASE = "/dillinger"
_LEAF = "main"
_TRIAL_LIMITS = Limits(memory_bytes=64 * 1024 * 1024, cpu_cores=1, pids=16)
_HINT = (
    "Start Dillinger as root (it makes /sys/fs/cgroup/…/dillinger for its service user and drops root), "
    "or as a user under `systemd-run --user --scope -p Delegate=yes`"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A tree to use, if there is one, and what it can't limit."""

    tree: CgroupTree | None
    missing: Mapping[str, str] = field(default_factory=dict)
    """Controller → why it is not to be had."""
    hint: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether memory, CPU and pids are all limited."""
        return self.tree is not None and not self.missing


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted hierarchy."""

    path: Path
    version: int
    controllers: frozenset[str]


def find_tree(setting: str, *, instance: str, mounts_text: str | None = None) -> Found:
    """The tree for `setting` (`auto`, `none`, or a path below the mount points); blocks for some milliseconds."""
    if setting == "none":
        return Found(None, {"all": "switched off by the setting cgroup"}, "Set cgroup to auto")
    text = Path("/proc/self/mounts").read_text("utf-8") if mounts_text is None else mounts_text
    mounts = list(parse_mounts(text))
    by_controller = {name: mount for mount in mounts if mount.version == 1 for name in mount.controllers}
    if "memory" in by_controller:
        return _find_v1(by_controller, DEFAULT_BASE if setting == "auto" else setting, instance)
    unified = next((mount for mount in mounts if mount.version == 2), None)
    if unified is None:
        return Found(None, {"all": "no cgroup hierarchy is mounted"}, "Mount cgroup2 on /sys/fs/cgroup")
    return _find_v2(unified.path, setting, instance)


def parse_mounts(text: str) -> Iterator[Mount]:
    """The cgroup hierarchies in the text of `/proc/self/mounts` (fstab(5))."""
    for line in text.splitlines():
        _device, path, kind, options, *_rest = line.split(" ")
        if kind == "cgroup2":
            yield Mount(Path(path), 2, frozenset())
        elif kind == "cgroup":
            yield Mount(Path(path), 1, frozenset(options.split(",")) & frozenset(V1.controllers))


def _find_v1(mounts: Mapping[str, Mount], base: str, instance: str) -> Found:
    roots: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for controller in V1.controllers:
        if controller not in mounts:
            missing[controller] = "the kernel does not offer this controller"
            continue
        root = mounts[controller].path / base.strip("/") / instance
        fault = _try_base(root.parent) or _try_tree(CgroupTree(V1, {controller: root}))
        if fault is None:
            roots[controller] = root
        else:
            missing[controller] = fault
    lacking = {name: why for name, why in missing.items() if name in V1.required}
    return Found(CgroupTree(V1, roots) if roots else None, lacking, _HINT if lacking else None)


def _find_v2(mount: Path, setting: str, instance: str) -> Found:
    faults: list[str] = []
    for base in _bases_v2(mount, setting):
        root = base / instance
        fault = _prepare_v2(base) or _try_tree(CgroupTree(V2, {"unified": root}))
        if fault is None:
            return Found(CgroupTree(V2, {"unified": root}))
        faults.append(fault)
    return Found(None, {"all": "; ".join(faults) or "no cgroup is delegated to this user"}, _HINT)


def _bases_v2(mount: Path, setting: str) -> Iterator[Path]:
    if setting != "auto":
        yield mount / setting.strip("/")
        return
    own = mount / own_path_v2(Path("/proc/self/cgroup").read_text("ascii")).strip("/")
    if own.name == _LEAF and own.parent != mount:
        yield own.parent
    elif _is_delegated(own):
        yield own
    if os.access(mount, os.W_OK) or (mount / DEFAULT_BASE.strip("/")).is_dir():
        yield mount / DEFAULT_BASE.strip("/")


def own_path_v2(text: str) -> str:
    """Our own group in version 2, from the text of `/proc/self/cgroup` (cgroups(7))."""
    return next((line.removeprefix("0::") for line in text.splitlines() if line.startswith("0::")), "/")


def _is_delegated(directory: Path) -> bool:
    # systemd marks what it delegates (docs/CGROUP_DELEGATION.md); a terminal's own scope is writable too, but not ours
    try:
        return os.getxattr(directory, "user.delegate") == b"1"
    except OSError:
        return False


def _prepare_v2(base: Path) -> str | None:
    try:
        base.mkdir(exist_ok=True)
        _empty_into_leaf(base)
        enable_controllers(base, V2)
    except OSError as error:
        return f"{error.filename or base}: {error.strerror}"
    return None


def _empty_into_leaf(base: Path) -> None:
    procs = (base / "cgroup.procs").read_text("ascii").split()
    if not procs:
        return
    leaf = base / _LEAF
    leaf.mkdir(exist_ok=True)
    for pid in procs:
        try:
            (leaf / "cgroup.procs").write_text(pid, "ascii")
        except ProcessLookupError:
            continue


def _try_base(base: Path) -> str | None:
    try:
        base.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"{error.filename}: {error.strerror}"
    return None


def _try_tree(tree: CgroupTree) -> str | None:
    alphabet = string.ascii_lowercase + string.digits
    trial = "".join(secrets.choice(alphabet) for _ in range(20))
    try:
        tree.create(trial, seat=_TRIAL_LIMITS, cell=_TRIAL_LIMITS)
        procs = [str(path) for path in tree.procs_files(trial, "cell")]
        joined = subprocess.run(
            ["/bin/sh", "-c", 'for file; do echo 0 > "$file" || exit 1; done', "trial", *procs],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        if joined.returncode != 0:
            return f"a process can't join {procs[0]}: {joined.stderr.strip()}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{getattr(error, 'filename', None) or tree.roots}: {getattr(error, 'strerror', None) or error}"
    finally:
        tree.remove(trial)
    return None
