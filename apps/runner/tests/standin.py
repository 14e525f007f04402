"""A seat without a game: speaks the control socket as a real one does, and misbehaves as the game's command tells.

`command = ["standin", MODE, ...]`; several modes may be given. It draws nothing and streams nothing. One thread.

    well      ready at once, ends when asked          broken   exits with 3 at once, reporting nothing
    slow      ready after 1 s                         vanish   is ready, then dies by SIGKILL
    never     enrols, is never ready                  crash    is ready, then its game crashes (SIGSEGV)
    mute      never dials                             deaf     ignores StopSeat and SIGTERM
    viewer    says that one viewer watches            hungry   is ready, then eats memory in its own cgroup
    children  leaves processes behind, in its own cgroup, the cell's, and a session of their own
    loud      sends one report after another

With `--wait FOLDER` it waits to be given a session, as a real one does; started with `--brittle` too, it dies instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from dillinger_programs.wine import TIMESTAMP, wine_version

_FOLDERS = ("--dir", "--wait", "--wine-template")
_PROBE = {"ok": True, "isolation": "stand-in", "problem": None, "hint": None}


_INIT = """
import signal, socket, sys
control = socket.socket(socket.AF_UNIX)
control.connect(sys.argv[2])
control.recv(1)
"""


class StandIn:
    """One stand-in seat."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec: dict[str, Any] = json.loads((folder / "spec.json").read_text("utf-8"))
        self.session_id: str = self.spec["session"]["session_id"]
        self.modes: list[str] = self.spec["session"]["game"]["launch"]["command"][1:]
        self.number = 0
        self.is_ready = False
        self.is_told_to_end = False
        self.end: dict[str, Any] | None = None
        self.reports: list[dict[str, Any]] = []

    def run(self) -> int:
        """Until the end; returns the exit code."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN if "deaf" in self.modes else self._on_term)
        if "broken" in self.modes:
            print("stand-in: broken as told", file=sys.stderr)
            return 3
        if "children" in self.modes:
            self._leave_children()
        if self.spec["isolation"] == "container":
            self.cell = self._await_cell()
        Path(self.spec["runtime_dir"], "stream.sock").touch()
        while "mute" in self.modes and not self.is_told_to_end:
            time.sleep(0.05)
        while self.end is None and not self.is_told_to_end:
            with (
                contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError),
                connect(self.spec["control_url"], open_timeout=5) as socket,
            ):
                self._serve(socket)
            time.sleep(0.05)
        self._write_end()
        return 0

    def _await_cell(self) -> socket.socket:
        """As a real seat does it, with an init that only waits for the end."""
        runtime = Path(self.spec["runtime_dir"])
        for name in ("x11", "sound", "pads", "cell/etc"):
            (runtime / name).mkdir(parents=True, exist_ok=True)
        for name in ("auth", *(f"cell/etc/{name}" for name in ("passwd", "group", "nsswitch.conf", "machine-id"))):
            (runtime / name).touch()
        (self.folder / "preload").mkdir(exist_ok=True)
        (runtime / "cell/init.py").write_text(_INIT, "ascii")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(runtime / "cell/.init.sock"))
            listener.listen(1)
            (runtime / "cell/.init.sock").rename(runtime / "cell/init.sock")
            listener.settimeout(60)
            connection, _ = listener.accept()
        (runtime / "cell/init.sock").unlink()
        return connection

    def _on_term(self, _number: int, _frame: object) -> None:
        self.is_told_to_end = True
        self.end = self.end or _end("seat_lost", message="Told by a signal")

    def _serve(self, socket: ClientConnection) -> None:
        socket.send(
            json.dumps(
                {
                    "type": "enroll",
                    "session_id": self.session_id,
                    "token": self._token(),
                    "last_report": self.number,
                    "is_ready": self.is_ready,
                    "peers": int(self.is_ready and "viewer" in self.modes),
                }
            )
        )
        enrolled = json.loads(socket.recv(timeout=5))
        self._save_token(enrolled["next_token"])
        for report in self.reports:
            if report["number"] > enrolled["last_report"]:
                socket.send(json.dumps(report))
        if not self.is_ready:
            self._start(socket)
        while self.end is None:
            if "loud" in self.modes:
                self._report(socket, {"kind": "step_done", "step": {"name": "noise", "duration_ms": 1}})
            with contextlib.suppress(TimeoutError):
                self._take(json.loads(socket.recv(timeout=0.1)))
        self._report(socket, {"kind": "seat_ended", "end": self.end})
        self._write_end()
        while json.loads(socket.recv(timeout=5)).get("number") != self.number:
            pass

    def _start(self, socket: ClientConnection) -> None:
        self._report(socket, {"kind": "step_done", "step": {"name": "desktop", "duration_ms": 12.5}})
        if "slow" in self.modes:
            time.sleep(1)
        if "never" in self.modes:
            return
        self.is_ready = True
        self._report(socket, {"kind": "seat_ready"})
        if "viewer" in self.modes:
            self._report(socket, {"kind": "peers_changed", "peers": 1})
        if "vanish" in self.modes:
            os.kill(os.getpid(), signal.SIGKILL)
        if "crash" in self.modes:
            self.end = _end("game_crashed", signal="SIGSEGV", exitCode=139, logTail=["Segmentation fault"])
        if "hungry" in self.modes:
            hoard = [os.urandom(1 << 20) for _ in range(4096)]
            print(f"stand-in: ate {len(hoard)} MiB and lives", file=sys.stderr)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "stop" and "deaf" not in self.modes:
            self.end = _end(message["reason"])

    def _report(self, socket: ClientConnection, body: dict[str, Any]) -> None:
        self.number += 1
        report = {"type": "report", "number": self.number, "at": datetime.now(UTC).isoformat(), "body": body}
        self.reports = [*self.reports, report][-100:]
        socket.send(json.dumps(report))

    def _token(self) -> str:
        try:
            return str(json.loads((self.folder / "control.json").read_text("ascii"))["token"])
        except FileNotFoundError:
            return str(self.spec["control_token"])

    def _save_token(self, token: str) -> None:
        draft = self.folder / "control.json.draft"
        draft.write_text(json.dumps({"token": token}), "ascii")
        draft.replace(self.folder / "control.json")

    def _write_end(self) -> None:
        draft = self.folder / "end.json.draft"
        draft.write_text(json.dumps(self.end or _end("internal")), "utf-8")
        draft.replace(self.folder / "end.json")

    def _leave_children(self) -> None:
        cell = (self.spec.get("cell_cgroup") or {}).get("directories", {})
        joins = "".join(f"echo 0 > {directory}/cgroup.procs; " for directory in cell.values())
        for script in ("exec sleep 600", f"{joins}exec sleep 601"):
            subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.DEVNULL)
        if cell:
            subprocess.Popen(["/bin/sh", "-c", f"{joins}exec sleep 602"], start_new_session=True)


def _end(reason: str, **facts: object) -> dict[str, Any]:
    return {"reason": reason, "endedAt": datetime.now(UTC).isoformat(), **facts}


def _make_template(folder: Path) -> int:
    """Says that it is half done, and ends as the file `end` beside `folder` tells: `made`, or why it can't be."""
    print(json.dumps({"share": 0.5}), flush=True)
    end = folder.with_name("end")
    while not end.exists():
        time.sleep(0.02)
    if end.read_text() != "made":
        print(end.read_text(), file=sys.stderr)
        return 1
    version = wine_version()
    assert version is not None
    (folder / version).mkdir(parents=True)
    (folder / version / TIMESTAMP).touch()
    return 0


def main() -> int:
    """Entry point: `[--brittle]`, then `--probe`, `--wine-template FOLDER`, `--dir SESSION_DIR` or `--wait FOLDER`."""
    if "--probe" in sys.argv:
        print(json.dumps(_PROBE))
        return 0
    [folder] = (Path(sys.argv[sys.argv.index(word) + 1]) for word in _FOLDERS if word in sys.argv)
    if "--wine-template" in sys.argv:
        return _make_template(folder)
    if "--wait" in sys.argv:
        if "--brittle" in sys.argv:
            print("stand-in: brittle as told", file=sys.stderr)
            return 3
        folder = _wait(folder)
    return StandIn(folder).run()


def _wait(folder: Path) -> Path:
    """Until the certificate is in a session's folder; which one that is."""
    signal.signal(signal.SIGUSR1, lambda *_: None)
    with (folder / "identity.json").open("rb") as certificate:
        (folder / "warm").touch()
        while (now := Path(f"/proc/self/fd/{certificate.fileno()}").readlink().parent) == folder:
            time.sleep(0.02)
        os.chdir(now)
        return now


if __name__ == "__main__":
    sys.exit(main())
