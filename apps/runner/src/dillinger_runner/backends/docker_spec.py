"""What the docker backend asks an engine for: a session's spec in, the configurations of its two containers out.

Pure, and tested by equality. The seat's container holds trusted code and the machine's network; the cell's holds the
game and nothing else: no network, no capability, a read-only system, one writable folder, limits. Both run as the same
unprivileged user. What they share is in the session's runtime folder, which the cell gets piece by piece and read-only.

Field names are those of the Docker Engine API, version 1.44 (`POST /containers/create`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from dillinger_contracts import SeatSpec, Unsupported
from dillinger_contracts.cell import (
    CONTAINER_CELL,
    CONTAINER_INIT,
    GAME,
    HOME,
    MADE_UP,
    PADS,
    PRELOAD,
    RUN_BYTES,
    RUNTIME,
    SEAT_RUNTIME,
    SESSION_PRELOAD,
    SOUND,
    X11_AUTH,
    X11_SOCKETS,
    RuntimeFolder,
    environment,
)
from dillinger_contracts.wine import RUNTIMES, RUNTIMES_FOLDER
from dillinger_runner.cgroups import DiskRate, Limits

Role = Literal["seat", "cell", "net"]
"""`net` holds the network namespace of a cell that has the internet."""
Config = dict[str, Any]

LABEL_INSTANCE = "io.dillinger.instance"
LABEL_SESSION = "io.dillinger.session"
LABEL_ROLE = "io.dillinger.role"
LABEL_SPEC = "io.dillinger.spec"
"""Digest of the configuration that the container was made from, but for what can be changed while it runs."""
LABEL_MEDIA_PORT = "io.dillinger.media-port"
"""Which UDP port a seat has published."""
LABEL_LAN = "io.dillinger.lan"
"""Which LAN a cell is in, or a network is."""

_LOG = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}}
_SEAT_SCRATCH_BYTES = 64 << 20
_OWN_SANDBOXES: Config = {
    "SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined", "apparmor=unconfined"],
    "MaskedPaths": ["/sys/firmware", "/sys/devices/virtual/powercap"],
    "ReadonlyPaths": [],
}
"""For games that make user namespaces: the engine's own filter and profile forbid them to all who lack capabilities,
and over a `/proc` with masks nobody may mount another. The cell's init loads Dillinger's own filter before anything
else runs. What the masks of `/proc` hide is root's to read and write, and the cell's user is not root; those of `/sys`,
where everybody may read some of it, stay."""
_OPEN_FILES = 16_384
_CPU_PERIOD_US = 100_000


@dataclass(frozen=True, slots=True)
class MountRule:
    """Where the engine finds a folder that the runner knows by another path: at `source`, a path of the engine's
    machine, or in the volume of that name."""

    path: str
    source: str
    is_volume: bool = False

    @classmethod
    def parse(cls, text: str) -> MountRule:
        """From `PATH=SOURCE` or `PATH=volume:NAME`; raises ValueError."""
        path, separator, source = text.partition("=")
        name = source.removeprefix("volume:")
        if not separator or not path.startswith("/") or not name or (name == source and not source.startswith("/")):
            raise ValueError(f"{text!r} is not PATH=/PATH/OF/THE/ENGINE or PATH=volume:NAME")
        return cls(path.rstrip("/"), name, is_volume=name != source)


@dataclass(frozen=True, slots=True)
class Gpu:
    """How cells get a graphics card: an NVIDIA one by device request, render nodes by path, or a CDI device by name."""

    kind: Literal["nvidia", "dri", "cdi"]
    name: str = ""
    groups: tuple[int, ...] = ()
    """Groups that own the render nodes."""


@dataclass(frozen=True, slots=True)
class Premises:
    """What all sessions of a runner have in common."""

    instance: str
    """Names the runner: containers of others are left alone."""
    user: str
    """`UID:GID` of both halves, never root."""
    seat_image: str
    cell_images: dict[str, str]
    """Kind of launch → image."""
    seat_limits: Limits
    seat_network: str = "host"
    rules: tuple[MountRule, ...] = ()
    gpu: Gpu | None = None
    disk_rate: DiskRate | None = None
    """Of each cell."""


def container_name(session_id: str, role: Role) -> str:
    """One session has one container of a role, on one engine."""
    return f"dillinger-{session_id}-{role}"


def seat_config(spec: SeatSpec, premises: Premises, *, has_runtimes: bool = False) -> Config:
    """The seat's container; `has_runtimes` is whether the library has a folder of runtimes (Proton)."""
    library = PurePosixPath(spec.library_dir)
    shown = [library / spec.session.game.game_id, *([library / RUNTIMES_FOLDER] if has_runtimes else [])]
    mounts = [
        bind_of(premises, spec.session_dir, spec.session_dir, is_read_only=False),
        bind_of(premises, spec.runtime_dir, spec.runtime_dir, is_read_only=False),
        bind_of(premises, spec.saves_dir, spec.saves_dir),
        *([bind_of(premises, spec.layer_dir, spec.layer_dir)] if spec.layer_dir else []),
        *(bind_of(premises, str(folder), str(folder)) for folder in shown),
    ]
    host = _seat_host(premises, mounts)
    media = spec.media.ports if spec.media.is_behind_nat else None
    config: Config = {
        "Image": premises.seat_image,
        "User": premises.user,
        "WorkingDir": "/",
        "Cmd": ["--dir", spec.session_dir, "--log", f"{spec.session_dir}/seat.log"],
        "StopSignal": "SIGTERM",
        "HostConfig": host,
    }
    return _published(config, spec.session.session_id, premises, None if media is None else media.first)


