"""How far apart picture and sound of one moment are: the test card flips a block and begins a tone at once, and a page
tells when it shows the one and plays the other. Blocking; one thread.

The game's own part is in it: what it plays waits 20 ms in its sound server's buffer, as a game's would, and up to 10 ms
until it is asked for its next piece.
"""

from __future__ import annotations

import random
import time
from importlib import resources

from .figures import percentile
from .measure import Bench, Case, Values
from .target import Target
from .testcard import guest
from .viewer import Viewer
from .waiting import wait_until
from .xclient import XClient

BEEPS = 30
_SETTLE_S = 12.0
"""The page's jitter buffer starts with more than it needs, and takes its time to give that up."""
_GAPS_S = (0.5, 0.8)
_FARTHEST_MS = 300.0


def measure(bench: Bench, target: Target, case: Case, beeps: int = BEEPS) -> Values:
    """How long after its picture a sound is heard; below zero, before it."""
    gaps = random.Random(1)  # noqa: S311 - moments, not secrets
    with bench.playing("testcard-beep", case) as viewer:
        wait_until(lambda: ((viewer.player() or {}).get("sound") or {}).get("state") == "running", 10, "sound")
        viewer.page.evaluate(resources.files(__package__).joinpath("lipsync.js").read_text("utf-8"))
        viewer.page.evaluate("globalThis.dillingerSeen = dillingerLipsync()")
        socket, cookie = target.display_socket(viewer.session_id), target.display_cookie(viewer.session_id)
        with XClient(socket, cookie=cookie) as display:
            _beep(display, _SETTLE_S)
            viewer.page.evaluate("Object.assign(dillingerSeen, { flips: [], tones: [], outputsMs: [] })")
            ran_dry = -_gaps(viewer)
            for _ in range(beeps):
                _beep(display, gaps.uniform(*_GAPS_S))
        time.sleep(1.0)
        seen = viewer.page.evaluate("dillingerSeen")
        ran_dry += _gaps(viewer)
    return figures_of(seen["flips"], seen["tones"]) | {
        "sound_output": percentile(seen["outputsMs"], 0.5),
        "sound_gaps": float(ran_dry),
    }


def figures_of(flips_ms: list[float], tones_ms: list[float]) -> Values:
    """Of each flip and the tone that is nearest to it; raises `ValueError` for none."""
    apart = [min((tone - flip for tone in tones_ms), key=abs) for flip in flips_ms if tones_ms]
    apart = [one for one in apart if abs(one) <= _FARTHEST_MS]
    return {
        "sound_after_picture_p50": percentile(apart, 0.5),
        "sound_after_picture_p95": percentile(apart, 0.95),
        "beeps_heard": 100 * len(apart) / max(1, len(flips_ms)),
    }


def _gaps(viewer: Viewer) -> int:
    """How often the page has run out of sound so far; none where the browser plays it by itself and does not tell."""
    return ((viewer.player() or {}).get("sound") or {}).get("gaps") or 0


def _beep(display: XClient, then_s: float) -> None:
    display.key(guest.KEY_B, is_down=True)
    time.sleep(0.03)
    display.key(guest.KEY_B, is_down=False)
    time.sleep(then_s)
