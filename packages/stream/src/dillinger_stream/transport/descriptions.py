"""What is taken of the session descriptions (SDP, RFC 8866) that others send: bounds, and what would only cost time.

Pure. Leaves the meaning of the rest to the WebRTC library.
"""

from __future__ import annotations

import ipaddress
from typing import Literal

from dillinger_stream.errors import WebRtcError

MAX_CANDIDATES = 32
MAX_SECTIONS = 8

Kind = Literal["video", "audio"]


def usable(sdp: str) -> str:
    """A description without what would only cost time; raises `WebRtcError` where there is too much of it.

    Each candidate costs checks towards an address of the browser's choice, each section memory. A name (`….local`)
    would be looked up by multicast for a second, and is not needed: the browser's own checks show its address (RFC 8445
    section 7.3.1.3). For the same reason its list of candidates never ends for us.
    """
    lines = sdp.splitlines()
    if sum(line.startswith("a=candidate:") for line in lines) > MAX_CANDIDATES:
        raise WebRtcError(f"A description has at most {MAX_CANDIDATES} candidates")
    if sum(line.startswith("m=") for line in lines) > MAX_SECTIONS:
        raise WebRtcError(f"A description has at most {MAX_SECTIONS} media sections")
    kept = [line for line in lines if not line.startswith("a=end-of-candidates") and not _is_named(line)]
    return "\r\n".join([*kept, ""])


def watched_kinds(offer: str) -> list[Kind]:
    """What the offer of a player that watches wants, in its order; raises `WebRtcError` where that is not to be had."""
    lines = [line.strip() for line in offer.splitlines()]
    kinds = [line[2:].split(" ", 1)[0] for line in lines if line.startswith("m=")]
    if set(kinds) - {"video", "audio"}:
        raise WebRtcError("An offer to watch has video and audio only: there are no data channels")
    if kinds.count("video") != 1 or kinds.count("audio") > 1:
        raise WebRtcError("An offer to watch has one video section, and at most one of audio")
    if "a=recvonly" not in lines and "a=sendrecv" not in lines:
        raise WebRtcError("An offer to watch receives (a=recvonly)")
    mids = [line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")]
    bundle = next((line.split()[1:] for line in lines if line.startswith("a=group:BUNDLE")), [])
    is_bundled = bundle == mids or (not bundle and len(kinds) == 1)
    if not is_bundled or len(mids) != len(kinds) or len(set(mids)) != len(mids):
        raise WebRtcError("An offer to watch has all of its sections in one bundle (RFC 9143)")
    return ["audio" if kind == "audio" else "video" for kind in kinds]


def is_address(host: str) -> bool:
    """Whether `host` is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_named(line: str) -> bool:
    fields = line.split()
    return line.startswith("a=candidate:") and len(fields) > 4 and not is_address(fields[4])
