"""The life of a session: one table, `(state, event) → state`, and a pure `apply()`.

The diagram in the docs is drawn from `TRANSITIONS`. There is one terminal state; why a session ended is an `EndReason`.
Deadlines per state are settings of the runner, not part of this table.
"""

from __future__ import annotations

from enum import StrEnum

from .errors import Conflict


class SessionState(StrEnum):
    """Where a session stands."""

    REQUESTED = "requested"
    PLACING = "placing"
    STARTING = "starting"
    READY = "ready"
    STREAMING = "streaming"
    UNREACHABLE = "unreachable"
    STOPPING = "stopping"
    ENDED = "ended"


class SessionEvent(StrEnum):
    """What happened to a session."""

    PLACE = "place"
    PLACED = "placed"
    SEAT_READY = "seat_ready"
    PEER_JOINED = "peer_joined"
    PEERS_LEFT = "peers_left"
    LINK_LOST = "link_lost"
    SEAT_RESUMED = "seat_resumed"
    RESTART = "restart"
    STOP = "stop"
    END = "end"


class EndReason(StrEnum):
    """Why a session ended."""

    USER_STOP = "user_stop"
    ADMIN_STOP = "admin_stop"
    GAME_EXITED = "game_exited"
    GAME_CRASHED = "game_crashed"
    IDLE_TIMEOUT = "idle_timeout"
    TIME_LIMIT = "time_limit"
    REFUSED = "refused"
    PLACEMENT_FAILED = "placement_failed"
    START_TIMEOUT = "start_timeout"
    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_DISK = "out_of_disk"
    SEAT_LOST = "seat_lost"
    CELL_LOST = "cell_lost"
    SCREEN_LOST = "screen_lost"
    INTERNAL = "internal"


_S, _E = SessionState, SessionEvent

TRANSITIONS: dict[tuple[SessionState, SessionEvent], SessionState] = {
    (_S.REQUESTED, _E.PLACE): _S.PLACING,
    (_S.PLACING, _E.PLACED): _S.STARTING,
    (_S.STARTING, _E.SEAT_READY): _S.READY,
    (_S.READY, _E.PEER_JOINED): _S.STREAMING,
    (_S.STREAMING, _E.PEERS_LEFT): _S.READY,
    (_S.STARTING, _E.LINK_LOST): _S.UNREACHABLE,
    (_S.READY, _E.LINK_LOST): _S.UNREACHABLE,
    (_S.STREAMING, _E.LINK_LOST): _S.UNREACHABLE,
    (_S.UNREACHABLE, _E.SEAT_RESUMED): _S.STARTING,
    (_S.UNREACHABLE, _E.SEAT_READY): _S.READY,
    **{(state, _E.RESTART): _S.PLACING for state in (_S.STARTING, _S.READY, _S.STREAMING, _S.UNREACHABLE)},
    **{(state, _E.STOP): _S.STOPPING for state in _S if state not in (_S.STOPPING, _S.ENDED)},
    **{(state, _E.END): _S.ENDED for state in _S if state is not _S.ENDED},
}

LIVE_STATES = frozenset(_S) - {_S.ENDED}


def apply(state: SessionState, event: SessionEvent) -> SessionState:
    """The state after `event`; raises `Conflict` where the table has no such step."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise Conflict(f"A session that is {state} can't take the event {event}") from None


def mermaid() -> str:
    """The table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", f"    [*] --> {SessionState.REQUESTED}"]
    lines += [f"    {source} --> {target}: {event}" for (source, event), target in TRANSITIONS.items()]
    lines.append(f"    {SessionState.ENDED} --> [*]")
    return "\n".join(lines)
