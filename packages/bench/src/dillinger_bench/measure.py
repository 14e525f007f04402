"""The measurements themselves: plays the test card in a browser and takes the figures from outside.

Blocking; one thread. Nothing of what is measured is asked for its opinion, apart from the stage times, which only the
stages know. Between two looks this sleeps on purpose: it is a bench, and time passing is what it measures.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources
from typing import Any, Literal

from playwright.sync_api import Browser

from .client import RunnerClient
from .figures import REFRESH_WAIT_MS, matched, percentile
from .metering import listener_pid, meter, processes, pss_bytes, seat_pid, split
from .screen import open_screen
from .target import Target
from .testcard import guest
from .testcard.install import ON_WAYLAND
from .viewer import Viewer, new_context
from .waiting import wait_until
from .xclient import XClient

Values = dict[str, float]
Transport = Literal["auto", "websocket", "webrtc"]
Desktop = Literal["x11", "wayland"]

_SETTLE_S = 2.0
_KEY_DEADLINE_MS = 1000.0
_KEY_HELD_S = 0.03


@dataclass(frozen=True, slots=True)
class Case:
    """One size of the picture."""

    name: str
    width_px: int
    height_px: int
    suffix: str = ""
    """Of the test card's game ids."""
    desktop: Desktop = "x11"

    def on(self, desktop: Desktop) -> Case:
        """The same on that desktop."""
        if desktop == self.desktop:
            return self
        return replace(self, name=f"{self.name} {desktop}", suffix=self.suffix + ON_WAYLAND, desktop=desktop)


CASES = (Case("1280x720@60", 1280, 720), Case("1920x1080@60", 1920, 1080, "-1080"))


@dataclass(frozen=True, slots=True)
class Effort:
    """How long everything takes."""

    keys: int = 60
    window_s: float = 5.0
    starts: int = 3


@dataclass(frozen=True, slots=True)
class Start:
    """How long one start took to its first picture."""

    click_s: float
    """From the click on Play."""
    session_s: float
    """From the session's birth."""


def figures_of(starts: Sequence[Start]) -> Values:
    """What many starts took."""
    clicks, sessions = [start.click_s for start in starts], [start.session_s for start in starts]
    return {
        "click_to_first_frame": percentile(clicks, 0.5),
        "click_to_first_frame_p95": percentile(clicks, 0.95),
        "first_frame": percentile(sessions, 0.5),
    }


