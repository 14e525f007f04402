"""The one-place mailbox behind `Transport.feedback`: what was not read yet is merged, so it never grows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from .base import NetworkFeedback


class FeedbackMailbox:
    """Merges feedback until somebody reads it; the newest figure wins, a wanted keyframe stays wanted."""

    def __init__(self) -> None:
        self._waiting: NetworkFeedback | None = None
        self._is_closed = False
        self._changed = asyncio.Event()

    def put(self, feedback: NetworkFeedback) -> None:
        """Never blocks."""
        old = self._waiting or NetworkFeedback()
        self._waiting = NetworkFeedback(
            keyframe_wanted=old.keyframe_wanted or feedback.keyframe_wanted,
            rtt_ms=old.rtt_ms if feedback.rtt_ms is None else feedback.rtt_ms,
            loss_ratio=old.loss_ratio if feedback.loss_ratio is None else feedback.loss_ratio,
            backlog_frames=old.backlog_frames if feedback.backlog_frames is None else feedback.backlog_frames,
        )
        self._changed.set()

    def close(self) -> None:
        """Ends the reader."""
        self._is_closed = True
        self._changed.set()

    async def read(self) -> AsyncIterator[NetworkFeedback]:
        """Yields until closed."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            feedback, self._waiting = self._waiting, None
            if feedback is not None:
                yield feedback
            if self._is_closed:
                return
