"""What a sandbox's way to the internet does to the machine: nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOUNTS = """\
mount --bind "$1" "$1" && mount --make-shared "$1" && mkdir "$1/below" && mount -t tmpfs none "$1/below" || exit 2
"$2" -m dillinger_seat --probe || exit 3
mountpoint -q "$1/below"
"""


def test_what_is_mounted_below_a_shared_mount_stays(tmp_path: Path) -> None:
    """As a container engine's folder is: what carries the packets leaves all mounts, which are to be its own."""
    if os.getuid() != 0:
        pytest.skip("only root may mount anything that would go")
    own = ("unshare", "--mount", "--propagation", "private")
    asked = subprocess.run(
        [*own, "sh", "-c", MOUNTS, "sh", str(tmp_path), sys.executable],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert asked.returncode in (0, 1), asked.stderr
    internet = json.loads(asked.stdout).get("internet") or {}
    if not internet.get("ok"):
        pytest.skip(f"no internet for sandboxes here: {internet.get('problem')}")
    assert asked.returncode == 0, "the machine's own mount is gone"
