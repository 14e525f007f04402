"""How a stream's pictures find their way around firewalls, NAT and containers: ports, addresses, ICE servers.

Told by the runner to a seat, which tells browsers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from .model import Model

LAST_PORT = 65_535


class PortRange(Model):
    """Ports from `first` to `last`, both included."""

    first: int = Field(ge=1, le=LAST_PORT)
    last: int = Field(ge=1, le=LAST_PORT)

    @model_validator(mode="after")
    def _is_in_order(self) -> PortRange:
        if self.last < self.first:
            raise ValueError(f"{self.first} comes after {self.last}")
        return self

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """From `FIRST-LAST` or one number; raises ValueError."""
        first, separator, last = text.partition("-")
        if not text.isascii() or not first.isdecimal() or (separator and not last.isdecimal()):
            raise ValueError(f"{text!r} is not a port such as 40000, or ports such as 40000-40099")
        return cls(first=int(first), last=int(last) if separator else int(first))

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    def __len__(self) -> int:
        return self.last - self.first + 1


def _is_address(value: str) -> str:
    return str(ipaddress.ip_address(value))


IpAddress = Annotated[str, StringConstraints(max_length=45), AfterValidator(_is_address)]


IceUrl = Annotated[
    str,
    StringConstraints(
        max_length=300,
        pattern=r"^(stun:[A-Za-z0-9.-]+(:[0-9]{1,5})?|turns?:[A-Za-z0-9.-]+(:[0-9]{1,5})?([?]transport=(udp|tcp))?)$",
    ),
]
"""RFC 7064, RFC 7065; a host's name or IPv4 address."""


class IceServer(Model):
    """STUN servers, or TURN servers with what they ask for; what a browser calls RTCIceServer."""

    urls: tuple[IceUrl, ...] = Field(min_length=1, max_length=8)
    username: str = Field(default="", max_length=200)
    credential: str = Field(default="", max_length=200, repr=False)


def turn_credentials(secret: str, name: str, *, expires_at: datetime) -> tuple[str, str]:
    """User name and password for a TURN server that shares `secret`, which it can check alone until they expire.

    After "A REST API For Access To TURN Services" (draft-uberti-behave-turn-rest), coturn's `use-auth-secret`.
    """
    username = f"{int(expires_at.timestamp())}:{name}"
    digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return username, base64.b64encode(digest).decode()


class MediaAccess(Model):
    """Where browsers reach a seat's media by UDP."""

    ports: PortRange | None = None
    """One of these is the seat's, for all its viewers; None has the kernel choose."""
    addresses: tuple[IpAddress, ...] = Field(default=(), max_length=16)
    """Of this machine, as browsers know it, where the seat can't see them: behind NAT, or in a container."""
    is_behind_nat: bool = False
    """Whether the seat's own addresses are of no use to browsers."""
    servers: tuple[IceServer, ...] = ()
    """Seat and browsers use them both."""
