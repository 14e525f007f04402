"""A session of a desktop without a desktop: a bus, PipeWire with its session manager, and a screen in it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WAIT_S = 30.0
REGISTRY = Path.home() / ".cache/dillinger-tests/gstreamer.bin"
"""What GStreamer knows of its plugins: to look at all of them takes seconds, in each new home."""
SCREEN = Path(__file__).with_name("guests") / "screen.py"
_NUMBERS = itertools.count()
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""


class House:
    """What runs in it ends with it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dp-", dir="/tmp"))
        self.address = f"unix:path={self.folder}/bus"
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder),
            "DBUS_SESSION_BUS_ADDRESS": self.address, "GST_REGISTRY": str(REGISTRY),
        }  # fmt: skip
        REGISTRY.parent.mkdir(parents=True, exist_ok=True)
        self._processes: list[subprocess.Popen[Any]] = []
        self._log = (self.folder / "log").open("wb")

    def start(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        process = subprocess.Popen(
            command, env=self.environment, stderr=self._log, **({"stdin": subprocess.DEVNULL} | options)
        )
        self._processes.append(process)
        return process

    def start_bus(self) -> None:
        config = self.folder / "bus.conf"
        config.write_text(_BUS.format(path=self.folder / "bus"))
        bus = self.start(
            "dbus-daemon", "--config-file", str(config), "--nofork", "--nopidfile", "--print-address=1",
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert bus.stdout is not None and bus.stdout.readline(), self.said()

    def wait_for(self, found: Any, what: str) -> Any:
        """What `found` gives once that is something."""
        until = time.monotonic() + WAIT_S
        while not (it := found()):
            assert time.monotonic() < until, f"no {what}: {self.said()}"
            time.sleep(0.02)
        return it

    def said(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def close(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait(WAIT_S)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Screen:
    """A screen in PipeWire, of one colour."""

    def __init__(self, house: House, width: int = 640, height: int = 480) -> None:
        self._house = house
        self._name = f"test-screen-{next(_NUMBERS)}"
        self._process = house.start(
            "/usr/bin/python3", "-I", str(SCREEN), self._name, str(width), str(height), stdin=subprocess.PIPE
        )
        self.node_id: int = house.wait_for(self._find, "screen in PipeWire")

    def show(self, colour: int) -> None:
        """0xRRGGBB, from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{colour:06x}\n".encode())
        self._process.stdin.flush()

    def close(self) -> None:
        """As when it is unplugged."""
        self._process.kill()
        self._process.wait(WAIT_S)

    def _find(self) -> int | None:
        told = subprocess.run(
            ["pw-dump"], env=self._house.environment, capture_output=True, timeout=WAIT_S, check=False
        )
        for one in json.loads(told.stdout or b"[]"):
            if one.get("type") != "PipeWire:Interface:Node":
                continue
            if one["info"]["props"].get("node.name") == self._name and one["info"]["n-output-ports"]:
                return int(one["id"])
        return None


def start_pipewire(house: House) -> str:
    """Its socket's path."""
    house.start("pipewire", stdout=subprocess.DEVNULL)
    path = house.folder / "pipewire-0"
    house.wait_for(path.exists, "PipeWire")
    manager = house.folder / ".config/wireplumber"
    # Without a login manager its part for Bluetooth ends all of it.
    for part in ("bluetooth", "main"):
        (manager / f"{part}.lua.d").mkdir(parents=True)
    house.start("wireplumber", stdout=subprocess.DEVNULL)
    return str(path)


@contextlib.contextmanager
def open_house() -> Iterator[House]:
    house = House()
    try:
        house.start_bus()
        yield house
    finally:
        house.close()
