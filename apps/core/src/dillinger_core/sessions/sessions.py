"""Wishes to play: takes them, has them placed, follows them to their end. Owned by the event loop.

Every wish is written down before the runner hears of it, and so is every wish to stop: core may be killed in any
moment, and `reconcile` picks up from the database what was left undone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from dillinger_contracts import (
    Conflict,
    DillingerError,
    EndReason,
    GameLaunchRequest,
    Internal,
    NotFound,
    QueuePlace,
    RunnerSession,
    SessionEnd,
    SessionState,
    StreamProfile,
    Unavailable,
    Unsupported,
)
from dillinger_core.settings import CoreSettings
from dillinger_core.store import GameEntry, SessionRow, SessionRows, User
from dillinger_core.tickets import session_key, sign_ticket

from .feed import Feed
from .on_demand import OnDemand
from .reconcile import Action, Apply, Ask, GiveUp, Place, Stop, reconcile
from .runner_client import RunnerClient
from .views import SessionView, view_of

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_LOST = "The runner does not know this session any more: its seat is gone"

log = structlog.get_logger()


class Sessions:
    """All sessions."""

    def __init__(
        self, settings: CoreSettings, rows: SessionRows, runner: RunnerClient, feed: Feed, *, ticket_secret: bytes
    ) -> None:
        self._on_demand = OnDemand(
            settings.runner_command, deadline_s=settings.runner_start_timeout_s, is_up=runner.is_up
        )
        self._rows = rows
        self._runner = runner
        self._feed = feed
        self._ticket_secret = ticket_secret
        self._wish_lifetime = timedelta(seconds=settings.wish_lifetime_s)
        self._peers: dict[str, int] = {}
        self._queues: dict[str, QueuePlace | None] = {}
        self._being_placed: set[str] = set()
        self.is_runner_reachable = False

    async def play(self, user: User, game: GameEntry, profile: StreamProfile | None) -> tuple[SessionView, bool]:
        """A new session and True, or the live one of this user and game and False.

        Raises `Unsupported` for a game that can't be played, and what the runner says when it won't place it.
        """
        if game.problem is not None:
            raise Unsupported(f"{game.title} can't be played: {game.problem}")
        wish = SessionRow(
            session_id="".join(secrets.choice(_ID_ALPHABET) for _ in range(20)),
            user_name=user.name,
            game_id=game.game_id,
            game_title=game.title,
            state=SessionState.REQUESTED,
            created_at=datetime.now(UTC),
            profile=profile,
        )
        self._being_placed.add(wish.session_id)
        try:
            row, is_new = await self._rows.add(wish)
            if is_new:
                log.info("session_requested", session_id=row.session_id, game_id=row.game_id, user=row.user_name)
                self._publish(row)
                row = await self._place(row)
        finally:
            self._being_placed.discard(wish.session_id)
        return self._view(row), is_new

    async def stop(self, user: User, session_id: str) -> SessionView:
        """Asks for the end of a session; one that ended already stays as it is."""
        row = await self._visible(user, session_id)
        if not row.is_live:
            return self._view(row)
        reason = EndReason.USER_STOP if row.user_name == user.name else EndReason.ADMIN_STOP
        row = await self._rows.wish_stop(session_id, reason) or row
        self._publish(row)
        try:
            seen = await self._runner.stop(session_id, row.stop_reason or reason)
        except NotFound:
            if session_id not in self._being_placed:
                await self._finish(row, reason, "There was nothing left to stop")
        except Unavailable:
            log.warning("stop_postponed", session_id=session_id)
        else:
            await self.apply(seen)
        return self._view(await self._rows.get(session_id) or row)

    async def get(self, user: User, session_id: str) -> SessionView:
        """One session that `user` may see; raises `NotFound`."""
        return self._view(await self._visible(user, session_id))

    async def visible_to(self, user: User) -> list[SessionView]:
        """The sessions that `user` may see: live ones first, then the newest of the past."""
        rows = await self._rows.history(user_name=None if user.is_admin else user.name)
        return [self._view(row) for row in rows]

    async def ticket(self, user: User, session_id: str, role: Literal["player", "viewer"]) -> tuple[str, datetime]:
        """A right to open this session's stream once, and when it expires."""
        row = await self._visible(user, session_id)
        if not row.is_live:
            raise Conflict("This session has ended")
        return sign_ticket(
            self._ticket_secret, session_id=session_id, user_id=user.name, role=role, now=datetime.now(UTC)
        )

    async def live_count(self) -> int:
        """How many sessions have not ended."""
        return await self._rows.live_count()

    async def apply(self, seen: RunnerSession, *, only_from: SessionState | None = None) -> None:
        """Notes what the runner says of a session; one that core knows as over is told to end."""
        before = await self._rows.get(seen.session_id)
        if before is None:
            return
        if not before.is_live:
            if seen.state not in (SessionState.STOPPING, SessionState.ENDED):
                await self._act(Stop(seen.session_id, before.stop_reason or EndReason.INTERNAL))
            return
        if only_from is not None and before.state is not only_from:
            return
        if seen.state is SessionState.ENDED:
            end = seen.end or SessionEnd(
                reason=EndReason.INTERNAL, message="The runner did not say how it ended", ended_at=datetime.now(UTC)
            )
            self._forget(seen.session_id)
            row = await self._rows.finish(seen.session_id, end, steps=seen.steps)
            if row is not None:
                log.info("session_ended", session_id=row.session_id, reason=end.reason.value)
        else:
            is_same = before.state is seen.state and before.steps == seen.steps
            told = (self._peers.get(seen.session_id, 0), self._queues.get(seen.session_id))
            if is_same and told == (seen.peers, seen.queue):
                return
            self._peers[seen.session_id], self._queues[seen.session_id] = seen.peers, seen.queue
            row = before if is_same else await self._rows.note(seen.session_id, state=seen.state, steps=seen.steps)
        if row is not None:
            self._publish(row)

    async def resync(self) -> None:
        """Brings wishes and what the runner has together; raises `Unavailable` when it is away."""
        seen = {session.session_id: session for session in await self._runner.sessions()}
        # The rows are read after the list: what was placed in between is asked for by name, not lost.
        rows = await self._rows.known(seen)
        actions = reconcile(
            rows, seen, now=datetime.now(UTC), wish_lifetime=self._wish_lifetime, being_placed=self._being_placed
        )
        for action in actions:
            await self._act(action)

    async def runner_found(self) -> None:
        """The runner answers again: sessions show as they are."""
        await self._set_reachable(True)

    async def runner_lost(self) -> None:
        """The runner is away: live sessions show as unreachable."""
        await self._set_reachable(False)

    async def snapshot(self, user: User) -> Iterable[SessionView]:
        """Every live session that `user` may see."""
        return [view for view in await self.visible_to(user) if view.ended_at is None]

    async def _act(self, action: Action) -> None:
        try:
            match action:
                case Apply(seen):
                    await self.apply(seen)
                case Place(row):
                    log.info("session_placed_again", session_id=row.session_id)
                    await self._place(row)
                case Ask(row):
                    await self._ask(row)
                case Stop(session_id, reason):
                    await self._runner.stop(session_id, reason)
                case GiveUp(row, reason):
                    await self._finish(row, reason, "It was interrupted before the game was placed: play again")
        except Unavailable:
            raise
        except DillingerError as error:
            log.warning("reconcile_refused", action=type(action).__name__, reason=error.message)

    async def _ask(self, row: SessionRow) -> None:
        try:
            seen = await self._runner.session(row.session_id)
        except NotFound:
            await self._finish(row, EndReason.SEAT_LOST, _LOST)
        else:
            await self.apply(seen)

    async def _place(self, row: SessionRow) -> SessionRow:
        """Has the runner place a wish that is written down; one that it refuses ends here."""
        request = GameLaunchRequest(
            game_id=row.game_id,
            user_id=row.user_name,
            session_id=row.session_id,
            ticket_key=session_key(self._ticket_secret, row.session_id),
            profile=row.profile,
        )
        try:
            seen = await self._launch(request)
        except DillingerError as error:
            is_refusal = not isinstance(error, Unavailable | Internal)
            # Should the runner have heard all the same, `resync` finds it living and ends it.
            await self._finish(row, EndReason.REFUSED if is_refusal else EndReason.PLACEMENT_FAILED, error.message)
            raise
        await self.apply(seen, only_from=SessionState.REQUESTED)
        placed = await self._rows.get(row.session_id) or row
        if placed.is_live and placed.stop_reason is not None:
            await self._act(Stop(row.session_id, placed.stop_reason))
        return placed

    async def _launch(self, request: GameLaunchRequest) -> RunnerSession:
        """Has the runner place it; one that is not there is started where that is known how."""
        try:
            return await self._runner.launch(request)
        except Unavailable:
            if not await self._on_demand.ensure():
                raise
            return await self._runner.launch(request)

    async def _finish(self, row: SessionRow, reason: EndReason, message: str) -> None:
        end = SessionEnd(reason=reason, message=message, ended_at=datetime.now(UTC))
        self._forget(row.session_id)
        finished = await self._rows.finish(row.session_id, end)
        if finished is not None:
            log.info("session_ended", session_id=row.session_id, reason=reason.value, message=message)
            self._publish(finished)

    async def _set_reachable(self, is_reachable: bool) -> None:
        if self.is_runner_reachable == is_reachable:
            return
        self.is_runner_reachable = is_reachable
        log.info("runner_reachable" if is_reachable else "runner_unreachable")
        for row in await self._rows.known(()):
            self._publish(row)

    async def _visible(self, user: User, session_id: str) -> SessionRow:
        row = await self._rows.get(session_id)
        if row is None or not (user.is_admin or row.user_name == user.name):
            raise NotFound("There is no such session")
        return row

    def _forget(self, session_id: str) -> None:
        self._peers.pop(session_id, None)
        self._queues.pop(session_id, None)

    def _view(self, row: SessionRow) -> SessionView:
        peers, queue = self._peers.get(row.session_id, 0), self._queues.get(row.session_id)
        return view_of(row, peers=peers, queue=queue, is_runner_reachable=self.is_runner_reachable)

    def _publish(self, row: SessionRow) -> None:
        self._feed.publish("session", self._view(row).model_dump_json(), user_name=row.user_name)