class Bench:
    """Measures one Dillinger with one browser."""

    def __init__(
        self, target: Target, browser: Browser, effort: Effort, *, transport: Transport, tell: Callable[[str], None]
    ) -> None:
        self._target, self._browser, self._effort = target, browser, effort
        self._transport, self._tell = transport, tell
        self._core = target.login()
        self._runner = RunnerClient(target.runner_url, target.runner_key())
        login = new_context(browser)
        Viewer(login.new_page(), target).login()
        self._state = login.storage_state()
        login.close()

    def close(self) -> None:
        """Lets go of the connections."""
        self._core.http.close()
        self._runner.http.close()

    def startup(self, case: Case) -> Values:
        """Click on Play → first picture, and session asked for → first picture, of some starts."""
        starts = []
        for number in range(self._effort.starts):
            self._tell(f"{case.name}: start {number + 1} of {self._effort.starts}")
            starts.append(self.start(case))
        return figures_of(starts)

    def start(self, case: Case) -> Start:
        """One start, and its end."""
        with self.playing("testcard-light", case) as viewer:
            seen = viewer.page.evaluate("dillingerProbe.seen")
            created = datetime.fromisoformat(self._core.session(viewer.session_id)["created_at"])
            return Start(
                click_s=(seen["firstFrameAt"] - seen["clickedAt"]) / 1000,
                session_s=seen["firstFrameAt"] / 1000 - created.timestamp(),
            )

    def latency(self, case: Case) -> Values:
        """Keys pressed at the cell's display, then keys pressed in the page, while nothing else moves.

        A Wayland desktop's display is not to be reached from here, so there it is the page's alone.
        """
        values: Values = {}
        with self.playing("testcard-idle", case) as viewer:
            if case.desktop == "x11":
                self._tell(f"{case.name}: {self._effort.keys} keys at the display")
                socket = self._target.display_socket(viewer.session_id)
                with XClient(socket, cookie=self._target.display_cookie(viewer.session_id)) as display:
                    at_display = self._press(viewer, lambda: _press_at(display))
                median = percentile(at_display, 0.5)
                values["key_to_pixel_p50"] = median
                values["key_to_pixel_p95"] = percentile(at_display, 0.95)
                values["key_to_pixel_p50_net"] = median - REFRESH_WAIT_MS
            self._tell(f"{case.name}: {self._effort.keys} keys in the page")
            viewer.by_id("stage").focus()
            in_page = self._press(viewer, lambda: _press_in(viewer))
        values["browser_key_p50"] = percentile(in_page, 0.5)
        values["browser_key_p95"] = percentile(in_page, 0.95)
        return values

    def load(self, case: Case) -> Values:
        """CPU, memory, frames and stages, while nothing, little and everything moves."""
        values: Values = {}
        for mode in ("idle", "light", "motion"):
            self._tell(f"{case.name}: {mode}")
            with self.playing(f"testcard-{mode}", case) as viewer:
                time.sleep(_SETTLE_S)
                values |= self._costs(viewer, mode)
                if mode == "motion":
                    values |= self._frames(viewer, case) | self._stages(viewer)
        return values

    def watched(self, case: Case, watching: Callable[[str], AbstractContextManager[None]]) -> Values:
        """What who plays has of a game in full motion, and what it costs, while `watching` has others look on."""
        with self.playing("testcard-motion", case) as viewer, watching(viewer.session_id):
            time.sleep(_SETTLE_S)
            values = self._costs(viewer, "motion") | self._frames(viewer, case) | self._stages(viewer)
            socket = self._target.display_socket(viewer.session_id)
            with XClient(socket, cookie=self._target.display_cookie(viewer.session_id)) as display:
                pressed = self._press(viewer, lambda: _press_at(display))
        return values | {
            "key_to_pixel_p50": percentile(pressed, 0.5),
            "key_to_pixel_p95": percentile(pressed, 0.95),
        }

    @contextmanager
    def playing(self, game_id: str, case: Case) -> Iterator[Viewer]:
        """A viewer that plays `game_id` in a window of the case's size; its session ends with the block."""
        viewport = {"width": case.width_px, "height": case.height_px}
        context = new_context(self._browser, storage_state=self._state, viewport=viewport)
        context.add_init_script(resources.files(__package__).joinpath("probe.js").read_text("utf-8"))
        viewer = Viewer(context.new_page(), self._target)
        try:
            viewer.play(game_id + case.suffix)
            if self._transport != "auto":
                viewer.choose_transport(self._transport)
            viewer.wait_card(lambda card: card.size == (case.width_px, case.height_px), f"a desktop of {case.name}")
            wait_until(lambda: viewer.page.evaluate("dillingerProbe.seen.firstFrameAt"), 10, "the probe's first frame")
            viewer.page.evaluate("dillingerProbe.watch('nothing')")
            yield viewer
        finally:
            context.close()
            for view in self._core.sessions():
                if view["game_id"] == game_id + case.suffix and view["state"] != "ended":
                    self._core.stop(view["session_id"])
                    self._core.wait_state(view["session_id"], {"ended"})

    def _press(self, viewer: Viewer, press: Callable[[], float | None]) -> list[float]:
        """Presses keys at moments that don't follow the refresh; each one's delay until its pixel was seen."""
        gaps = random.Random(1)  # noqa: S311 - moments, not secrets
        viewer.page.evaluate("dillingerProbe.watch('flips')")
        time.sleep(_SETTLE_S / 2)
        pressed = []
        for _ in range(self._effort.keys):
            at_ms = press()
            if at_ms is not None:
                pressed.append(at_ms)
            time.sleep(gaps.uniform(0.08, 0.18))
        time.sleep(_KEY_DEADLINE_MS / 1000)
        seen: dict[str, Any] = viewer.page.evaluate("dillingerProbe.seen")
        viewer.page.evaluate("dillingerProbe.watch('nothing')")
        return matched(pressed or seen["keys"], seen["flips"], _KEY_DEADLINE_MS)

    def _costs(self, viewer: Viewer, mode: str) -> Values:
        """CPU of seat and cell without the game, and of core; memory once everything moves."""
        family = split(processes(), seat_pid(viewer.session_id))
        core = listener_pid(self._core.http.base_url.port or 443)
        used = meter({"ours": family.ours, "core": [core]}, self._effort.window_s, time.sleep)
        values = {f"cpu_{mode}": used["ours"]}
        if mode in ("idle", "motion"):
            values[f"cpu_relay_{mode}"] = used["core"]
        if mode == "motion":
            values["memory"] = pss_bytes(family.ours) / 1e6
        return values

    def _frames(self, viewer: Viewer, case: Case) -> Values:
        """Different pictures that were composed a second."""
        with open_screen(viewer.page, case.width_px, case.height_px) as screen:
            viewer.page.wait_for_timeout(self._effort.window_s * 1000)
        return {"shown_fps": screen.shown_fps()}

    def _stages(self, viewer: Viewer) -> Values:
        """What the seat and the player measured of their own stages in the last second."""
        player = (viewer.player() or {}).get("stats") or {}
        seat = self._runner.call("GET", f"/sessions/{viewer.session_id}").get("stats") or {}
        bitrate_bps = player.get("bitrate_bps")
        told = {f"stage_{name}": value for name, value in (seat.get("stagesMsP50") or {}).items() if name != "paint"}
        found = told | {
            "stage_encode": player.get("encode_ms"),
            "stage_decode": player.get("decode_ms"),
            "stage_draw": player.get("draw_ms"),
            "stage_round_trip": player.get("rtt_ms"),
            "stage_seat_to_drawn": player.get("latency_ms"),
            "bitrate": None if bitrate_bps is None else bitrate_bps / 1e6,
        }
        return {name: float(value) for name, value in found.items() if value is not None}


def _press_at(display: XClient) -> float:
    """Space at the display server; when, in wall-clock milliseconds."""
    at_ms = time.time() * 1000
    display.key(guest.SPACE, is_down=True)
    time.sleep(_KEY_HELD_S)
    display.key(guest.SPACE, is_down=False)
    return at_ms


def _press_in(viewer: Viewer) -> None:
    """Space in the page; the page notes when its event came."""
    viewer.page.keyboard.press("Space", delay=_KEY_HELD_S * 1000)
