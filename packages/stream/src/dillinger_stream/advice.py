"""What to do when a stage of a stream takes too long, told with the figures that say so. Pure: a table of rules.

What can be tuned without asking anybody is tuned already: bitrate and pace follow the path (`transport/rate.py`), frame
rate, size and codec follow the bitrate (`ladder.py`), and lossy paths get packets twice (`duplication.py`). A rule says
where that is at work and what a person can change that no program may: a setting, a machine, a cable. A stage has a
budget (what it takes on a good day), yet a rule speaks up only where the stage costs pictures or a delay that is felt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dillinger_contracts.session import VideoFormat
from dillinger_contracts.signaling import TransportKind
from dillinger_contracts.stages import Advice, Stage

from .formats import BASELINE, TITLES

MOST_TOLD = 3
_HD_PX = 1280 * 720
_FELT_MS = 25.0
"""A delay of one stage that a player notices."""
_SLOW_GAME_FPS = 24.0
"""Films have as many; a program that is drawn more slowly, steadily, is a slow one."""
_LEAST_FPS = 5.0


@dataclass(frozen=True, slots=True)
class Situation:
    """A second of one viewer's stream; None is unknown."""

    p50: Mapping[Stage, float]
    p95: Mapping[Stage, float]
    rate_hz: float = 60.0
    """What is wished."""
    size_px: tuple[int, int] = (1280, 720)
    format: VideoFormat = BASELINE
    is_hardware: bool = False
    transport: TransportKind | None = None
    capture_fps: float = 0.0
    shown_fps: float | None = None
    is_steady: bool = False
    """Pictures were captured at even intervals."""
    cpu_share: float | None = None
    loss_ratio: float | None = None
    wish_bps: int = 0
    target_bps: int | None = None
    """What the path bears; None where it bears the wish."""
    limit_reason: str | None = None
    has_graphics_card: bool = False

    @property
    def interval_ms(self) -> float:
        """Between two pictures."""
        return 1000 / max(self.rate_hz, 1.0)

    @property
    def encoding_ms(self) -> float:
        """Conversion and encoder, median."""
        return self.p50.get("convert", 0.0) + self.p50.get("encode", 0.0)

    @property
    def is_large(self) -> bool:
        """More pixels than 720p."""
        return self.size_px[0] * self.size_px[1] > _HD_PX


Words = tuple[str, str]
"""The reason, and what to do."""


def budget_ms(stage: Stage, size_px: tuple[int, int]) -> float | None:
    """What a stage takes on a good day, of software encoders over a loopback; None where that is the network's affair.

    Conversion and encoder share one budget, which grows with the picture; so do decoder and drawing.
    """
    if stage in ("convert", "encode"):
        return 2.5 * max(1.0, size_px[0] * size_px[1] / _HD_PX)
    budgets: dict[Stage, float] = {
        "wait": 1.0, "capture": 1.0, "queue": 1.0, "packetise": 1.0, "send": 1.0, "relay": 1.0,
        "decode": 2.0, "paint": 2.0,
    }  # fmt: skip
    return budgets.get(stage)


def advise(now: Situation) -> tuple[Advice, ...]:
    """The gravest first; what follows from another is left out."""
    told: list[Advice] = []
    hidden: set[str] = set()
    for rule in RULES:
        words = None if rule.code in hidden else rule.words(now)
        if words is not None:
            hidden |= rule.hides
            told.append(Advice(code=rule.code, reason=words[0], action=words[1]))
    return tuple(told[:MOST_TOLD])


def _cpu_starved(now: Situation) -> Words | None:
    if now.cpu_share is None or now.cpu_share >= 0.75 or now.encoding_ms < 0.3 * now.interval_ms:
        return None
    return (
        f"The encoder had a processor for {now.cpu_share:.0%} of the time that it worked ({now.encoding_ms:.1f} ms a "
        "picture): other programs, or the game itself, take the rest",
        "End what else runs on this machine, or choose the quality Saver and give the game fewer cores",
    )


def _encode_slow(now: Situation) -> Words | None:
    if now.encoding_ms <= 0.6 * now.interval_ms:
        return None
    size = f"{now.size_px[0]}x{now.size_px[1]}"
    reason = (
        f"Conversion and {TITLES[now.format]} take {now.encoding_ms:.1f} ms a picture of {size}; a good figure is "
        f"{budget_ms('encode', now.size_px):.1f}, and there are {now.interval_ms:.1f} between two"
    )
    if now.format != BASELINE and not now.is_hardware:
        return reason, f"Choose {TITLES[BASELINE]} in the bar's stream menu: it is the quickest here"
    if now.is_large:
        return reason, "Make the window smaller, or let the game draw at 1280x720: the cost grows with the pixels"
    return reason, "Choose the quality Saver (half the pictures), or a machine with faster cores or a graphics card"


def _capture_slow(now: Situation) -> Words | None:
    capture_ms = now.p50.get("capture", 0.0)
    if capture_ms <= 0.25 * now.interval_ms:
        return None
    return (
        f"Taking a picture from the display server takes {capture_ms:.1f} ms; a good figure is 1",
        "Make the window smaller; on a desktop of your own, stream X11 or a wlroots compositor rather than the portal",
    )


def _network_thin(now: Situation) -> Words | None:
    if now.target_bps is None or not now.wish_bps or now.target_bps >= 0.9 * now.wish_bps:
        return None
    fitted = now.limit_reason or "Only their bitrate was lowered"
    return (
        f"The path carries {now.target_bps / 1e6:.1f} of the {now.wish_bps / 1e6:.1f} Mbit/s wished, and pictures are "
        f"made to fit. {fitted}",
        "Use a cable, or a nearer or quieter wireless network; if it lasts, choose a lower quality",
    )


