"""Frames a second of one OpenGL program: on a bare display of this machine, in a cell that nobody watches, and in one
that somebody does.

The three take turns, so that what else the machine does meets all of them. Who watches takes the stream and does not
decode it: a browser on the same cores would be counted as a cost of Dillinger. Blocking; one thread a viewer.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from statistics import median

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.report import Cases
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.waiting import wait_until
from dillinger_contracts.errors import Conflict, DillingerError, Unavailable

RATES_HZ = {"as fast as it can": 0.0, "60 a second": 60.0}
_START_S = 60.0
_SETTLE_S = 2.0
_SCREEN = "1280x720x24"
_SOFTWARE = {"LIBGL_ALWAYS_SOFTWARE": "1"}
_GAME = """schema = 1
title = "OpenGL, {name}"

[launch]
kind = "native"
command = ["/usr/bin/python3", "-I", "guest.py", "--rate", "{rate_hz}"]
directory = "game"
"""
_FPS = re.compile(r"^fps ([0-9.]+) cpu_ms ([0-9.]+)$", re.MULTILINE)
_GL = re.compile(r"^gl (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the program said over a while."""

    renderer: str
    fps: float
    cpu_ms: float
    """CPU time of its own for each frame, which other programs on the machine change less than its rate."""


def measure(house: House, rounds: int, window_s: float, tell: Callable[[str], None]) -> Cases:
    """The medians of `rounds`, by rate; raises `Conflict` where machine and cell have different OpenGLs."""
    sides = {"host": on_the_host, "cell": in_a_cell, "watched": in_a_watched_cell}
    found: dict[str, dict[str, list[Drawn]]] = {name: {side: [] for side in sides} for name in RATES_HZ}
    for number in range(rounds):
        for name, rate_hz in RATES_HZ.items():
            game_id = _add(house, rate_hz)
            for side, run in sides.items():
                drawn = run(house, game_id, rate_hz, window_s)
                found[name][side].append(drawn)
                tell(f"round {number + 1} of {rounds}: {name}: {side} {drawn.fps:.1f} fps, {drawn.cpu_ms:.2f} ms each")
    renderers = {drawn.renderer for sides in found.values() for all_drawn in sides.values() for drawn in all_drawn}
    if len(renderers) > 1:
        raise Conflict(f"The machine's OpenGL and the cell's can't be compared: {', '.join(sorted(renderers))}")
    return {name: figures_of(by_side) for name, by_side in found.items()}


def figures_of(by_side: Mapping[str, Sequence[Drawn]]) -> dict[str, float]:
    """The medians of each side, and what the cell loses against the host."""
    fps = {side: median(one.fps for one in drawn) for side, drawn in by_side.items()}
    cpu_ms = {side: median(one.cpu_ms for one in drawn) for side, drawn in by_side.items()}
    return {
        **{f"gl_fps_{side}": value for side, value in fps.items()},
        **{f"gl_cpu_{side}": value for side, value in cpu_ms.items()},
        "loss_cell": 100 * (1 - fps["cell"] / fps["host"]),
        "loss_watched": 100 * (1 - fps["watched"] / fps["host"]),
    }


def _add(house: House, rate_hz: float) -> str:
    """The game of this rate in the library; its id."""
    game_id = f"opengl-{rate_hz:.0f}"
    folder = house.library_dir / game_id
    folder.mkdir(exist_ok=True)
    with resources.as_file(resources.files(__package__).joinpath("guest.py")) as guest:
        shutil.copyfile(guest, folder / "guest.py")
    (folder / "game.toml").write_text(_GAME.format(name=f"{rate_hz:.0f} Hz", rate_hz=rate_hz), "utf-8")
    return game_id


def on_the_host(house: House, game_id: str, rate_hz: float, window_s: float) -> Drawn:
    """On a display server of the same kind and size without Dillinger."""
    guest = house.library_dir / game_id / "guest.py"
    with _bare_display() as display:
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "DISPLAY": display} | _SOFTWARE
        command = ["/usr/bin/python3", "-I", str(guest), "--rate", str(rate_hz)]
        log = house.root / "host-guest.log"
        with log.open("wb") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            return _watch_log(log, window_s)
        finally:
            process.kill()
            process.wait()


@contextmanager
def _bare_display() -> Iterator[str]:
    readable, writable = os.pipe()
    command = ["Xvfb", "-displayfd", str(writable), "-screen", "0", _SCREEN, "-nolisten", "tcp", "-noreset"]
    process = subprocess.Popen(command, pass_fds=(writable,), stderr=subprocess.DEVNULL)
    os.close(writable)
    try:
        with os.fdopen(readable) as numbers:
            number = numbers.readline().strip()
        if not number:
            raise Unavailable("Xvfb did not start", hint="Install the package xvfb")
        yield f":{number}"
    finally:
        process.terminate()
        process.wait()


def in_a_cell(house: House, game_id: str, rate_hz: float, window_s: float) -> Drawn:
    """The same in a session that nobody watches."""
    with house.client() as core, _playing(core, game_id) as session_id:
        return _watch_log(house.target.session_dir(session_id) / "guest.log", window_s)


def in_a_watched_cell(house: House, game_id: str, rate_hz: float, window_s: float) -> Drawn:
    """The same while one viewer takes the stream."""
    with house.client() as core, _playing(core, game_id) as session_id, StreamClient(core, session_id) as stream:
        stream.hello(core.ticket(session_id))
        stream.wait_pictures(1, _START_S)
        is_over = threading.Event()
        viewer = threading.Thread(target=_take_all, args=(stream, is_over))
        viewer.start()
        try:
            return _watch_log(house.target.session_dir(session_id) / "guest.log", window_s)
        finally:
            is_over.set()
            viewer.join()


def _take_all(stream: StreamClient, is_over: threading.Event) -> None:
    while not is_over.is_set():
        try:
            stream.wait_pictures(1, 1.0)
        except DillingerError:  # none in this second; the figures tell
            continue


@contextmanager
def _playing(core: CoreClient, game_id: str) -> Iterator[str]:
    wait_until(lambda: any(game["game_id"] == game_id for game in core.games()), _START_S, f"{game_id} in the library")
    with core.playing(game_id) as session_id:
        yield session_id


def _watch_log(log: Path, window_s: float) -> Drawn:
    """What the program says over `window_s`, once it has drawn for a while."""
    wait_until(lambda: log.is_file() and bool(_FPS.search(log.read_text("utf-8", "replace"))), _START_S, "OpenGL draws")
    time.sleep(_SETTLE_S)
    before = len(_FPS.findall(log.read_text("utf-8", "replace")))
    time.sleep(window_s)
    text = log.read_text("utf-8", "replace")
    said = [(float(fps), float(cpu_ms)) for fps, cpu_ms in _FPS.findall(text)[before:]]
    renderer = _GL.search(text)
    if not said or renderer is None:
        raise Unavailable(f"OpenGL drew nothing in {window_s:g} s: {text[-300:]}")
    frames = sum(fps for fps, _ in said)
    return Drawn(renderer[1], frames / len(said), sum(fps * cpu_ms for fps, cpu_ms in said) / frames)
