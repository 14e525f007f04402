"""A real sway, and a program of Wayland alone on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from dillinger_stream import wayland

WAIT_S = 30.0
SWAY = os.environ.get("DILLINGER_TEST_SWAY", "sway")
"""Another than the machine's, for what only a newer one has."""
_PARTS = Path(wayland.__file__).parent
CARD = Path(__file__).with_name("guests") / "wayland_card.py"
_CONFIG = """
xwayland disable
output * mode --custom {size}@60Hz
default_border none
exec echo ready >/proc/self/fd/{fd}
"""


def install_card(folder: Path) -> Path:
    """The program and what it is made of, in `folder`."""
    for name in ("wire.py", "protocols.py"):
        shutil.copy(_PARTS / name, folder)
    return Path(shutil.copy(CARD, folder))


class Program:
    """What a program prints, line by line."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def saw(self, line: str) -> None:
        """Waits until the program has printed `line`."""
        with self._news:
            assert self._news.wait_for(lambda: line in self.lines, WAIT_S), f"{line!r} is not in {self.lines}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._thread.join(WAIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Compositor:
    """One sway, as another user than root, which it refuses to be."""

    def __init__(self, size: str = "640x480") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dsway-", dir="/tmp"))
        self._programs: list[Program] = []
        reading, writing = os.pipe()
        config = self.folder / "config"
        config.write_text(_CONFIG.format(size=size, fd=writing))
        user = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"]
        headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
        self._log = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            [*user, "--die-with-parent", SWAY, "--config", str(config)],
            env={"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(self.folder), **headless},
            pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        os.close(writing)
        with os.fdopen(reading) as reader:
            assert reader.readline() == "ready\n", (self.folder / "log").read_text()

    @property
    def socket_path(self) -> str:
        return str(next(self.folder.glob("wayland-[0-9]")))

    def card(self) -> Program:
        """The test program, showing and focused."""
        card = install_card(self.folder)
        environment = {"XDG_RUNTIME_DIR": str(self.folder), "WAYLAND_DISPLAY": Path(self.socket_path).name}
        program = Program(["/usr/bin/python3", "-I", str(card)], environment)
        self._programs.append(program)
        return program

    def pid(self) -> int:
        """sway's own."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            for entry in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
                if Path(f"/proc/{entry}/comm").read_text().strip() == "sway":
                    return int(entry)
            time.sleep(0.01)
        raise AssertionError("sway has no process")

    def kill(self) -> None:
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait(WAIT_S)

    def close(self) -> None:
        for program in self._programs:
            program.end()
        self.process.kill()
        self.process.wait(WAIT_S)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
