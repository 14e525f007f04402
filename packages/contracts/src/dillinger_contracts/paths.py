"""Where Dillinger keeps things, for every app the same: a pure function of the environment and the user.

`DILLINGER_STATE_DIR`, `DILLINGER_RUNTIME_DIR` and `DILLINGER_CONFIG` name the places; without them root and services
get the system's, and a person gets those of the XDG base directory specification.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The three places of an installation."""

    state_dir: Path
    """What stays: database, library, saves, sessions."""
    runtime_dir: Path
    """Sockets; short paths, since a unix socket's may have 107 bytes only."""
    config_file: Path
    """The settings file; it need not exist."""


def places(environment: Mapping[str, str] | None = None, *, uid: int | None = None) -> Places:
    """The places for this user and environment (the process's own where none is given)."""
    env = os.environ if environment is None else environment
    user = os.getuid() if uid is None else uid
    home = Path(env.get("HOME") or "/")
    if user == 0:
        state, runtime = Path("/var/lib/dillinger"), Path("/run/dillinger")
        config = Path("/etc/dillinger/dillinger.toml")
    else:
        state = Path(env.get("XDG_DATA_HOME") or home / ".local/share") / "dillinger"
        xdg_runtime = env.get("XDG_RUNTIME_DIR")
        runtime = Path(xdg_runtime) / "dillinger" if xdg_runtime else Path(f"/tmp/dillinger-{user}")  # noqa: S108
        config = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "dillinger/dillinger.toml"
    return Places(
        state_dir=Path(env.get("DILLINGER_STATE_DIR") or state),
        runtime_dir=Path(env.get("DILLINGER_RUNTIME_DIR") or runtime),
        config_file=Path(env.get("DILLINGER_CONFIG") or config),
    )
