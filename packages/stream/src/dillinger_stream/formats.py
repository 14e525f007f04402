"""What a stream's pictures are encoded as: a pure decision of wish, viewers and what this machine encodes in time.

H.264's baseline is the quickest to encode in software, and nearly every viewer decodes it (`docs/adr/0016-codecs.md`):
it is what a stream begins with and falls back to. Another format needs a wish, a viewer that takes no H.264, or a path
so thin that its fewer bits are worth its cost (`ladder.py`). Leaves the encoders to `encode/codecs.py` and their costs
to `encode/costs.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dillinger_contracts.session import VideoFormat

FormatWish = Literal["auto", "h264", "h264-high", "vp8", "vp9", "av1"]
BASELINE: VideoFormat = "h264"
PRESUMED: frozenset[VideoFormat] = frozenset({BASELINE})
"""What a viewer takes that has not said it yet."""
TITLES: dict[VideoFormat, str] = {
    "h264": "H.264", "h264-high": "H.264 High", "h264-444": "H.264 4:4:4", "vp8": "VP8", "vp9": "VP9", "av1": "AV1",
}  # fmt: skip
THRIFTY: tuple[VideoFormat, ...] = ("av1", "h264-high")
"""Formats that need fewer bits than H.264's baseline, the fewest first. VP9 needs no fewer than High, for three times
the work."""
PLAINEST: tuple[VideoFormat, ...] = (BASELINE, "h264-high", "vp8", "vp9", "av1", "h264-444")
"""What is taken where nothing speaks for another: by what they cost to encode; 4:4:4 is for letters alone."""
IN_TIME_SHARE = 0.5
"""Of the time between two pictures, that encoding one may take: capture, game and display have the rest."""


@dataclass(frozen=True, slots=True)
class CodecWish:
    """What the viewers want, and what all of them can take at present."""

    codec: FormatWish = "auto"
    is_text_sharp: bool = False
    takes: frozenset[VideoFormat] = PRESUMED
    """Decoded by every viewer, and carried by what carries to each."""
    decodes: frozenset[VideoFormat] = PRESUMED
    """Decoded by every viewer, whatever carries."""
    players_take: frozenset[VideoFormat] = PRESUMED
    """As `takes`, of those who play alone: their pictures wait for nobody's who watches."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine encodes, how dearly; empty until that was tried."""

    cost_ms: Mapping[VideoFormat, float] = field(default_factory=dict)
    """For a million pixels in motion."""
    hardware: tuple[str, ...] = ()
    """Graphics cards' encoders that work here, the best first; of H.264's baseline."""

    def takes_ms(self, format_: VideoFormat, pixels: int) -> float | None:
        """For one picture; None is unknown."""
        cost = self.cost_ms.get(format_)
        return None if cost is None else cost * pixels / 1e6

    def in_time(self, format_: VideoFormat, pixels: int, rate_hz: float) -> bool:
        """Whether a picture of this size is made in its time, as far as that is known."""
        takes_ms = self.takes_ms(format_, pixels)
        return takes_ms is not None and takes_ms <= IN_TIME_SHARE * 1000 / rate_hz


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """What to encode as, and why."""

    format: VideoFormat
    reason: str


def choose_format(
    wish: CodecWish, machine: Machine, *, pixels: int, rate_hz: float, is_thrifty: bool = False
) -> FormatChoice:
    """For pictures of `pixels`, `rate_hz` times a second; `is_thrifty` where few bits are worth much."""
    plain = _plainest(wish, machine, pixels, rate_hz)
    if wish.is_text_sharp:
        refusal = _refusal("h264-444", wish, machine, pixels, rate_hz)
        if refusal is None:
            return FormatChoice("h264-444", "H.264 with a colour for every pixel, since sharp text is on")
        return FormatChoice(plain, f"{TITLES[plain]}: {refusal}")
    if wish.codec == plain:
        return FormatChoice(plain, f"{TITLES[plain]}, as you chose")
    if wish.codec != "auto":
        refusal = _refusal(wish.codec, wish, machine, pixels, rate_hz)
        if refusal is None:
            return FormatChoice(wish.codec, f"{TITLES[wish.codec]}, as you chose")
        return FormatChoice(plain, f"{TITLES[plain]}: {refusal}")
    if is_thrifty:
        found = thriftiest(wish, machine, pixels=pixels, rate_hz=rate_hz)
        if found is not None:
            return FormatChoice(found, f"{TITLES[found]}: it needs the fewest bits, and the network carries few")
    if plain != BASELINE:
        return FormatChoice(plain, f"{TITLES[plain]}: {_untaken(BASELINE, wish)}")
    return FormatChoice(plain, f"{TITLES[plain]}: the quickest here")


def thriftiest(wish: CodecWish, machine: Machine, *, pixels: int, rate_hz: float) -> VideoFormat | None:
    """The format with the fewest bits that all viewers take and this machine makes in time, besides the plainest."""
    if wish.codec != "auto" or wish.is_text_sharp:
        return None
    fitting = (one for one in THRIFTY if one in wish.takes and machine.in_time(one, pixels, rate_hz))
    return next(fitting, None)


def offered(machine: Machine, *, pixels: int, rate_hz: float) -> tuple[VideoFormat, ...]:
    """What this machine encodes in time."""
    return tuple(one for one in TITLES if one == "h264" or machine.in_time(one, pixels, rate_hz))


def common_formats(each: Iterable[frozenset[VideoFormat]]) -> frozenset[VideoFormat]:
    """What all take, who counts most first: one that takes nothing of what those before it do is left out."""
    common: frozenset[VideoFormat] | None = None
    for takes in each:
        common = takes if common is None else (common & takes or common)
    return common or PRESUMED


def _plainest(wish: CodecWish, machine: Machine, pixels: int, rate_hz: float) -> VideoFormat:
    """The quickest that all viewers take. Late pictures are better than none, but nobody plays late for a watcher."""
    taken = [one for one in PLAINEST if one in wish.takes]
    slow = {one for one in taken if one in machine.cost_ms and not machine.in_time(one, pixels, rate_hz)} - PRESUMED
    quick = [one for one in taken if one not in slow]
    if quick or (taken and BASELINE not in wish.players_take):
        return (quick or taken)[0]
    return BASELINE


def _untaken(format_: VideoFormat, wish: CodecWish) -> str | None:
    """Why no picture of `format_` would come through to all; None where it would."""
    if format_ not in wish.decodes:
        return f"a viewer's browser can't decode {TITLES[format_]}"
    if format_ not in wish.takes:
        return f"a viewer takes no {TITLES[format_]} over WebRTC"
    return None


def _refusal(format_: VideoFormat, wish: CodecWish, machine: Machine, pixels: int, rate_hz: float) -> str | None:
    """Why `format_` is not to be had; None where it is."""
    title = TITLES[format_]
    untaken = _untaken(format_, wish)
    if untaken is not None:
        return untaken
    takes_ms = machine.takes_ms(format_, pixels)
    if takes_ms is None:
        return f"whether this machine encodes {title} in time is not known (yet)"
    if not machine.in_time(format_, pixels, rate_hz):
        return f"a picture in {title} takes this machine {takes_ms:.0f} ms, too long for {rate_hz:g} a second"
    return None