def waiting_config(seat_id: str, runtime_dir: str, premises: Premises, *, media_port: int | None = None) -> Config:
    """The container of a seat that waits: as any seat's, but that of the machine it sees its runtime folder alone."""
    config: Config = {
        "Image": premises.seat_image,
        "User": premises.user,
        "WorkingDir": "/",
        "Cmd": ["--await", SEAT_RUNTIME, "--log", f"{SEAT_RUNTIME}/seat.log"],
        "StopSignal": "SIGTERM",
        "HostConfig": _seat_host(premises, [bind_of(premises, runtime_dir, SEAT_RUNTIME, is_read_only=False)]),
    }
    return _published(config, seat_id, premises, media_port)


def _published(config: Config, seat_id: str, premises: Premises, port: int | None) -> Config:
    """The seat's container, with this UDP port of the machine's."""
    if port is None:
        return _labelled(config, seat_id, premises, "seat")
    bindings = {"PortBindings": {f"{port}/udp": [{"HostPort": str(port)}]}}
    config |= {"ExposedPorts": {f"{port}/udp": {}}, "HostConfig": config["HostConfig"] | bindings}
    return _labelled(config, seat_id, premises, "seat", {LABEL_MEDIA_PORT: str(port)})


def _seat_host(premises: Premises, mounts: list[Config]) -> Config:
    return locked(premises.seat_limits) | {
        "NetworkMode": premises.seat_network,
        "SecurityOpt": ["no-new-privileges:true"],
        "Mounts": mounts,
        "Tmpfs": {"/tmp": f"rw,nosuid,nodev,noexec,size={_SEAT_SCRATCH_BYTES},mode=1777"},  # noqa: S108
    }


def cell_config(
    spec: SeatSpec,
    premises: Premises,
    *,
    has_runtimes: bool = False,
    game: Config | None = None,
    network: str = "none",
    lan: str | None = None,
) -> Config:
    """The cell's container; what it mounts is there once the seat awaits its init. `game` is the mount of the game's
    folder where it is not the library's, read-only; `network` is Docker's mode. Raises Unsupported."""
    runtime = PurePosixPath(spec.runtime_dir)
    resources = spec.session.resources
    shared = {
        # A compositor makes the sockets of its X server itself.
        **({} if spec.session.game.display.desktop == "wayland" else {RuntimeFolder.X11: X11_SOCKETS}),
        RuntimeFolder.SOUND: SOUND,
        RuntimeFolder.AUTH: X11_AUTH,
        RuntimeFolder.PADS: PADS,
        RuntimeFolder.CELL: CONTAINER_CELL,
        **{f"{RuntimeFolder.ETC}/{name}": f"/etc/{name}" for name in MADE_UP.values()},
    }
    library = PurePosixPath(spec.library_dir)
    mounts = [bind_of(premises, str(runtime / name), target) for name, target in shared.items()]
    mounts += [
        bind_of(premises, f"{spec.session_dir}/{SESSION_PRELOAD}", PRELOAD),
        game or bind_of(premises, str(library / spec.session.game.game_id), GAME),
        *([bind_of(premises, str(library / RUNTIMES_FOLDER), RUNTIMES)] if has_runtimes else []),
        bind_of(premises, spec.saves_dir, HOME, is_read_only=False),
    ]
    uid, _, gid = premises.user.partition(":")
    scratch = f"rw,exec,nosuid,nodev,size={resources.scratch_bytes},mode=1777"
    run_bytes = min(resources.scratch_bytes, RUN_BYTES)
    host = locked(Limits.of(resources)) | {
        "NetworkMode": network,
        "SecurityOpt": ["no-new-privileges:true"],
        "Mounts": mounts,
        "ShmSize": resources.scratch_bytes,
        "Tmpfs": {
            "/tmp": scratch,  # noqa: S108 - the cell's own
            "/var/tmp": scratch,  # noqa: S108
            RUNTIME: f"rw,nosuid,nodev,size={run_bytes},mode=0700,uid={uid},gid={gid}",
        },
        **_disk(premises.disk_rate),
        **_graphics(premises.gpu if spec.has_graphics_card else None),
    }
    if spec.session.game.user_namespaces:
        host |= _OWN_SANDBOXES
    config: Config = {
        "Image": _cell_image(spec, premises),
        "User": premises.user,
        "WorkingDir": "/",
        **({} if network.startswith("container:") else {"Hostname": "cell"}),
        "Entrypoint": list(CONTAINER_INIT),
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in environment().items()],
        "HostConfig": host,
    }
    return _labelled(config, spec.session.session_id, premises, "cell", {} if lan is None else {LABEL_LAN: lan})


