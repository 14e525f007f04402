"""What can go wrong in a stream, by its parts; each belongs to a family of `dillinger_contracts.errors`.

    Unavailable
    ├── CaptureError           the display is gone or refuses
    │   └── RequestRefusedError    it is there, and said no to this one request
    ├── WindowError            the machine's own display, with a window of ours, is gone or refuses
    └── EncoderError           the encoder failed
        └── EncoderUnavailable     it can't run here
    Invalid
    ├── WebRtcError            what a browser sent to set up WebRTC can't be used
    └── SignalingError         a signaling message can't be read (of contracts, where both sides of signaling are)

What may be tried again is said by the family: the pipeline replaces a capture or encoder that is `Unavailable` once.
"""

from __future__ import annotations

from dillinger_contracts.errors import Invalid, Unavailable
from dillinger_contracts.signaling import SignalingError

__all__ = [
    "CaptureError",
    "EncoderError",
    "EncoderUnavailable",
    "RequestRefusedError",
    "SignalingError",
    "WebRtcError",
    "WindowError",
]


class CaptureError(Unavailable):
    """The display is gone or refuses; the pipeline may try once more with a new source."""


class RequestRefusedError(CaptureError):
    """The display server is there, and said no to this one request."""


class WindowError(Unavailable):
    """The display of this machine that a desktop is shown on is gone or refuses."""


class EncoderError(Unavailable):
    """The encoder failed; the pipeline starts a new one once."""


class EncoderUnavailable(EncoderError):  # noqa: N818 - reads as what it says; the family is an error
    """This encoder can't run here; the hint says why and what to do."""


class WebRtcError(Invalid):
    """What a browser sent to set up WebRTC can't be used."""
