"""Plays the test card over a link that gets bad, and takes the figures of what was seen. Blocking; one thread."""

from __future__ import annotations

import base64
import random
import time
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from dillinger_bench.figures import percentile
from dillinger_bench.measure import Values
from dillinger_bench.peers.quality import LENS, lens_likeness

from . import timeline
from .lab import NetworkLab
from .link import Bin, LinkProfile
from .scenarios import Scenario
from .sides import CASE, Shown, Side
from .timeline import Window

_KEY_HELD_MS = 30
_LAST_KEY_S = 1.0
"""So long before the end no key is pressed any more: there is to be time for it to be seen."""
_LEAST_COUNT = 5
_BEFORE_S = 1.0
"""What is sent before the link narrows is taken over so long."""


@dataclass(slots=True)
class _Seen:
    """What the page noted so far, on this process's monotonic clock."""

    page: Page
    shown_s: list[float] = field(default_factory=list)
    pressed_s: list[float] = field(default_factory=list)
    presses: list[tuple[float, int]] = field(default_factory=list)
    lenses: list[tuple[float, bytes]] = field(default_factory=list)
    """A piece of a shown picture: luma."""
    carried: list[tuple[float, str]] = field(default_factory=list)
    """When what carries the picture changed, and to what; empty where the page does not tell."""

    def take(self) -> None:
        """Takes in what was seen since; the first time, and after the page has loaded itself anew, opens the eye."""
        try:
            seen: dict[str, Any] = self.page.evaluate(_script(), [CASE.width_px, LENS])
        except PlaywrightError:  # it is loading itself anew
            return
        ahead_s = time.time() - time.monotonic()
        self.shown_s += [at_ms / 1000 - ahead_s for at_ms, _ in seen["shown"]]
        self.pressed_s += [at_ms / 1000 - ahead_s for at_ms in seen["keys"]]
        self.presses += [(at_ms / 1000 - ahead_s, count) for at_ms, count in seen["presses"]]
        self.lenses += [(at_ms / 1000 - ahead_s, base64.b64decode(luma)) for at_ms, luma in seen["lenses"]]

    def note_carrier(self, kind: str | None) -> None:
        """What carries the picture now."""
        if kind is not None and (not self.carried or self.carried[-1][1] != kind):
            self.carried.append((time.monotonic(), kind))


@cache
def _script() -> str:
    return resources.files(__package__).joinpath("watch.js").read_text("utf-8")


def measure_scenario(side: Side, lab: NetworkLab, scenario: Scenario) -> Values:
    """The figures of one scenario; the page is opened while the link has its delay and nothing worse."""
    first = scenario.phases[0]
    lab.set(LinkProfile(delay_ms=first.down.delay_ms), LinkProfile(delay_ms=first.up.delay_ms))
    with side.open() as shown:
        seen = _Seen(shown.page)
        seen.take()
        lab.report()
        began_s = time.monotonic()
        starts = []
        for phase in scenario.phases:
            starts.append(lab.set(phase.down, phase.up))
            _press_keys(shown, starts[-1] + phase.duration_s, seen)
        ended_s = time.monotonic()
        bins = lab.report()["down"]
        lab.set(LinkProfile(), LinkProfile())  # so that leaving does not take for ever
        seen.take()
    whole = Window(began_s + scenario.settle_s, ended_s)
    return _viewer_figures(seen, whole) | _link_figures(bins, scenario, whole, starts)


def _press_keys(shown: Shown, until_s: float, seen: _Seen) -> None:
    """Keys at moments that don't follow the refresh, until the phase is over."""
    gaps = random.Random(1)  # noqa: S311 - moments, not secrets
    while (left_s := until_s - time.monotonic()) > 0:
        if left_s > _LAST_KEY_S:
            shown.page.keyboard.press("Space", delay=_KEY_HELD_MS)
        seen.take()
        seen.note_carrier(shown.carrier())
        time.sleep(max(0.0, min(until_s - time.monotonic(), gaps.uniform(0.2, 0.4))))


def _viewer_figures(seen: _Seen, window: Window) -> Values:
    delays = timeline.key_delays(seen.pressed_s, seen.presses, 0)
    in_window = [delay for at_s, delay in zip(seen.pressed_s, delays, strict=True) if window.holds(at_s)]
    frozen = timeline.freezes(seen.shown_s, window)
    length_s = window.end_s - window.start_s
    values = {
        "shown_fps": sum(window.holds(at_s) for at_s in seen.shown_s) / length_s,
        "freezes": float(len(frozen)),
        "longest_freeze": 1000 * max(frozen, default=0.0),
    }
    if seen.carried:
        values["webrtc_share"] = _share(seen.carried, "webrtc", window)
    if len(in_window) >= _LEAST_COUNT:
        values["browser_key_p50"] = 1000 * percentile(in_window, 0.5)
        values["browser_key_p95"] = 1000 * percentile(in_window, 0.95)
    return values | _likeness([luma for at_s, luma in seen.lenses if window.holds(at_s)])


def _likeness(lenses: list[bytes]) -> Values:
    """How near the shown pictures were to the drawn ones."""
    if len(lenses) < _LEAST_COUNT:
        return {}
    _, _, width_px, height_px = LENS
    found = [lens_likeness(np.frombuffer(luma, dtype=np.uint8).reshape(height_px, width_px)) for luma in lenses]
    return {
        "picture_psnr": percentile([psnr_db for psnr_db, _ in found], 0.5),
        "picture_ssim": percentile([likeness for _, likeness in found], 0.5),
    }


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
        values |= _drop_figures(bins, scenario, Window(starts[place - 1], starts[place]))
    return values


def _drop_figures(bins: list[Bin], scenario: Scenario, narrow: Window) -> Values:
    """The queue while the link is narrow: what nobody could prevent of it, how long it took to go, what came then."""
    assert scenario.recovers_in_phase is not None
    before_bps = timeline.rate_bps(bins, Window(narrow.start_s - _BEFORE_S, narrow.start_s))
    profile = scenario.phases[scenario.recovers_in_phase - 1].down
    later = Window(narrow.start_s + timeline.drained_s(bins, narrow), narrow.end_s)
    values = {
        "queue_floor": timeline.queue_floor_ms(before_bps, profile, scenario.round_trip_s),
        "queue_drain": later.start_s - narrow.start_s,
    }
    if later.start_s < later.end_s:
        values["queue_after"] = timeline.queue_ms(bins, later, 0.95)
    return values