def graphics_check_config(premises: Premises, gpu: Gpu) -> Config:
    """A container that ends with 0 if what games would get is a card that their user can open."""
    nodes = "/dev/dri/renderD* /dev/nvidia[0-9]* /dev/kfd"
    script = f'for node in {nodes}; do [ -r "$node" ] && [ -w "$node" ] && exit 0; done; exit 1'
    host = locked(Limits(64 << 20, 1.0, 16)) | {
        "NetworkMode": "none",
        "SecurityOpt": ["no-new-privileges:true"],
        **_graphics(gpu),
    }
    return {
        "Image": premises.cell_images["native"],
        "User": premises.user,
        "Entrypoint": ["/bin/sh", "-c", script],
        "Cmd": [],
        "HostConfig": host,
        "Labels": {LABEL_INSTANCE: premises.instance},
    }


def look_config(premises: Premises, script: str) -> Config:
    """A container that sees the machine's network, with no right there, and prints what `script` does."""
    host = locked(Limits(64 << 20, 1.0, 16)) | {"NetworkMode": "host", "SecurityOpt": ["no-new-privileges:true"]}
    return {
        "Image": premises.seat_image,
        "User": premises.user,
        "Entrypoint": ["/bin/sh", "-c", script],
        "Cmd": [],
        "HostConfig": host,
        "Labels": {LABEL_INSTANCE: premises.instance},
    }


def _cell_image(spec: SeatSpec, premises: Premises) -> str:
    kind = spec.session.game.launch.kind
    if kind not in premises.cell_images:
        raise Unsupported(f"There is no image for {kind} games", hint="Name one in docker_cell_images")
    return premises.cell_images[kind]


def bounds(limits: Limits) -> Config:
    """What the engine can also change while the container runs (`POST /containers/ID/update`)."""
    return {
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes + limits.swap_bytes,
        "CpuPeriod": _CPU_PERIOD_US,  # NanoCpus are refused beyond the machine's number
        "CpuQuota": max(1000, round(limits.cpu_cores * _CPU_PERIOD_US)),
        "PidsLimit": limits.pids,
        **({} if limits.disk_weight is None else {"BlkioWeight": limits.disk_weight}),
    }


_CHANGEABLE = bounds(Limits(0, 0.0, 0, disk_weight=0)).keys()


def locked(limits: Limits) -> Config:
    """What holds for every container."""
    return {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "Privileged": False,
        "IpcMode": "private",
        "Init": False,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": _LOG,
        **bounds(limits),
        "Ulimits": [
            {"Name": "nofile", "Soft": _OPEN_FILES, "Hard": _OPEN_FILES},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
    }


def _disk(rate: DiskRate | None) -> Config:
    if rate is None:
        return {}
    bound = [{"Path": rate.node, "Rate": rate.bytes_per_s}]
    return {"BlkioDeviceReadBps": bound, "BlkioDeviceWriteBps": bound}


def _graphics(gpu: Gpu | None) -> Config:
    match gpu:
        case None:
            return {}
        case Gpu(kind="nvidia"):
            capabilities = [["gpu", "graphics", "video", "utility", "compute"]]
            return {"DeviceRequests": [{"Driver": "nvidia", "Count": -1, "Capabilities": capabilities}]}
        case Gpu(kind="cdi", name=name):
            return {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": [name]}]}
        case Gpu(groups=groups):
            device = {"PathOnHost": "/dev/dri", "PathInContainer": "/dev/dri", "CgroupPermissions": "rw"}
            return {"Devices": [device], "GroupAdd": [str(group) for group in groups]}


def _labelled(
    config: Config, session_id: str, premises: Premises, role: Role, more: Mapping[str, str] | None = None
) -> Config:
    lasting = {name: value for name, value in config["HostConfig"].items() if name not in _CHANGEABLE}
    text = json.dumps(config | {"HostConfig": lasting}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    labels = {
        LABEL_INSTANCE: premises.instance,
        LABEL_SESSION: session_id,
        LABEL_ROLE: role,
        LABEL_SPEC: digest,
    }
    return config | {"Labels": labels | dict(more or {})}


def bind_of(premises: Premises, path: str, target: str, *, is_read_only: bool = True) -> Config:
    """A bind of `path`, as the engine's machine knows it, or a part of a volume."""
    rules = [rule for rule in premises.rules if PurePosixPath(path).is_relative_to(rule.path)]
    mount: Config = {"Target": target, "ReadOnly": is_read_only}
    if not rules:
        return mount | {"Type": "bind", "Source": path, "BindOptions": {"Propagation": "rprivate"}}
    rule = max(rules, key=lambda rule: len(rule.path))
    rest = str(PurePosixPath(path).relative_to(rule.path))
    if rule.is_volume:
        return mount | {
            "Type": "volume",
            "Source": rule.source,
            "VolumeOptions": {"NoCopy": True, "Subpath": "" if rest == "." else rest},
        }
    source = str(PurePosixPath(rule.source) / rest)
    return mount | {"Type": "bind", "Source": source, "BindOptions": {"Propagation": "rprivate"}}
