"""Nouns, state tables, wire messages and errors: what Dillinger's apps share, and all that they know of each other.

Pure: no I/O beyond reading a settings file, no framework, only the standard library and pydantic.
"""

from .errors import (
    Conflict,
    Denied,
    DillingerError,
    Exhausted,
    Internal,
    Invalid,
    NotFound,
    Unavailable,
    Unsupported,
)
from .game import (
    Art,
    DisplayConfiguration,
    Game,
    LaunchSpec,
    NativeLaunch,
    Resources,
    Size,
)
from .lifecycle import EndReason, SessionEvent, SessionState
from .model import GameId, SessionId, UserId
from .session import (
    GameLaunchRequest,
    QueuePlace,
    ResourceOverrides,
    RunnerCapacity,
    RunnerEvent,
    RunnerSession,
    SeatSpec,
    SeatStats,
    SessionEnd,
    SessionLimits,
    SessionSpec,
    SessionUsage,
    StartStep,
    StreamAddress,
    StreamListen,
    StreamProfile,
)
from .tickets import TicketClaims, TicketGate
from .wine import ProtonLaunch, RegistryValue, VirtualDesktop, WineLaunch

__all__ = [
    "Art",
    "Conflict",
    "Denied",
    "DillingerError",
    "DisplayConfiguration",
    "EndReason",
    "Exhausted",
    "Game",
    "GameId",
    "GameLaunchRequest",
    "Internal",
    "Invalid",
    "LaunchSpec",
    "NativeLaunch",
    "NotFound",
    "ProtonLaunch",
    "QueuePlace",
    "RegistryValue",
    "ResourceOverrides",
    "Resources",
    "RunnerCapacity",
    "RunnerEvent",
    "RunnerSession",
    "SeatSpec",
    "SeatStats",
    "SessionEnd",
    "SessionEvent",
    "SessionId",
    "SessionLimits",
    "SessionSpec",
    "SessionState",
    "SessionUsage",
    "Size",
    "StartStep",
    "StreamAddress",
    "StreamListen",
    "StreamProfile",
    "TicketClaims",
    "TicketGate",
    "Unavailable",
    "Unsupported",
    "UserId",
    "VirtualDesktop",
    "WineLaunch",
]
