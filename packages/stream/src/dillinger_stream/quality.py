"""What a stream's pictures are to be: the viewers' wishes, the ladder and the machine, brought together. Belongs to the
pipeline's thread; only `told` is read by others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from dillinger_contracts.session import Preference, VideoFormat

from .encode.base import SOFTWARE, EncoderSettings
from .formats import BASELINE, TITLES, CodecWish, FormatChoice, Machine, choose_format, offered, thriftiest
from .ladder import FULL, HALF, THREE_QUARTERS, Bounds, QualityLadder

_LEAST_LINES = 270
"""Lower than that nobody wants a picture, however thin the path is."""


@dataclass(frozen=True, slots=True)
class ToldQuality:
    """What viewers are told of how their pictures are made."""

    limit_hz: float | None = None
    """Pictures a second, where they are kept to fewer than are wished."""
    limit_reason: str | None = None
    codec_reason: str | None = None
    formats: tuple[VideoFormat, ...] = ("h264",)
    """What this machine encodes in time."""


class Quality:
    """Of one stream."""

    def __init__(self, machine: Callable[[], Machine] = Machine) -> None:
        self._machine = machine
        self._ladder = QualityLadder()
        self._preference: Preference = "balanced"
        self._bounds = Bounds(60.0)
        self._applied_step = 0
        self._refusals: dict[str, str] = {}
        """Format or engine → why it is not taken again."""
        self.told = ToldQuality()

    @property
    def has_moved(self) -> bool:
        """Whether the ladder asks for other settings than were given out last."""
        return self._ladder.step != self._applied_step

    def saw(self, now_ns: int, quantizer: int) -> None:
        """A picture of motion was encoded."""
        self._ladder.saw(now_ns, quantizer, self._bounds)

    def refused(self, settings: EncoderSettings, why: str) -> bool:
        """An encoder failed: whether there is another way to go on with. This one is not taken again."""
        if settings.engine != SOFTWARE:
            self._refusals[settings.engine] = why
            return True
        if settings.format == BASELINE:
            return False
        self._refusals[settings.format] = why
        return True

    def settings(
        self, before: EncoderSettings, *, bitrate_bps: int, rate_hz: float, preference: Preference, codec: CodecWish
    ) -> EncoderSettings:
        """What the encoder of a desktop as large as `before` is to be opened with, or changed to."""
        if preference != self._preference:
            self._preference = preference
            self._ladder.prefer(preference)
        known = self._machine()
        machine = Machine(
            {one: cost for one, cost in known.cost_ms.items() if one not in self._refusals},
            tuple(engine for engine in known.hardware if engine not in self._refusals),
        )
        codec = replace(codec, takes=codec.takes - self._refusals.keys())
        pixels = before.width_px * before.height_px
        least = _least_scale(before.height_px)
        small = int(pixels * least * least)
        has_thrifty = thriftiest(codec, machine, pixels=small, rate_hz=30) is not None
        self._bounds = Bounds(rate_hz, least, has_thrifty, bitrate_bps)
        self._applied_step = self._ladder.step
        rung = self._ladder.rung(self._bounds)
        pixels = int(pixels * rung.scale * rung.scale)
        choice = choose_format(codec, machine, pixels=pixels, rate_hz=rung.most_hz, is_thrifty=rung.is_thrifty)
        engine = machine.hardware[0] if machine.hardware and choice.format == BASELINE else SOFTWARE
        self._tell(self._explained(choice, engine, codec), machine, rung.most_hz, pixels)
        return replace(
            before, bitrate_bps=bitrate_bps, rate_hz=rung.most_hz, scale=rung.scale, format=choice.format, engine=engine
        )

    def _explained(self, choice: FormatChoice, engine: str, codec: CodecWish) -> str:
        if engine != SOFTWARE:
            return f"{choice.reason}, by {engine} on this machine's graphics card (unverified)"
        wished = "h264-444" if codec.is_text_sharp else codec.codec
        if wished in self._refusals:
            return f"{TITLES[choice.format]}: {self._refusals[wished]}"
        lost = [why for name, why in self._refusals.items() if name in self._machine().hardware]
        return f"{choice.reason}, in software: {lost[0]}" if lost else choice.reason

    def _tell(self, codec_reason: str, machine: Machine, rate_hz: float, pixels: int) -> None:
        self.told = ToldQuality(
            limit_hz=rate_hz if rate_hz < self._bounds.wish_hz else None,
            limit_reason=self._ladder.reason(self._bounds),
            codec_reason=codec_reason,
            formats=offered(machine, pixels=pixels, rate_hz=rate_hz),
        )


def _least_scale(height_px: int) -> Fraction:
    fitting = (scale for scale in (HALF, THREE_QUARTERS) if height_px * scale >= _LEAST_LINES)
    return next(fitting, FULL)
