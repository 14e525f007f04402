"""What the machine plays is heard: a real PulseAudio with an output that goes nowhere, and a program that plays."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from packages.stream.tests.engine.conftest import XServer
from packages.stream.tests.program.program_house import DEADLINE_S, Program, Shelf, Viewer, wait_for

TONE = """
import array, math, sys
period = [int(8192 * math.sin(2 * math.pi * 440 * step / 48000)) for step in range(4800)]
chunk = array.array("h", [value for sample in period for value in (sample, sample)]).tobytes()
while True:
    sys.stdout.buffer.write(chunk)
"""


@pytest.fixture
def pulse(shelf: Shelf) -> Iterator[str]:
    """A sound server of the test's own; how to reach it."""
    folder = shelf.runtime_dir.parent / "pulse"
    folder.mkdir()
    address = f"unix:{folder / 'native'}"
    state = {"HOME": str(folder), "PULSE_STATE_PATH": str(folder), "PULSE_RUNTIME_PATH": str(folder)}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes",
             "--log-target=stderr", "--log-level=error",
             f"--load=module-native-protocol-unix auth-anonymous=1 auth-cookie-enabled=0 socket={folder / 'native'}",
             "--load=module-null-sink sink_name=nowhere"],
            env=shelf.environment | state, stdout=log, stderr=log,
        )  # fmt: skip
    environment = shelf.environment | {"PULSE_SERVER": address}

    def is_up() -> bool:
        assert server.poll() is None, (folder / "log").read_text()
        info = ["pactl", "info"]
        return subprocess.run(info, env=environment, capture_output=True, check=False).returncode == 0

    wait_for(is_up, "the sound server", look_s=0.1)
    yield address
    server.terminate()
    server.wait(DEADLINE_S)


def recorders(program: Program) -> list[psutil.Process]:
    """As far as they live: one that was killed goes while it is looked at."""
    found = []
    for child in psutil.Process(program.process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.name() == "parec":
                found.append(child)
    return found


def test_what_plays_is_heard_while_somebody_listens(shelf: Shelf, display: XServer, pulse: str, tmp_path: Path) -> None:
    environment = {"PULSE_SERVER": pulse}
    tone = subprocess.Popen([sys.executable, "-c", TONE], stdout=subprocess.PIPE)
    player = subprocess.Popen(
        ["pacat", "--playback", "--raw", "--format=s16le", "--rate=48000", "--channels=2"],
        stdin=tone.stdout, env=shelf.environment | environment,
    )  # fmt: skip
    try:
        program = shelf.start("--display", display.name, **environment)
        assert program.address and not recorders(program), "nobody listens yet"
        viewer = Viewer(program.address)
        viewer.until(lambda seen: seen.sounds > 20, "sound")
        assert viewer.said("welcome")[0]["has_sound"] is True
        assert shelf.status()["sessions"][0]["has_sound"] is True
        (recorder,) = recorders(program)
        recorder.kill()  # as when the sound server is restarted
        wait_for(lambda: [one for one in recorders(program) if one.pid != recorder.pid], "another recorder")
        heard = viewer.sounds
        viewer.until(lambda seen: seen.sounds > heard + 50, "its sound")
        viewer.close()
        wait_for(lambda: not recorders(program), "the end of the recording with its listener")
        assert shelf.command("stop").returncode == 0
    finally:
        for process in (player, tone):
            process.kill()
            process.wait(DEADLINE_S)
        assert tone.stdout is not None
        tone.stdout.close()


def test_without_a_sound_server_there_is_a_silent_picture(shelf: Shelf, display: XServer) -> None:
    program = shelf.start("--display", display.name, PULSE_SERVER="unix:/nonexistent")
    assert "No sound server answers" in program.line("There is no sound: ")
    viewer = Viewer(program.address)
    viewer.until(lambda seen: seen.size, "a picture")
    assert viewer.said("welcome")[0]["has_sound"] is False
