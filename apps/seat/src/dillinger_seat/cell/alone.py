"""One command in a complete sandbox of its own, without a session: for probes, and for what is made once. Blocking."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import sandbox
from .memfile import memory_file
from .paths import INIT_FILE, kernel_secrets, preload_binds
from .seccomp import filter_program
from .way_out import WayOut

SCRATCH_BYTES = 64 * 1024 * 1024


def run_alone(
    command: list[str],
    folder: Path,
    *,
    timeout_s: float,
    environ: Mapping[str, str] | None = None,
    runs_32_bit: bool = False,
    walls: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `command`; `folder/saves` is the player's home. With `walls` it has the internet. Raises FileNotFoundError
    without bubblewrap, and TimeoutExpired."""
    for name in ("game", "saves", "x11", "sound", "pads"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "auth").touch()
    spec = sandbox.SandboxSpec(
        game_dir=str(folder / "game"),
        saves_dir=str(folder / "saves"),
        x11_dir=str(folder / "x11"),
        sound_dir=str(folder / "sound"),
        auth_file=str(folder / "auth"),
        pads_dir=str(folder / "pads"),
        preload=preload_binds(),
        init_file=str(INIT_FILE),
        scratch_bytes=SCRATCH_BYTES,
        machine_id="0" * 32,
        secrets=kernel_secrets(),
        is_online=walls is not None,
    )
    program = filter_program(os.uname().machine, runs_32_bit=runs_32_bit)
    data = {name: memory_file(name, text) for name, text in sandbox.contents(spec, program).items()}
    fds = sandbox.DataFds(**{name: file.fileno() for name, file in data.items()})
    way_out = WayOut(walls)
    try:
        return subprocess.run(
            way_out.over(sandbox.sandbox_argv(spec, fds, command, environ=environ)),
            pass_fds=(*way_out.inherited, *(file.fileno() for file in data.values())),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    finally:
        way_out.close()
        for file in data.values():
            file.close()
