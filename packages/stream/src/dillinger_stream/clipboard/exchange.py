"""One viewer's half of sharing clips, sans-IO: who has something new offers it, the other side asks part after part.

Asking keeps a large picture from standing in the way of the stream: there is never more than one part under way. A
newer offer replaces an older one, and what belongs to an older one is ignored.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from dillinger_contracts.clips import MOST_CLIP_BYTES, ClipboardOffer, ClipboardPart, ClipboardWant
from dillinger_contracts.errors import Invalid

from .base import Clip, checked

PART_BYTES = 45_000
"""In base64 and JSON less than what a signaling message may have."""


@dataclass(slots=True)
class _Coming:
    offer: ClipboardOffer
    data: bytearray = field(default_factory=bytearray)


class ClipExchange:
    """What this side offers and what it fetches, each one clip at most."""

    def __init__(self) -> None:
        self._serial = 0
        self._own: Clip | None = None
        self._coming: _Coming | None = None

    def offer(self, clip: Clip) -> ClipboardOffer:
        """What to tell the other side of a new clip."""
        self._serial += 1
        self._own = clip
        return ClipboardOffer(serial=self._serial, kind=clip.kind, size_bytes=len(clip.data))

    def wanted(self, want: ClipboardWant) -> ClipboardPart | None:
        """The part that was asked for; None for an older clip. Raises `Invalid`."""
        if self._own is None or want.serial != self._serial:
            return None
        if want.offset >= len(self._own.data):
            raise Invalid("There is nothing there of the copied data", field="offset")
        part = self._own.data[want.offset : want.offset + PART_BYTES]
        return ClipboardPart(serial=want.serial, offset=want.offset, data=base64.b64encode(part).decode())

    def offered(self, offer: ClipboardOffer) -> ClipboardWant:
        """The first question for what was offered; raises `Invalid` where it is too much."""
        self._coming = None
        if offer.size_bytes > MOST_CLIP_BYTES[offer.kind]:
            raise Invalid(
                f"At most {MOST_CLIP_BYTES[offer.kind]} bytes of {offer.kind} can be pasted", field="size_bytes"
            )
        self._coming = _Coming(offer)
        return ClipboardWant(serial=offer.serial, offset=0)

    def part(self, part: ClipboardPart) -> ClipboardWant | Clip | None:
        """The next question, or the whole clip; None for an older one. Raises `Invalid`, and forgets the clip."""
        coming, self._coming = self._coming, None
        if coming is None or part.serial != coming.offer.serial:
            self._coming = coming
            return None
        if part.offset != len(coming.data):
            raise Invalid("This part of the copied data was not asked for", field="offset")
        try:
            data = base64.b64decode(part.data, validate=True)
        except binascii.Error as error:
            raise Invalid("Copied data travels in base64", field="data") from error
        coming.data += data
        size = coming.offer.size_bytes
        if not data or len(coming.data) > size:
            raise Invalid("The copied data is not as large as was said", field="data")
        if len(coming.data) == size:
            return checked(coming.offer.kind, bytes(coming.data))
        self._coming = coming
        return ClipboardWant(serial=part.serial, offset=len(coming.data))
