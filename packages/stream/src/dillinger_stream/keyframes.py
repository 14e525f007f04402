"""When the encoder makes the keyframes that peers ask for. Pure; the clock is an argument.

A keyframe costs everybody: it is many times as large as what follows it, and for a moment the picture of all is coarser
or later for it. So whoever plays gets one soon, while watchers share a few between them, and one of them whose path
fills up again and again has to make do with a picture now and then.
"""

from __future__ import annotations

from .transport.bucket import TokenBucket

PLAYER_RATE_HZ, PLAYER_BURST = 1.0, 4.0
WATCHER_RATE_HZ, WATCHER_BURST = 0.125, 2.0
"""Of one watcher."""
WATCHERS_RATE_HZ, WATCHERS_BURST = 0.5, 3.0
"""Of all of them together."""


class KeyframeRation:
    """Spaces and rations the keyframes of one stream."""

    def __init__(self, *, spacing_s: float) -> None:
        """`spacing_s` lies between any two that were asked for."""
        self._spacing_s = spacing_s
        self._made_at_s = float("-inf")
        self._players: dict[int, TokenBucket] = {}
        self._watchers: dict[int, TokenBucket] = {}
        self._all_watchers = TokenBucket(rate_hz=WATCHERS_RATE_HZ, burst=WATCHERS_BURST)

    def wait_s(self, peer_id: int, now_s: float, *, is_watcher: bool) -> float:
        """How long this wish has to wait, in seconds; 0: no time at all."""
        if is_watcher:
            own = self._watchers.setdefault(peer_id, TokenBucket(rate_hz=WATCHER_RATE_HZ, burst=WATCHER_BURST))
            paid_s = max(own.take(now_s), self._all_watchers.take(now_s))
        else:
            own = self._players.setdefault(peer_id, TokenBucket(rate_hz=PLAYER_RATE_HZ, burst=PLAYER_BURST))
            paid_s = own.take(now_s)
        return max(paid_s, self._made_at_s + self._spacing_s - now_s, 0.0)

    def made(self, now_s: float) -> None:
        """One was asked of the encoder."""
        self._made_at_s = now_s

    def forget(self, peer_id: int) -> None:
        """The peer is gone."""
        self._players.pop(peer_id, None)
        self._watchers.pop(peer_id, None)
