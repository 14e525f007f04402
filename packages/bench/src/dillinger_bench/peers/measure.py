"""The figures of one product in one round, the same way for all of them. Blocking; one thread.

Between two looks this sleeps on purpose: it is a bench, and time passing is what it measures.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import fmean

import psutil
from playwright.sync_api import Browser, Page

from dillinger_bench.figures import REFRESH_WAIT_MS, matched, percentile
from dillinger_bench.ledger import family as living_family
from dillinger_bench.measure import Case, Values
from dillinger_bench.metering import meter, processes, pss_bytes
from dillinger_bench.screen import Screen, open_screen
from dillinger_bench.testcard import guest
from dillinger_bench.xclient import XClient

from .base import Family, Mode, Product, Running, family
from .eye import Eye, open_eye
from .quality import motion_ssim
from .traffic import sent_bytes

_SETTLE_S = 2.0
_KEY_HELD_S = 0.03
_KEY_GAPS_S = (0.08, 0.18)
_KEY_DEADLINE_MS = 1000.0
_PICTURES = 3
_BROWSER_MARK = "chrom"


@dataclass(frozen=True, slots=True)
class Effort:
    """How long everything takes."""

    keys: int = 25
    window_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A session and the eye on its page."""

    running: Running
    eye: Eye

    @property
    def first_frame_s(self) -> float:
        """From asking for the session to its first picture in a page loaded anew."""
        return self.eye.first_frame_at - self.running.asked_at


@contextmanager
def watched(browser: Browser, product: Product, case: Case, mode: Mode, number: int = 0) -> Iterator[Watched]:
    """A session of the product, shown in the browser."""
    with product.open(case, mode, number) as running, open_eye(browser, product, running, case) as eye:
        yield Watched(running, eye)


def measure(browser: Browser, product: Product, case: Case, effort: Effort) -> Values:
    """All figures of one session at once."""
    values: Values = {}
    first_frames = []
    with watched(browser, product, case, "idle") as session:
        first_frames.append(session.first_frame_s)
        time.sleep(_SETTLE_S)
        values |= _keys(session, product, case, effort)
        time.sleep(_SETTLE_S)
        values |= _costs([session], "idle", effort)
    with watched(browser, product, case, "light") as session:
        first_frames.append(session.first_frame_s)
        time.sleep(_SETTLE_S)
        values |= _costs([session], "light", effort)
    with watched(browser, product, case, "motion") as session:
        first_frames.append(session.first_frame_s)
        time.sleep(_SETTLE_S)
        values |= motion_figures([session], case, effort)
        values["ssim"] = fmean(motion_ssim(session.eye.picture()) for _ in range(_PICTURES))
    values["first_frame"] = percentile(first_frames, 0.5)
    return values


def measure_many(browser: Browser, product: Product, case: Case, effort: Effort, sessions: int) -> Values:
    """Frames and costs of several sessions in full motion at once."""
    with ExitStack() as stack:
        all_of_them = [
            stack.enter_context(watched(browser, product, case, "motion", number)) for number in range(sessions)
        ]
        time.sleep(_SETTLE_S)
        return motion_figures(all_of_them, case, effort)


def motion_figures(sessions: list[Watched], case: Case, effort: Effort) -> Values:
    """Frames and costs of sessions in full motion."""
    return _costs(sessions, "motion", effort) | _shown(sessions, case, effort)


def _keys(session: Watched, product: Product, case: Case, effort: Effort) -> Values:
    """Keys at the display, seen by the page and by the compositor, then keys in the page; nothing else moves."""
    socket, cookie = session.running.display()
    page = session.eye.page
    with XClient(socket, cookie=cookie) as display:

        def press_at_display() -> float:
            at_ms = time.time() * 1000
            display.key(guest.SPACE, is_down=True)
            page.wait_for_timeout(_KEY_HELD_S * 1000)
            display.key(guest.SPACE, is_down=False)
            return at_ms

        at_display = _press(session.eye, press_at_display, effort)
        shown = _press_before_screen(session.eye, case, press_at_display, effort)
    median = percentile(at_display, 0.5)
    values = {
        "key_to_pixel_p50": median,
        "key_to_pixel_p95": percentile(at_display, 0.95),
        "key_to_pixel_p50_net": median - REFRESH_WAIT_MS,
        "key_to_screen_p50": percentile(shown, 0.5),
        "key_to_screen_p95": percentile(shown, 0.95),
    }
    if product.has_input:

        def press_in_page() -> None:
            page.keyboard.press("Space", delay=_KEY_HELD_S * 1000)

        in_page = _press(session.eye, press_in_page, effort)
        shown = _press_before_screen(session.eye, case, press_in_page, effort)
        values |= {
            "browser_key_p50": percentile(in_page, 0.5),
            "browser_key_p95": percentile(in_page, 0.95),
            "browser_key_to_screen_p50": percentile(shown, 0.5),
            "browser_key_to_screen_p95": percentile(shown, 0.95),
        }
    return values


