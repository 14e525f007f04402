"""How far apart picture and sound of one moment are: the test card flips a block and begins a tone at once, and a page
tells when it shows the one and plays the other. Blocking; one thread.

The game's own part is in it, and told: what it plays waits in its sound server's buffer, 20 ms as it asks for, and
until it is asked for its next piece. So is the loudspeaker's; what is left is the stream's.
"""

from __future__ import annotations

import random
import re
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
        log = target.session_dir(viewer.session_id) / "guest.log"
        own_ms = delays_of(log.read_text("utf-8", "replace") if log.is_file() else "")
        seen = viewer.page.evaluate("dillingerSeen")
        ran_dry += _gaps(viewer)
    found = figures_of(seen["flips"], seen["tones"])
    output_ms = percentile(seen["outputsMs"], 0.5)
    if own_ms:
        game_ms = percentile(own_ms, 0.5)
        stream_ms = found["sound_after_picture_p50"] - game_ms - output_ms
        found |= {"sound_game": game_ms, "sound_stream": stream_ms}
    return found | {"sound_output": output_ms, "sound_gaps": float(ran_dry)}


def delays_of(log: str) -> list[float]:
    """What the test card said of its beeps, without the first, for which its sound was only just opened."""
    return [float(delay_ms) for delay_ms in re.findall(r"^testcard: beep in ([\d.]+) ms$", log, re.MULTILINE)][1:]


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
