"""The picture over a link that loses packets, then to a browser that moves, then without UDP: what fits takes over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.lossy_link import CANNOT

pytestmark = pytest.mark.browser


def test_loss_brings_webrtc_a_move_keeps_it_and_a_blocked_udp_brings_the_websocket_back(web_dir: Path) -> None:
    script = Path(__file__).with_name("lossy_link.py")
    run = subprocess.run(
        [sys.executable, script, web_dir], capture_output=True, text=True, timeout=400, check=False
    )  # fmt: skip
    if run.returncode == CANNOT:
        pytest.skip(run.stdout.strip())
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
