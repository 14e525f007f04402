"""Plays the test card over a link that gets bad, and takes the figures of what was seen. Blocking; one thread."""

from __future__ import annotations

import base64
import random
import time
from dataclasses import dataclass
from typing import Any

from dillinger_bench.figures import percentile
from dillinger_bench.measure import CASES, Bench, Values
from dillinger_bench.testcard import guest
from dillinger_bench.viewer import Viewer

from . import timeline
from .lab import NetworkLab
from .link import Bin, LinkProfile
from .scenarios import Scenario
from .timeline import Window

_KEY_HELD_MS = 30
_LAST_KEY_S = 1.0
"""So long before the end no key is pressed any more: there is to be time for it to be seen."""
_LEAST_COUNT = 5


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the page noted, on this process's monotonic clock."""

    shown_s: list[float]
    pressed_s: list[float]
    presses: list[tuple[float, int]]
    quality: list[tuple[float, float]]
    carried: list[tuple[float, str]]
    """When the transport that shows the picture changed, and to what."""


def measure_scenario(bench: Bench, lab: NetworkLab, scenario: Scenario) -> Values:
    """The figures of one scenario; the page is opened while the link has its delay and nothing worse."""
    first = scenario.phases[0]
    lab.set(LinkProfile(delay_ms=first.down.delay_ms), LinkProfile(delay_ms=first.up.delay_ms))
    with bench.playing("testcard-motion", CASES[0]) as viewer:
        _prepare(viewer)
        lab.report()
        began_s = time.monotonic()
        carried: list[tuple[float, str]] = []
        starts = []
        for phase in scenario.phases:
            starts.append(lab.set(phase.down, phase.up))
            _press_keys(viewer, starts[-1] + phase.duration_s, carried)
        ended_s = time.monotonic()
        bins = lab.report()["down"]
        lab.set(LinkProfile(), LinkProfile())  # so that leaving does not take for ever
        seen = _read(viewer, carried)
    whole = Window(began_s + scenario.settle_s, ended_s)
    return _viewer_figures(seen, whole) | _link_figures(bins, scenario, whole, starts)


def _prepare(viewer: Viewer) -> None:
    luma = bytes(
        round(0.299 * (pixel >> 16) + 0.587 * (pixel >> 8 & 0xFF) + 0.114 * (pixel & 0xFF))
        for pixel in guest.tile_pixels()
    )
    tile = [base64.b64encode(luma).decode(), guest.TILE_PX, list(guest.TILE_STEP_PX)]
    viewer.page.evaluate("([luma, size, steps]) => dillingerProbe.drawnFrom(luma, size, steps)", tile)
    viewer.by_id("stage").focus()
    viewer.page.evaluate("dillingerProbe.watch('timeline')")


def _press_keys(viewer: Viewer, until_s: float, carried: list[tuple[float, str]]) -> None:
    """Keys at moments that don't follow the refresh, until the phase is over."""
    gaps = random.Random(1)  # noqa: S311 - moments, not secrets
    while (left_s := until_s - time.monotonic()) > 0:
        if left_s > _LAST_KEY_S:
            viewer.page.keyboard.press("Space", delay=_KEY_HELD_MS)
        kind = str((viewer.player() or {}).get("transport"))
        if not carried or carried[-1][1] != kind:
            carried.append((time.monotonic(), kind))
        time.sleep(max(0.0, min(until_s - time.monotonic(), gaps.uniform(0.2, 0.4))))


def _read(viewer: Viewer, carried: list[tuple[float, str]]) -> _Seen:
    seen: dict[str, Any] = viewer.page.evaluate("dillingerProbe.seen")
    ahead_s = time.time() - time.monotonic()

    def here(at_ms: float) -> float:
        return at_ms / 1000 - ahead_s

    return _Seen(
        shown_s=[here(at_ms) for at_ms, _ in seen["shown"]],
        pressed_s=[here(at_ms) for at_ms in seen["keys"]],
        presses=[(here(at_ms), count) for at_ms, count in seen["presses"]],
        quality=[(here(at_ms), psnr) for at_ms, psnr in seen["quality"]],
        carried=carried,
    )


def _viewer_figures(seen: _Seen, window: Window) -> Values:
    delays = timeline.key_delays(seen.pressed_s, seen.presses, 0)
    in_window = [delay for at_s, delay in zip(seen.pressed_s, delays, strict=True) if window.holds(at_s)]
    frozen = timeline.freezes(seen.shown_s, window)
    quality = [psnr for at_s, psnr in seen.quality if window.holds(at_s)]
    length_s = window.end_s - window.start_s
    values = {
        "shown_fps": sum(window.holds(at_s) for at_s in seen.shown_s) / length_s,
        "freezes": float(len(frozen)),
        "longest_freeze": 1000 * max(frozen, default=0.0),
        "webrtc_share": _share(seen.carried, "webrtc", window),
    }
    if len(in_window) >= _LEAST_COUNT:
        values["browser_key_p50"] = 1000 * percentile(in_window, 0.5)
        values["browser_key_p95"] = 1000 * percentile(in_window, 0.95)
    if len(quality) >= _LEAST_COUNT:
        values["picture_psnr"] = percentile(quality, 0.5)
    return values


def _share(carried: list[tuple[float, str]], kind: str, window: Window) -> float:
    """Per cent of the window in which `kind` carried."""
    ends = [at_s for at_s, _ in carried[1:]] + [window.end_s]
    held_s = sum(
        max(0.0, min(end_s, window.end_s) - max(at_s, window.start_s))
        for (at_s, name), end_s in zip(carried, ends, strict=True)
        if name == kind
    )
    return 100 * held_s / (window.end_s - window.start_s)


def _link_figures(bins: list[Bin], scenario: Scenario, window: Window, starts: list[float]) -> Values:
    values = {
        "bitrate": timeline.rate_bps(bins, window) / 1e6,
        "link_loss": 100 * timeline.loss_ratio(bins, window),
        "queue_p95": timeline.queue_ms(bins, window, 0.95),
        "queue_max": timeline.queue_ms(bins, window, 1.0),
    }
    place = scenario.recovers_in_phase
    if place is not None and (link_bps := scenario.phases[place].down.rate_bps):
        before_bps = timeline.rate_bps(bins, Window(window.start_s, starts[1]))
        goal_bps = min(link_bps, before_bps)
        values["recovery"] = timeline.recovery_s(bins, Window(starts[place], window.end_s), goal_bps)
    return values