def _loss(now: Situation) -> Words | None:
    if now.loss_ratio is None or now.loss_ratio < 0.02:
        return None
    return (
        f"{now.loss_ratio:.1%} of the packets are lost on the way; what can be is sent again or twice",
        "Use a cable, or a nearer or quieter wireless network",
    )


def _network_far(now: Situation) -> Words | None:
    network_ms = now.p50.get("network", 0.0)
    if network_ms <= _FELT_MS:
        return None
    return (
        f"{network_ms:.0f} ms of a picture's way are the network's, each way",
        "Play from nearer by, or without the VPN or proxy between: no setting shortens the way",
    )


def _queue_long(now: Situation) -> Words | None:
    queue_ms = now.p50.get("queue", 0.0)
    if queue_ms <= 0.4 * now.interval_ms:
        return None
    return (
        f"Pictures that are ready wait {queue_ms:.1f} ms for their turn to be sent; a good figure is 1",
        "Have fewer people watch, or give the seat's machine another core",
    )


def _send_slow(now: Situation) -> Words | None:
    send_ms = now.p50.get("send", 0.0)
    if send_ms <= 0.5 * now.interval_ms:
        return None
    return (
        f"Sending a picture takes {send_ms:.1f} ms, pacing and encryption included; a good figure is 1",
        "Choose a lower quality: pictures of fewer bytes leave sooner",
    )


def _relay_slow(now: Situation) -> Words | None:
    relay_ms = now.p50.get("relay", 0.0)
    if relay_ms <= 0.25 * now.interval_ms:
        return None
    return (
        f"Core holds what it passes on for {relay_ms:.1f} ms; a good figure is below 1",
        "Choose WebRTC in the bar's stream menu, which passes core by, or give core's machine another core",
    )


def _delivery_slow(now: Situation) -> Words | None:
    delivery_ms = now.p50.get("delivery", 0.0)
    if delivery_ms <= _FELT_MS:
        return None
    reason = f"{delivery_ms:.0f} ms go by between the network and the browser's decoder"
    if now.transport == "webrtc":
        return reason, "Choose WebSocket in the bar's stream menu where the network loses nothing: there nothing waits"
    return reason, "Close other tabs and programs of the browser's machine: it takes messages late"


def _decode_slow(now: Situation) -> Words | None:
    decode_ms = now.p50.get("decode", 0.0)
    if decode_ms <= 0.6 * now.interval_ms:
        return None
    reason = (
        f"The browser decodes a picture in {decode_ms:.1f} ms; a good figure is 2, and there are "
        f"{now.interval_ms:.1f} between two"
    )
    if now.format != BASELINE:
        return reason, f"Choose {TITLES[BASELINE]} in the bar's stream menu: browsers decode it soonest"
    return reason, "Switch the browser's hardware acceleration on, or make the window smaller"


def _paint_slow(now: Situation) -> Words | None:
    paint_ms = now.p50.get("paint", 0.0)
    if paint_ms <= 0.3 * now.interval_ms:
        return None
    return (
        f"The browser draws a picture in {paint_ms:.1f} ms: it draws in software; a good figure is 2",
        "Switch the browser's hardware acceleration on, or use a Chromium, where frames go to the screen undrawn",
    )


def _shown_less(now: Situation) -> Words | None:
    if now.shown_fps is None or now.capture_fps < 20 or now.shown_fps >= 0.75 * now.capture_fps:
        return None
    return (
        f"{now.capture_fps:.0f} pictures a second are made, and {now.shown_fps:.0f} shown",
        "Keep the game's tab in front, and look at the screen's refresh rate and the browser's power saving",
    )


def _game_slow(now: Situation) -> Words | None:
    is_slow = _LEAST_FPS <= now.capture_fps < min(_SLOW_GAME_FPS, 0.6 * now.rate_hz)
    if not (is_slow and now.is_steady) or now.limit_reason is not None:
        return None
    where = "" if now.has_graphics_card else "; there is no graphics card here, so it is drawn in software"
    return (
        f"The program itself draws {now.capture_fps:.0f} pictures a second; nothing of the stream holds it back{where}",
        "Lower the game's resolution or details",
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may be wrong."""

    code: str
    words: Callable[[Situation], Words | None]
    """None where it is not."""
    hides: frozenset[str] = frozenset()
    """What follows from it."""


RULES: tuple[Rule, ...] = (
    Rule("cpu_starved", _cpu_starved, frozenset({"encode_slow", "capture_slow", "queue_long", "game_slow"})),
    Rule("encode_slow", _encode_slow, frozenset({"queue_long", "game_slow"})),
    Rule("capture_slow", _capture_slow, frozenset({"game_slow"})),
    Rule("network_thin", _network_thin, frozenset({"send_slow", "queue_long", "shown_less", "game_slow"})),
    Rule("loss", _loss, frozenset({"delivery_slow", "shown_less"})),
    Rule("decode_slow", _decode_slow, frozenset({"shown_less", "delivery_slow"})),
    Rule("paint_slow", _paint_slow, frozenset({"shown_less"})),
    Rule("queue_long", _queue_long),
    Rule("send_slow", _send_slow),
    Rule("relay_slow", _relay_slow),
    Rule("network_far", _network_far),
    Rule("delivery_slow", _delivery_slow),
    Rule("shown_less", _shown_less),
    Rule("game_slow", _game_slow),
)
"""The gravest first."""
