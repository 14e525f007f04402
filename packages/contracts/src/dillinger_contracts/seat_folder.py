"""Names in a session's folder that a seat and its runner both know."""

from __future__ import annotations


class SeatFolder:
    """The runner makes the folder; a seat that waits for a session has one of its own until it gets one."""

    SPEC = "spec.json"
    IDENTITY = "identity.json"
    """Which process the seat is. It moves, once, from a waiting seat's folder into its session's: the moment at which
    the seat is given away."""
    STREAM_PORT = "stream.port"
    """The TCP port that the seat listens on for streams, where its spec has it do so; there once it listens."""
    WARM = "warm"
    """There once a waiting seat has loaded all that it can without a session."""
