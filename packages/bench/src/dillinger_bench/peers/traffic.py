"""How many bytes a product sent to the browser over TCP, as the kernel counts them: `sent_bytes` asks `ss`."""

from __future__ import annotations

import re
import subprocess

_SENT = re.compile(r"\bbytes_sent:(\d+)")


def total_sent(told: str) -> int:
    """The sum over all connections in what `ss -i` tells."""
    return sum(int(count) for count in _SENT.findall(told))


def sent_bytes(port: int) -> int | None:
    """Sent from a TCP port of this machine over connections that live; None where `ss` is missing."""
    try:
        found = subprocess.run(
            ("ss", "-tniH", f"sport = :{port}"), capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return total_sent(found.stdout)
