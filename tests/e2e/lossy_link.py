"""A journey over a link that gets bad and under a browser that moves, as a program of its own: it enters a network from
which there is no way back.

`python lossy_link.py WEB_DIR`; ends with 0, with `CANNOT` and the reason on standard output where this machine has no
such networks, or with the exception that says what did not happen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dillinger_bench.house import House
from dillinger_bench.network.lab import NetworkLab
from dillinger_bench.network.link import LinkProfile
from dillinger_bench.viewer import Viewer, new_context
from dillinger_bench.waiting import wait_until
from dillinger_contracts.errors import Unsupported

CANNOT = 77
DEADLINE_S = 60.0
FAR = LinkProfile(delay_ms=25)
LOSSY = replace(FAR, loss_ratio=0.12)
BLOCKED = replace(FAR, is_udp_blocked=True)
ELSEWHERE = "10.77.0.99"


def carries(viewer: Viewer, kind: str, *, reason: Callable[[str], bool]) -> None:
    """Waits until `kind` carries the picture, the viewer is told why, and pictures come."""

    def does() -> bool:
        player = viewer.player() or {}
        stats = player.get("stats") or {}
        return player.get("transport") == kind == stats.get("transport") and reason(stats.get("transport_reason") or "")

    wait_until(does, DEADLINE_S, f"the picture by {kind}, with its reason")
    before = viewer.wait_card(lambda card: card.frame is not None, "a picture that can be read", DEADLINE_S).frame
    assert before is not None
    viewer.wait_card(lambda card: (card.frame or 0) > before + 20, "later pictures", DEADLINE_S)


def beeps(viewer: Viewer) -> None:
    """A key's beep comes through, of the player's own decoder."""

    def does() -> bool:
        viewer.page.keyboard.press("b")
        return any(viewer.sound_level() > 0.02 for _ in range(20))

    viewer.by_id("stage").focus()
    wait_until(does, DEADLINE_S, "a beep")
    assert (viewer.player() or {})["sound"]["decoded_by"] == "player"


def told(viewer: Viewer, words: str) -> bool:
    """Whether the page shows these words as the transport's reason."""
    stats = (viewer.player() or {}).get("stats") or {}
    return words in (stats.get("transport_reason") or "")


def main() -> None:
    """The journey."""
    try:
        lab = NetworkLab(seed=7)
    except Unsupported as error:
        print(error.message)
        sys.exit(CANNOT)
    with House(web_dir=Path(sys.argv[1]), settings={"DILLINGER_CORE_HTTPS_HOST": lab.address}) as house:
        target = replace(house.target, page_url=f"https://{lab.address}:{house.ports['https']}")
        try:
            with lab.browser() as browser:
                viewer = Viewer(new_context(browser).new_page(), target)
                viewer.login()
                lab.set(FAR, FAR)
                viewer.play("testcard-motion")
                carries(viewer, "websocket", reason=lambda text: text.startswith("WebSocket"))
                lab.set(LOSSY, LOSSY)
                carries(viewer, "webrtc", reason=lambda text: "lost packets" in text)
                beeps(viewer)
                lab.set(FAR, FAR)
                session_id = viewer.session_id
                lab.move_browser(ELSEWHERE)
                wait_until(lambda: not told(viewer, "lost packets"), DEADLINE_S, "a conversation from there")
                lab.set(LOSSY, LOSSY)  # should a busy machine fail at first, there is a reason to try again
                carries(viewer, "webrtc", reason=lambda text: text.startswith("WebRTC"))
                assert viewer.session_id == session_id
                lab.set(BLOCKED, BLOCKED)
                carries(viewer, "websocket", reason=lambda text: "broke" in text)
        except BaseException:
            print(viewer.player(), house.log_tail("core"), sep="\n")
            for log in house.state_dir.glob("runner/sessions/*/seat.log"):
                print(log.read_text("utf-8", "replace")[-6000:])
            raise
    lab.close()


if __name__ == "__main__":
    main()
