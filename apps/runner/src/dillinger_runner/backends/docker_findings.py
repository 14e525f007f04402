"""What an engine's own words say of it: whether it is one that can be used, what it limits, and as whom it would run.

Pure: the answers of `GET /version` and `GET /info` in, findings for `doctor` out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dillinger_contracts import Game, Unsupported
from dillinger_runner.cgroups import DiskRate

from .base import Finding
from .docker_spec import Config, MountRule

LEAST_API = (1, 44)
LEAST_PODMAN = (4, 3)
_DISK_HINT = "A kernel with blk-throttle (CONFIG_BLK_DEV_THROTTLING), or cell_disk_bytes_per_s = 0"


def is_podman(version: Mapping[str, Any]) -> bool:
    """Whether Podman answers in Docker's words, by `GET /version`."""
    return any(part.get("Name") == "Podman Engine" for part in version.get("Components") or ())


def engine_finding(version: Mapping[str, Any]) -> Finding:
    """Whether this engine can be used, by `GET /version`."""
    said = str(version.get("ApiVersion", "0.0"))
    if is_podman(version):
        return _podman_finding(str(version.get("Version", "0.0")))
    name = f"{version.get('Version')}, API {said}"
    if _numbers(said) < LEAST_API:
        least = ".".join(map(str, LEAST_API))
        return Finding("engine", False, f"the engine is {name}; {least} is needed", "Install Docker 25 or newer")
    return Finding("engine", True, f"games run in containers ({name})")


def limits_finding(info: Mapping[str, Any]) -> Finding:
    """What it can limit, by `GET /info`."""
    wanted = {"MemoryLimit": "memory", "CpuCfsQuota": "CPU", "PidsLimit": "pids"}
    lacking = [word for key, word in wanted.items() if not info.get(key)]
    if lacking:
        hint = "Give the engine cgroups for them"
        return Finding("limits", False, f"the engine can't limit {', '.join(lacking)}", hint)
    swap = "" if info.get("SwapLimit") else "; swap is not limited"
    return Finding("limits", True, f"memory, CPU and pids are limited by cgroups version {info['CgroupVersion']}{swap}")


def disk_finding(info: Mapping[str, Any], rate: DiskRate) -> Finding:
    """Whether it bounds what a game reads from a disk and writes to it, by `GET /info`: it takes any wish."""
    warnings: Sequence[str] = info.get("Warnings") or ()
    lacking = [words for words in warnings if re.search(r"(read|write)_bps_device|\([rw]bps\)", words)]
    version = str(info.get("CgroupVersion"))
    if lacking:
        return Finding("disk", False, f"the engine can't bound {rate.node}: {lacking[0]}", _DISK_HINT, False)
    tried = "" if version == "1" else " (unverified)"
    detail = f"each game has {rate.bytes_per_s} bytes a second of {rate.node}, by cgroups version {version}{tried}"
    return Finding("disk", True, detail, None, False)


def user_finding(user: str) -> Finding:
    """Whether containers would run as somebody who may be theirs."""
    if user.split(":")[0] == "0":
        return Finding(
            "user", False, "containers would run as root", "Run Dillinger as another user, or set docker_user"
        )
    return Finding("user", True, f"containers run as {user}")


def _podman_finding(version: str) -> Finding:
    """Podman's version of the API is older than what it does, so its own version counts."""
    if _numbers(version) < LEAST_PODMAN:
        least = ".".join(map(str, LEAST_PODMAN))
        return Finding(
            "engine", False, f"the engine is Podman {version}; {least} is needed", "Install Docker 25 or newer"
        )
    detail = f"games run in containers (Podman {version}: best effort, tried by hand; no game gets a network)"
    return Finding("engine", True, detail)


def mounts_finding(version: Mapping[str, Any], rules: Sequence[MountRule]) -> Finding | None:
    """Podman overlooks which part of a volume is asked for and mounts all of it: everybody's saves, into a cell."""
    volumes = [rule.source for rule in rules if rule.is_volume]
    if not volumes or not is_podman(version):
        return None
    return Finding(
        "mounts", False, f"Podman can't mount a part of a volume ({', '.join(volumes)})", "Use folders in docker_mounts"
    )


def refuse_on_podman(game: Game) -> None:
    """Raises Unsupported for what Podman takes and does not do: its networks keep no game from the machine."""
    if game.network.kind != "none":
        raise Unsupported(
            f"{game.title} wants a network, and Podman can't keep a game with one from this machine",
            hint="Use Docker, or give the game no network",
        )


def in_podmans_words(config: Config) -> Config:
    """A container's configuration as Podman takes it: a tmpfs is the user's by `U` there, and has no `uid=`."""
    host = config["HostConfig"]
    tmpfs = {path: re.sub(r",uid=\d+,gid=\d+", ",U", options) for path, options in host.get("Tmpfs", {}).items()}
    return config | {"HostConfig": host | {"Tmpfs": tmpfs}}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
