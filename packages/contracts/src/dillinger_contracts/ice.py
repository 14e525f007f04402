"""How a stream's pictures find their way around firewalls, NAT and containers: ports and addresses.

Told by the runner to a seat, whose offer tells browsers (RFC 8839).
"""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from .model import Model

LAST_PORT = 65_535


class PortRange(Model):
    """UDP ports from `first` to `last`, both included."""

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


class MediaAccess(Model):
    """Where browsers reach a seat's media by UDP."""

    ports: PortRange | None = None
    """One of these is the seat's, for all its viewers; None has the kernel choose."""
    addresses: tuple[IpAddress, ...] = Field(default=(), max_length=16)
    """Of this machine, as browsers know it, where the seat can't see them: behind NAT, or in a container."""
    is_behind_nat: bool = False
    """Whether the seat's own addresses are of no use to browsers."""
