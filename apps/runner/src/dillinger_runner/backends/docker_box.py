"""One look at a container, taken out of an engine's own words. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .docker_spec import LABEL_ROLE, LABEL_SESSION
from .shown_network import Attachment

_NAME = re.compile(r"dillinger-([a-z0-9]{20})-(?:seat|cell)")


@dataclass(frozen=True, slots=True)
class Box:
    """One look at a container."""

    id: str
    status: str
    """created, running, paused, restarting, removing, exited, dead."""
    exit_code: int | None
    was_out_of_memory: bool
    pid: int
    labels: Mapping[str, str]
    name: str = ""
    network_mode: str = ""
    attachment: Attachment | None = None
    """To the network that its mode names; None where it has none of its own."""

    @property
    def is_running(self) -> bool:
        """Whether processes of it may run."""
        return self.status in ("running", "paused", "restarting")

    @property
    def session_id(self) -> str:
        """The session that it is of, by its name: labels stay as they were when a waiting seat is given away."""
        found = _NAME.fullmatch(self.name)
        return found[1] if found else self.labels.get(LABEL_SESSION, "")

    @property
    def role(self) -> str:
        """Seat or cell."""
        return self.labels.get(LABEL_ROLE, "")


def inspected(found: Mapping[str, Any]) -> Box:
    """From `GET /containers/NAME/json`."""
    state = found["State"]
    return Box(
        id=str(found["Id"]),
        status=str(state["Status"]),
        exit_code=None if state["Running"] else int(state["ExitCode"]),
        was_out_of_memory=bool(state.get("OOMKilled")),
        pid=int(state.get("Pid") or 0),
        labels=found["Config"].get("Labels") or {},
        name=str(found.get("Name", "")).removeprefix("/"),
        network_mode=str(found["HostConfig"].get("NetworkMode", "")),
        attachment=_attachment(found["NetworkSettings"].get("Networks") or {}),
    )


def _attachment(networks: Mapping[str, Mapping[str, Any]]) -> Attachment | None:
    for network in networks.values():
        if network.get("MacAddress"):
            return Attachment(str(network["NetworkID"]), str(network["MacAddress"]))
    return None


def listed(found: Mapping[str, Any]) -> Box:
    """From an entry of `GET /containers/json`."""
    labels: Mapping[str, str] = found.get("Labels") or {}
    name = next(iter(found.get("Names") or ()), "").removeprefix("/")
    return Box(str(found["Id"]), str(found.get("State", "")), None, False, 0, labels, name)
