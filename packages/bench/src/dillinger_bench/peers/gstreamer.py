"""A plain GStreamer pipeline of Debian's packages: what one gets without any product. It shows; it takes no input."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from typing import Any

from dillinger_bench.measure import Case
from dillinger_bench.ports import free_port
from dillinger_contracts.errors import Unavailable

from .base import BITRATE_BPS, RATE_HZ, Mode
from .desk import SYSTEM_PYTHON, DeskRunning, open_desk, open_process, wait_port

ELEMENTS = ("ximagesrc", "videoconvert", "x264enc", "rtph264pay", "webrtcbin", "nicesrc", "dtlsenc", "srtpenc")
_PROBE = """
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstWebRTC
Gst.init(None)
lacking = [name for name in sys.argv[1:] if Gst.ElementFactory.find(name) is None]
sys.exit("no element " + ", ".join(lacking) if lacking else 0)
"""
_HINT = "Run `./dillinger bench peers`, which installs what is missing (group `peers` of deploy/debian-packages.txt)"


class GStreamer:
    """ximagesrc → x264enc → webrtcbin."""

    name = "gstreamer"
    has_input = False
    context: Mapping[str, Any] = {}

    def prepare(self, tell: Callable[[str], None]) -> None:
        """Looks whether the system's Python sees all of it."""
        command = (SYSTEM_PYTHON, "-I", "-c", _PROBE, *ELEMENTS)
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            raise Unavailable(f"GStreamer can't be looked for: {error}", hint=_HINT) from error
        if found.returncode:
            raise Unavailable(f"There is no whole GStreamer here: {found.stderr.strip()[-300:]}", hint=_HINT)

    @contextmanager
    def open(self, case: Case, mode: Mode, number: int) -> Iterator[DeskRunning]:
        """A display with the card, and a pipeline of its own for it."""
        port = free_port()
        script = resources.files(__package__).joinpath("gst_pipeline.py")
        with open_desk(case, mode) as desk, resources.as_file(script) as program:
            command = (
                SYSTEM_PYTHON, "-I", str(program), "--display", f":{desk.number}", "--port", str(port),
                "--rate-hz", str(RATE_HZ), "--kbps", str(BITRATE_BPS // 1000),
            )  # fmt: skip
            log = desk.folder / "gstreamer.log"
            with open_process(command, desk.environment, log) as process:
                wait_port(port, process, log)
                yield DeskRunning(desk, port, process.pid)

    def close(self) -> None:
        """Nothing outlives a session."""
