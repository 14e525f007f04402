"""What a player shares with the game beside keys and pointer: what is copied and pasted, and a voice.

One for each player's conversation; a watcher has none. On the loop.
"""

from __future__ import annotations

from collections.abc import Callable

from dillinger_contracts.clips import ClipboardOffer, ClipboardPart, ClipboardTaken, ClipboardWant
from dillinger_contracts.errors import Unsupported
from dillinger_contracts.signaling import FromSeat

from .clipboard.base import Clip, Clipboard
from .clipboard.exchange import ClipExchange
from .sound.voice import Voice, VoiceDecoder

ClipMessage = ClipboardOffer | ClipboardWant | ClipboardPart


class Sharing:
    """Between one player and the game's clipboard and microphone; either may not be there."""

    def __init__(
        self, clipboard: Clipboard | None, voice: Voice | None, *, speaker: int, say: Callable[[FromSeat], None]
    ) -> None:
        """`speaker` is the peer's id."""
        self._clipboard = clipboard
        self._voice = voice
        self._speaker = speaker
        self._say = say
        self._clips = ClipExchange()
        self._decoder: VoiceDecoder | None = None

    @property
    def has_clipboard(self) -> bool:
        """Whether there is something to paste into."""
        return self._clipboard is not None

    @property
    def has_microphone(self) -> bool:
        """Whether the game can hear anybody."""
        return self._voice is not None

    def offer(self, clip: Clip) -> None:
        """The game copied `clip`."""
        self._say(self._clips.offer(clip))

    def take_clip_message(self, message: ClipMessage) -> None:
        """Answers, and gives the game a clip that is whole; raises `Invalid` or `Unsupported`."""
        if self._clipboard is None:
            raise Unsupported("Nothing can be copied and pasted here")
        if isinstance(message, ClipboardOffer):
            answer: ClipboardWant | ClipboardPart | Clip | None = self._clips.offered(message)
        elif isinstance(message, ClipboardWant):
            answer = self._clips.wanted(message)
        else:
            answer = self._clips.part(message)
        if isinstance(answer, Clip):
            self._clipboard.give(answer, lambda: self._say(ClipboardTaken(serial=message.serial)))
        elif answer is not None:
            self._say(answer)

    def take_voice(self, packet: bytes) -> None:
        """One packet of Opus; raises `Invalid`, `Unsupported` or `Unavailable`."""
        if self._voice is None:
            raise Unsupported("The game can't hear anybody")
        if self._decoder is None:
            self._decoder = VoiceDecoder()
        self._voice.hear(self._speaker, self._decoder.decode(packet))
