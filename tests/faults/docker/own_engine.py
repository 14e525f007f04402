"""A container engine of the tests' own, which they may end and kill: the one that `DOCKER_HOST` names is only lent.

A dockerd with a containerd beside it, as packages run them, so that the one may go while the other stays. Only root may
start them, and tests run as anybody: each is a container of the lent engine's that holds nothing back and is among the
machine's own files. All of it is below one short folder, but for a bridge that is made for it: told to do without one,
dockerd would take `docker0` away, which is the lent engine's. It sets no rule and no switch of the machine's. Blocking.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import aiodocker
import psutil
import pytest
from tests import container_engine

from dillinger_bench.ledger import family
from dillinger_bench.waiting import wait_until
from dillinger_contracts import DillingerError, Unavailable
from dillinger_runner.backends.docker_engine import Engine

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 90.0
"""An engine gives containers a while to end by themselves."""
Part = Literal["containerd", "dockerd"]
_IMAGE = "seat"
"""Of the lent engine's containers; no program of it but `nsenter` is run."""
_PEER = struct.Struct("=3i")
_BRIDGE_ADDRESS = "169.254.77.1/30"
"""Of no network; the engine wants one, and no container gets a part of it."""
_CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "{folder}/c"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]

[grpc]
address = "{folder}/c.sock"
"""
_SAME_MACHINE = """
if [ "$(readlink "/proc/$1/ns/mnt")" = "$2" ]; then echo yes; fi
"""
_FIND = """
engine=$(readlink "/proc/$2/exe" || :)
case $engine in
*/dockerd) PATH=$1:${engine%/*}:$(tr '\\0' '\\n' <"/proc/$2/environ" | sed -n 's/^PATH=//p') ;;
*) PATH=$1 ;;
esac
echo "$PATH"
for name in dockerd containerd containerd-shim-runc-v2 runc ip; do command -v "$name" || echo "no $name"; done
"""
"""`PATH` to begin with, and the lent engine's process, which may find programs elsewhere."""
_LAY_BRIDGE = 'ip link add "$1" type bridge && ip address add "$2" dev "$1"'
_KILL = 'for pid; do kill -KILL "$pid" || :; done'
_REMOVE = """
folder=$1 bridge=$2
shift 2
for place; do umount "$place" || :; done
ip link delete "$bridge"
rm -rf --one-file-system "$folder"
"""


@dataclass(frozen=True, slots=True)
class Programs:
    """What an engine is made of."""

    dockerd: str
    containerd: str
    path: str
    """`PATH` for all."""


def require() -> Programs:
    """Skips where none can be started."""
    container_engine.require()
    if not container_engine.HOST.startswith("unix://"):
        pytest.skip("no second container engine: the lent one may be on another machine")
    look = ["/bin/sh", "-c", _SAME_MACHINE, "sh", str(os.getpid()), str(Path("/proc/self/ns/mnt").readlink())]
    if container_engine.run_without_walls(look, image_name=_IMAGE).strip() != "yes":
        pytest.skip("no second container engine: the lent one does not see this process's files")
    path = os.environ.get("PATH", os.defpath)
    path, *found = _as_root(path, _FIND, path, str(_peer(container_engine.HOST))).splitlines()
    if lacking := [line.removeprefix("no ") for line in found if line.startswith("no ")]:
        pytest.skip(f"no second container engine: {', '.join(lacking)} can't be found")
    return Programs(found[0], found[1], path)


def _peer(host: str) -> int:
    """The process that listens there."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(host.removeprefix("unix://"))
        return int(_PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0])


def _in_machine(path: str, *argv: str) -> list[str]:
    """What a container without walls has to run to become this program, among the files and mounts that we see."""
    enter = ["/usr/bin/nsenter", "--target", str(os.getpid()), "--mount", "--"]
    return [*enter, "/usr/bin/env", "-i", f"PATH={path}", *argv]


def _as_root(path: str, script: str, *arguments: str) -> str:
    """What a shell of root's says."""
    command = _in_machine(path, "/bin/sh", "-eu", "-c", script, "sh", *arguments)
    return container_engine.run_without_walls(command, image_name=_IMAGE)


class OwnEngine:
    """One engine below `folder`, not started yet; containers of it may outlive its dockerd, and end with `close`."""

    def __init__(self, programs: Programs, folder: Path) -> None:
        self.folder = folder
        self.host = f"unix://{folder}/docker.sock"
        self._programs = programs
        self._bridge = f"dl{os.getpid()}"
        (folder / "daemon.json").write_text("{}")  # else the machine's own counts
        (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder))
        _as_root(programs.path, _LAY_BRIDGE, self._bridge, _BRIDGE_ADDRESS)
        self._spawn("containerd", programs.containerd, "--config", str(folder / "containerd.toml"))

    def start(self, *, live_restore: bool = False) -> None:
        """Returns when it answers; nothing happens where it runs. With `live_restore` containers outlive its end."""
        if self._runs("dockerd"):
            return
        folder = self.folder
        wait_until((folder / "c.sock").exists, START_TIMEOUT_S, "containerd's socket")
        self._spawn(
            "dockerd", self._programs.dockerd, "--config-file", f"{folder}/daemon.json", "--host", self.host,
            "--containerd", f"{folder}/c.sock", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec",
            "--pidfile", f"{folder}/docker.pid", "--bridge", self._bridge, "--iptables=false", "--ip6tables=false",
            "--ip-forward=false", "--group", str(os.getgid()), *(["--live-restore"] if live_restore else []),
        )  # fmt: skip
        wait_until(self._answers, START_TIMEOUT_S, "the engine answers")

    def _spawn(self, part: Part, *argv: str) -> None:
        # A number that a killed engine left in its file may be another process's by now.
        forget = 'rm -f "$1/docker.pid"; shift; exec "$@"'
        command = _in_machine(
            self._programs.path, f"HOME={self.folder}", "/bin/sh", "-c", forget, "sh", str(self.folder), *argv
        )
        config = container_engine.without_walls(command, image_name=_IMAGE)

        async def begin(engine: Engine) -> None:
            await engine.remove(_name(part))
            await engine.create(_name(part), config)
            await engine.start(_name(part))

        container_engine.asked(begin)

    def _runs(self, part: Part) -> bool:
        found = container_engine.asked(lambda engine: engine.inspect(_name(part)))
        return found is not None and found.is_running

    def _answers(self) -> bool:
        try:
            container_engine.asked(lambda engine: engine.version(), host=self.host)
        except DillingerError:
            if self._runs("dockerd"):
                return False
            said = container_engine.asked(lambda engine: engine.said(_name("dockerd"), lines=10))
            raise Unavailable(f"dockerd ended: {said}") from None
        return True

    def end(self, number: signal.Signals, *, part: Part = "dockerd") -> None:
        """Signals it and returns when it has ended: by SIGTERM as when stopped, SIGKILL as in a crash."""
        assert self._runs(part)
        container_engine.asked(lambda engine: engine.signal(_name(part), number.name))
        try:
            wait_until(lambda: not self._runs(part), STOP_TIMEOUT_S, f"the end of {part}")
        finally:
            container_engine.asked(lambda engine: engine.remove(_name(part)))

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
            if self._runs("dockerd"):
                self.end(signal.SIGTERM)
        finally:
            path = self._programs.path
            if left := family(self.shims()):
                _as_root(path, _KILL, *(str(process.pid) for process in left))
            if self._runs("containerd"):
                self.end(signal.SIGTERM, part="containerd")
            _as_root(path, _REMOVE, str(self.folder), self._bridge, *reversed(self.mounts()))

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


def _name(part: Part) -> str:
    return f"dillinger-test-{os.getpid()}-{part}"
