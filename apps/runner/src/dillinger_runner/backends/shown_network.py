"""What a cell's network has carried, by the machine's end of its cable: for a runner in a container, which sees no
process of the cell.

The machine's virtual interfaces (`/sys/devices/virtual/net`) are mounted into its container for that: names, hardware
addresses and counts, and no right over any of it. A container's end of a cable is known by the port on which its bridge
learned its hardware address (`brforward`, Linux), or by being the only one there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

SHOWN = Path("/machine/net")
"""Where compose.yaml mounts it."""

_ENTRY = struct.Struct("6sBBIBBH")
"""Linux, `struct __fdb_entry`: address, port, whether it is the bridge's own, age, high byte of the port."""
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Attachment:
    """How a container is attached to a network, in the engine's words."""

    network_id: str
    mac: str


def cable(attachment: Attachment, *, interfaces: Path = SHOWN) -> Path | None:
    """The machine's end, as a folder; None where it is not shown, or has not been told from others yet."""
    bridge = interfaces / f"br-{attachment.network_id[:12]}"
    try:
        ports = {_port(entry): entry.name for entry in (bridge / "brif").iterdir()}
        if len(ports) == 1:
            return interfaces / next(iter(ports.values()))
        return interfaces / ports[_learned((bridge / "brforward").read_bytes()[:_MAX_BYTES])[attachment.mac.lower()]]
    except (OSError, KeyError, ValueError):
        return None


def _port(entry: Path) -> int:
    return int((entry / "port_no").read_text("ascii"), 16)


def _learned(table: bytes) -> dict[str, int]:
    """Hardware address → port."""
    whole = len(table) - len(table) % _ENTRY.size
    entries = _ENTRY.iter_unpack(table[:whole])
    return {mac.hex(":"): low | high << 8 for mac, low, is_local, _age, high, _pad, _unused in entries if not is_local}


def carried_bytes(interface: Path) -> int | None:
    """In and out; None where it is gone."""
    try:
        counts = [(interface / "statistics" / name).read_text("ascii") for name in ("rx_bytes", "tx_bytes")]
    except OSError:
        return None
    return sum(map(int, counts))
