"""`dillinger sessions times` and `trace`, asked of something that answers as a runner does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dillinger.cli import app
from dillinger_contracts.errors import Invalid

ID = "abcdefghij0123456789"
AT = "2030-01-01T00:00:00Z"
STATS = {"measuredAt": AT, "peers": 1, "stagesMsP50": {"encode": 3.5}, "stagesMsP95": {"encode": 6.0}}
SESSION = {"sessionId": ID, "gameId": "doom", "userId": "ann", "state": "streaming", "createdAt": AT, "stats": STATS}


class Runner(BaseHTTPRequestHandler):
    """Each time it is asked for a recording there is one more picture."""

    asked = 0

    def do_GET(self) -> None:
        body: dict[str, Any] = SESSION
        if self.path == f"/sessions/{ID}/trace":
            Runner.asked += 1
            pictures = [
                {"sequence": one, "capturedAtUs": one * 16_000, "encodedAtUs": one * 16_000 + 4_000, "bits": 8,
                 "stagesMs": {"encode": 3.5}} for one in range(Runner.asked)
            ]  # fmt: skip
            body = {"transport": "webrtc", "pictures": pictures}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[CliRunner, list[str]]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Runner) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        monkeypatch.setenv("DILLINGER_RUNNER_PORT", str(server.server_port))
        monkeypatch.setenv("DILLINGER_STATE_DIR", str(tmp_path))
        monkeypatch.setenv("COLUMNS", "200")
        try:
            yield CliRunner(), ["--state-dir", str(tmp_path)]
        finally:
            server.shutdown()
            serving.join()


def test_times_are_told_with_what_the_stages_are(command: tuple[CliRunner, list[str]]) -> None:
    runner, place = command
    told = runner.invoke(app, ["sessions", "times", ID, *place], catch_exceptions=False).stdout
    assert "encode         3.50     6.00" in told
    assert "The encoder" in told


def test_a_recording_has_the_pictures_of_its_time_alone(command: tuple[CliRunner, list[str]], tmp_path: Path) -> None:
    runner, place = command
    file = tmp_path / "out.json"
    words = ["sessions", "trace", ID, "--seconds", "0.5", "--output", str(file), *place]
    told = runner.invoke(app, words, catch_exceptions=False).stdout
    assert "1 pictures in" in told
    events = json.loads(file.read_text())["traceEvents"]
    assert [event["name"] for event in events if event["ph"] == "b"] == ["picture", "encode"]


def test_what_can_be_no_session_is_refused(command: tuple[CliRunner, list[str]]) -> None:
    runner, place = command
    with pytest.raises(Invalid):
        runner.invoke(app, ["sessions", "trace", "../etc", *place], catch_exceptions=False)