def _press_all(page: Page, press: Callable[[], float | None], effort: Effort) -> list[float]:
    """Presses keys at moments that don't follow the refresh; when, as far as `press` tells."""
    gaps = random.Random(1)  # noqa: S311 - moments, not secrets
    page.wait_for_timeout(_SETTLE_S / 4 * 1000)
    pressed = []
    for _ in range(effort.keys):
        at_ms = press()
        if at_ms is not None:
            pressed.append(at_ms)
        page.wait_for_timeout(gaps.uniform(*_KEY_GAPS_S) * 1000)
    page.wait_for_timeout(_KEY_DEADLINE_MS)
    return pressed


def _press(eye: Eye, press: Callable[[], float | None], effort: Effort) -> list[float]:
    """Presses keys; each one's delay until the page's eye saw its pixel, ms."""
    eye.watch("flips")
    pressed = _press_all(eye.page, press, effort)
    seen = eye.seen()
    eye.watch("nothing")
    return matched(pressed or seen["keys"], seen["flips"], _KEY_DEADLINE_MS)


def _press_before_screen(eye: Eye, case: Case, press: Callable[[], float | None], effort: Effort) -> list[float]:
    """The same, until the compositor's picture showed it; the page's eye rests."""
    eye.watch("nothing")
    with open_screen(eye.page, case.width_px, case.height_px) as screen:
        pressed = _press_all(eye.page, press, effort)
        keys = eye.seen()["keys"]
    return matched(pressed or keys, screen.flips(), _KEY_DEADLINE_MS)


def family_of(sessions: list[Watched]) -> Family:
    """All processes of these sessions' product."""
    found = processes()
    families = [family(found, *session.running.roots()) for session in sessions]
    return Family(
        frozenset().union(*(one.all for one in families)),
        frozenset().union(*(one.session for one in families)),
        frozenset().union(*(one.display for one in families)),
    )


def _costs(sessions: list[Watched], mode: Mode, effort: Effort) -> Values:
    """CPU of the product, of its display servers alone, and of the browser; memory once everything moves."""
    ours = family_of(sessions)
    browser = [process.pid for process in living_family([psutil.Process().pid]) if _BROWSER_MARK in process.name()]
    used = meter({"all": ours.all, "display": ours.display, "browser": browser}, effort.window_s, time.sleep)
    values = {f"cpu_{mode}": used["all"], f"cpu_{mode}_display": used["display"]}
    if mode == "motion":
        values["cpu_browser"] = used["browser"]
        memory = {pid: pss_bytes([pid]) / 1e6 for pid in ours.all}
        values["memory"] = sum(memory[pid] for pid in ours.session)
        values["memory_all"] = sum(memory.values())
    return values


def _shown(sessions: list[Watched], case: Case, effort: Effort) -> Values:
    """Different pictures composed a second, of the session that shows the fewest, and what they take."""
    bytes_before = _bytes(sessions)
    began_s = time.monotonic()
    with ExitStack() as stack:
        screens: list[Screen] = [
            stack.enter_context(open_screen(session.eye.page, case.width_px, case.height_px)) for session in sessions
        ]
        sessions[0].eye.page.wait_for_timeout(effort.window_s * 1000)
    span_s = time.monotonic() - began_s
    bytes_after = _bytes(sessions)
    values = {"shown_fps": min(screen.shown_fps() for screen in screens)}
    if bytes_before is not None and bytes_after is not None:
        values["bitrate"] = 8 * (bytes_after - bytes_before) / span_s / 1e6 / len(sessions)
    return values


def _bytes(sessions: list[Watched]) -> int | None:
    """What the products sent to the browser so far, over TCP and over WebRTC."""
    by_tcp = [sent_bytes(port) for port in {session.running.tcp_port for session in sessions}]
    if None in by_tcp:
        return None
    return sum(filter(None, by_tcp)) + sum(session.eye.received_bytes() for session in sessions)
