"""Which graphics card the games of this machine get, from a setting's word."""

from __future__ import annotations

from pathlib import Path

from .docker_spec import Gpu


def find_gpu(setting: str, *, nodes: Path = Path("/dev/dri")) -> Gpu | None:
    """`none`, `nvidia`, `dri` with the groups that own the render nodes, or a CDI device."""
    match setting:
        case "none":
            return None
        case "nvidia":
            return Gpu("nvidia")
        case "dri":
            groups = {node.stat().st_gid for node in nodes.glob("renderD*")}
            return Gpu("dri", groups=tuple(sorted(groups - {0})))
        case _:
            return Gpu("cdi", setting)
