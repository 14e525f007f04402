"""Which STUN and TURN servers a session is told of, with credentials of its own. Pure.

A TURN server and the runner share a secret; neither seats nor browsers see it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dillinger_contracts.ice import IceServer, turn_credentials


@dataclass(frozen=True, slots=True)
class IceServers:
    """What the settings say."""

    urls: tuple[str, ...] = ()
    turn_secret: str = field(default="", repr=False)
    lifetime_s: float = 86_400.0

    def of(self, session_id: str, now: datetime) -> tuple[IceServer, ...]:
        """The servers as this session may use them from `now` on."""
        relays = tuple(url for url in self.urls if is_relay(url))
        others = tuple(url for url in self.urls if not is_relay(url))
        found = [IceServer(urls=others)] if others else []
        if relays:
            expires_at = now + timedelta(seconds=self.lifetime_s)
            username, credential = turn_credentials(self.turn_secret, session_id, expires_at=expires_at)
            found.append(IceServer(urls=relays, username=username, credential=credential))
        return tuple(found)


def is_relay(url: str) -> bool:
    """Whether it is a TURN server's."""
    return url.startswith(("turn:", "turns:"))
