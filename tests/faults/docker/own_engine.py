"""A container engine of the tests' own, which they may end and kill: the one that `DOCKER_HOST` names is only lent.

A dockerd with a containerd beside it, as packages run them, so that the one may go while the other stays. All of it is
below one short folder, but for a bridge that is made for it: told to do without one, dockerd would take `docker0` away,
which is the lent engine's. It sets no rule and no switch of the machine's. Root only; blocking.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aiodocker
import psutil
import pytest
from tests import container_engine

from dillinger_bench.ledger import family
from dillinger_bench.waiting import wait_until
from dillinger_contracts import DillingerError, Unavailable

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 90.0
"""An engine gives containers a while to end by themselves."""
_PEER = struct.Struct("=3i")
_NEEDED = ("dockerd", "containerd", "containerd-shim-runc-v2", "runc", "ip")
_BRIDGE_ADDRESS = "169.254.77.1/30"
"""Of no network; the engine wants one, and no container gets a part of it."""
_CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{folder}/c"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]

[grpc]
address = "{folder}/c.sock"
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """What an engine is made of."""

    dockerd: str
    containerd: str
    ip: str
    path: str
    """`PATH` for all."""


def require() -> Programs:
    """Skips where none can be started."""
    container_engine.require()
    if os.getuid() != 0:
        pytest.skip("no second container engine: only root may start one")
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_path_behind(container_engine.HOST)])
    found = {name: shutil.which(name, path=path) for name in _NEEDED}
    if lacking := [name for name, program in found.items() if program is None]:
        pytest.skip(f"no second container engine: {', '.join(lacking)} can't be found")
    return Programs(str(found["dockerd"]), str(found["containerd"]), str(found["ip"]), path)


def _path_behind(host: str) -> list[str]:
    """Where the lent engine's process finds programs, itself among them; nothing where it is not seen from here."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(host.removeprefix("unix://"))
        pid, _, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
        process = Path(f"/proc/{pid}")
        program = process.joinpath("exe").readlink()
        variables = process.joinpath("environ").read_text("utf-8", "replace").split("\0")
        own = [text.removeprefix("PATH=") for text in variables if text.startswith("PATH=")]
        return [str(program.parent), *own] if program.name == "dockerd" else []
    return []


class OwnEngine:
    """One engine below `folder`, not started yet; containers of it may outlive its dockerd, and end with `close`."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self._programs = programs
        self._bridge = f"dl{os.getpid()}"
        self._dockerd: subprocess.Popen[bytes] | None = None
        (folder / "daemon.json").write_text("{}")  # else the machine's own counts
        (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder))
        self._ip("link", "add", self._bridge, "type", "bridge")
        self._ip("address", "add", _BRIDGE_ADDRESS, "dev", self._bridge)
        self._containerd = self._spawn("containerd", programs.containerd, "--config", str(folder / "containerd.toml"))

    def _spawn(self, name: str, *argv: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                argv, env={"PATH": self._programs.path, "HOME": str(self.folder)}, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _ip(self, *words: str) -> None:
        subprocess.run([self._programs.ip, *words], check=True, capture_output=True)

    def start(self, *, live_restore: bool = False) -> None:
        """Returns when it answers; nothing happens where it runs. With `live_restore` containers outlive its end."""
        if self._dockerd is not None:
            return
        folder = self.folder
        (folder / "docker.pid").unlink(missing_ok=True)  # of one that was killed: its number may be another's by now
        wait_until((folder / "c.sock").exists, START_TIMEOUT_S, "containerd's socket")
        self._dockerd = self._spawn(
            "dockerd", self._programs.dockerd, "--config-file", f"{folder}/daemon.json", "--host", self.host,
            "--containerd", f"{folder}/c.sock", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec",
            "--pidfile", f"{folder}/docker.pid", "--bridge", self._bridge, "--iptables=false", "--ip6tables=false",
            "--ip-forward=false", *(["--live-restore"] if live_restore else []),
        )  # fmt: skip
        wait_until(self._answers, START_TIMEOUT_S, "the engine answers")

    def _answers(self) -> bool:
        assert self._dockerd is not None
        if self._dockerd.poll() is not None:
            said = (self.folder / "dockerd.log").read_text("utf-8", "replace").splitlines()[-10:]
            raise Unavailable(f"dockerd ended with code {self._dockerd.returncode}: {said}")
        try:
            container_engine.asked(lambda engine: engine.version(), host=self.host)
        except DillingerError:
            return False
        return True

    def end(self, number: signal.Signals) -> None:
        """Signals dockerd and returns when it has ended: by SIGTERM as when stopped, SIGKILL as in a crash."""
        process, self._dockerd = self._dockerd, None
        assert process is not None, "it runs"
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Unavailable(f"dockerd did not end within {STOP_TIMEOUT_S:g} s") from None

    def bring(self, images: Sequence[str]) -> None:
        """Has these images of the lent engine too."""

        async def carry() -> None:
            async with (
                aiodocker.Docker(url=container_engine.HOST) as lent,
                aiodocker.Docker(url=self.host) as own,
            ):
                for name in images:
                    async with lent.images.export_image(name) as archive:
                        await own.images.import_image(archive)

        with ThreadPoolExecutor(1) as thread:  # a test's own loop may be running in this one
            thread.submit(lambda: asyncio.run(carry())).result()

    def close(self) -> None:
        """For good: nothing of it runs, is mounted or lies about."""
        try:
            if self._dockerd is not None:
                self.end(signal.SIGTERM)
        finally:
            for process in family(self.shims()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._containerd.terminate()
            self._containerd.wait(STOP_TIMEOUT_S)
            for place in reversed(self.mounts()):
                subprocess.run(["umount", place], check=False, capture_output=True)
            self._ip("link", "delete", self._bridge)
            shutil.rmtree(self.folder)

    def shims(self) -> list[int]:
        """Processes of containerd's that hold a container each."""
        return [
            process.pid
            for process in psutil.process_iter(["name", "cmdline"])
            if (process.info["name"] or "").startswith("containerd-shim")
            and f"{self.folder}/c.sock" in (process.info["cmdline"] or ())
        ]

    def mounts(self) -> list[str]:
        """What is mounted below its folder, in order."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return [line.split()[4] for line in lines if line.split()[4].startswith(f"{self.folder}/")]
