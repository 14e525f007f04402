"""The picture over a link that loses packets, then to a browser that moves, then without UDP: what fits takes over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.lossy_link import CANNOT

pytestmark = pytest.mark.browser

CANNOT_LINK = ("No user namespaces with a network of their own here", "A network of our own can't be made")


def test_loss_brings_webrtc_a_move_keeps_it_and_a_blocked_udp_brings_the_websocket_back(web_dir: Path) -> None:
    script = Path(__file__).with_name("lossy_link.py")
    run = subprocess.run(
        [sys.executable, script, web_dir], capture_output=True, text=True, timeout=400, check=False
    )  # fmt: skip
    if run.returncode == CANNOT:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"


@pytest.mark.full
def test_a_peer_is_measured_beside_ours_over_the_same_link(web_dir: Path, tmp_path: Path) -> None:
    """No figure is judged: both are shown, read back, and take keys, over a link that narrows."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "dillinger_bench", "network", "--scenario", "drop", "--transport", "websocket",
               "--peer", "selkies-webrtc", "--web-dir", str(web_dir), "--json", str(report)]  # fmt: skip
    environment = os.environ | {"DILLINGER_STATE_DIR": str(tmp_path / "state")}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    for reason in ("Selkies can't be installed", *CANNOT_LINK):
        if run.returncode and reason in run.stderr:
            pytest.skip(next(line for line in run.stderr.splitlines() if reason in line).removeprefix("bench: "))
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    cases = json.loads(report.read_text())["cases"]
    assert list(cases) == ["drop websocket", "drop selkies-webrtc"], run.stderr
    for found in cases.values():
        assert found["shown_fps"] > 0 and found["bitrate"] > 0
        assert found["browser_key_p50"] < 5000, "a key in the page is seen"
        assert 0.3 < found["picture_ssim"] <= 1, "what is shown is what was drawn"
        assert found["queue_max"] >= 0 and {"queue_floor", "queue_drain", "recovery"} <= found.keys()
