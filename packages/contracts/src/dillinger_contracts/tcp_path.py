"""What the kernel knows of a browser's TCP connection: round trip, what waits, what was sent again (tcp(7), TCP_INFO).

The seat steers its bitrate and its transport by it: nothing that runs in a process can tell a path that stalls from a
machine that is busy, the kernel's counters can. Whoever ends the connection reads
them and reports. Pure but for the one question to a socket that is given.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Protocol

from .signaling import TcpPath

_RTT_AT, _RESENT_AT, _ACKED_AT, _UNSENT_AT, _SENT_AT, _DUPLICATES_AT = 68, 100, 120, 144, 156, 216
"""Offsets in `struct tcp_info` of linux/tcp.h: tcpi_rtt, _total_retrans, _bytes_acked, _notsent_bytes, _data_segs_out,
_dsack_dups."""
_INFO_BYTES = 232


class TcpSocket(Protocol):
    """The part of a socket that is used; uvloop has a stand-in for the real one."""

    def getsockopt(self, level: int, name: int, length: int) -> bytes:
        """As `socket.socket.getsockopt`."""
        ...


@dataclass(frozen=True, slots=True)
class TcpCounters:
    """The connection since it began, and as it is."""

    rtt_us: int
    resent_segments: int
    acked_bytes: int
    unsent_bytes: int
    sent_segments: int
    duplicate_segments: int
    """Arrived although they had been sent again."""


def read_counters(connection: TcpSocket) -> TcpCounters | None:
    """None where this is no TCP connection, or the system does not tell."""
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, option, _INFO_BYTES)
    except OSError:
        return None
    return parse_counters(info)


def parse_counters(info: bytes) -> TcpCounters | None:
    """The counters in a `struct tcp_info`; None for an older kernel's, which is shorter."""
    if len(info) < _DUPLICATES_AT + 4:
        return None
    (rtt_us,) = struct.unpack_from("=I", info, _RTT_AT)
    (resent,) = struct.unpack_from("=I", info, _RESENT_AT)
    (acked,) = struct.unpack_from("=Q", info, _ACKED_AT)
    (unsent,) = struct.unpack_from("=I", info, _UNSENT_AT)
    (sent,) = struct.unpack_from("=I", info, _SENT_AT)
    (duplicates,) = struct.unpack_from("=I", info, _DUPLICATES_AT)
    return TcpCounters(rtt_us, resent, acked, unsent, sent, duplicates)


def report(
    before: TcpCounters, now: TcpCounters, *, interval_s: float, buffered_bytes: int, relay_ms: float | None = None
) -> TcpPath:
    """What happened between two readings; `buffered_bytes` has not reached the kernel yet."""
    return TcpPath(
        interval_ms=interval_s * 1000,
        rtt_ms=now.rtt_us / 1000,
        acked_bytes=max(0, now.acked_bytes - before.acked_bytes),
        queued_bytes=now.unsent_bytes + buffered_bytes,
        sent_segments=max(0, now.sent_segments - before.sent_segments),
        resent_segments=max(0, now.resent_segments - before.resent_segments),
        duplicate_segments=max(0, now.duplicate_segments - before.duplicate_segments),
        relay_ms=relay_ms,
    )
