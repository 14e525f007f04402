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
    Denied,
    DillingerError,
    EndReason,
    GameLaunchRequest,
    Internal,
    NotFound,
    QueuePlace,
    RunnerSession,
    SessionEnd,
    SessionState,
    Show,
    StreamAddress,
    StreamProfile,
    Unavailable,
    Unsupported,
)
from dillinger_core.settings import CoreSettings
from dillinger_core.store import GameEntry, SessionRow, SessionRows, User
from dillinger_core.tickets import check_ticket, session_key, sign_ticket

from .feed import Feed
from .homes import Homes
from .on_demand import OnDemand
from .placing import Placing
from .reconcile import Action, Apply, Ask, GiveUp, Place, Stop, reconcile
from .runner_client import RETRY_AFTER_S, RunnerClient
from .runners import Runner, Runners
from .views import SessionView, view_of

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_LOST = "The runner does not know this session any more: its seat is gone"

log = structlog.get_logger()


class Sessions:
    """All sessions."""

    def __init__(
        self, settings: CoreSettings, rows: SessionRows, runners: Runners, feed: Feed, *, ticket_secret: bytes
    ) -> None:
        on_demand = OnDemand(
            settings.runner_command,
            deadline_s=settings.runner_start_timeout_s,
            is_up=lambda: runners.first.client.is_up(),
        )
        self._placing = Placing(runners, on_demand)
        self.homes = Homes(rows, runners, are_saves_shared=settings.runner_saves == "shared")
        self._rows = rows
        self._runners = runners
        self._feed = feed
        self._ticket_secret = ticket_secret
        self._wish_lifetime = timedelta(seconds=settings.wish_lifetime_s)
        self._peers: dict[str, int] = {}
        self._queues: dict[str, QueuePlace | None] = {}
        self._being_placed: set[str] = set()

    @property
    def is_runner_reachable(self) -> bool:
        """Whether a runner answers."""
        return self._runners.is_any_reachable

    async def play(
        self, user: User, game: GameEntry, profile: StreamProfile | None, *, show: Show = "stream"
    ) -> tuple[SessionView, bool]:
        """A new session and True, or the live one of this user and game and False.

        Raises `Unsupported` for a game that can't be played, `Denied` and `Conflict` where it can't be shown so, and
        what the runner says when it won't place it.
        """
        if show == "host" and not user.is_admin:
            raise Denied("Only an admin may have a game shown on the machine's own display")
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
            show=show,
        )
        self._being_placed.add(wish.session_id)
        try:
            row, is_new = await self._rows.add(wish)
            if is_new:
                log.info("session_requested", session_id=row.session_id, game_id=row.game_id, user=row.user_name)
                self._publish(row)
                row = await self._place(row)
            elif row.show != show:
                elsewhere = "on the machine's own display" if row.show == "host" else "in the browser"
                raise Conflict(f"You play {row.game_title} {elsewhere} already", hint="End it there first")
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
        runner = self._runners.find(row.runner)
        try:
            if runner is None:
                raise NotFound("No runner has it")
            seen = await runner.client.stop(session_id, row.stop_reason or reason)
        except NotFound:
            if session_id not in self._being_placed:
                await self._finish(row, reason, "There was nothing left to stop")
        except Unavailable:
            log.warning("stop_postponed", session_id=session_id)
        else:
            await self.apply(seen, runner)
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
        _ensure_streamed(row)
        return sign_ticket(
            self._ticket_secret, session_id=session_id, user_id=user.name, role=role, now=datetime.now(UTC),
            rank="owner" if row.user_name == user.name else "admin",
        )  # fmt: skip

    async def check_ticket(self, session_id: str, ticket: str) -> None:
        """Raises `Denied` for what is no ticket of this session, and `NotFound` or `Conflict` where that is over."""
        claims = check_ticket(self._ticket_secret, ticket, session_id=session_id, now=datetime.now(UTC))
        if claims.rank == "guest":
            raise Denied("An invitation opens its own page and nothing else")
        if not (await self._known(session_id)).is_live:
            raise Conflict("This session has ended")

    async def runner_of(self, session_id: str) -> RunnerClient:
        """Who has this session; raises `NotFound`, and `Unavailable` while nobody has it."""
        return self._client_of(await self._known(session_id))

    async def stream_address(self, session_id: str) -> StreamAddress:
        """Where this session's seat listens; raises what `runner_of` does, `Conflict` where it streams nothing, and
        what the runner says."""
        row = await self._known(session_id)
        _ensure_streamed(row)
        return await self._client_of(row).stream_address(session_id)

    async def live_count(self) -> int:
        """How many sessions have not ended."""
        return await self._rows.live_count()

    async def live_by_runner(self) -> dict[str, list[str]]:
        """The ids of live sessions, by their runner's name."""
        found: dict[str, list[str]] = {}
        for row in await self._rows.known(()):
            if row.runner is not None:
                found.setdefault(row.runner, []).append(row.session_id)
        return found

    async def apply(self, seen: RunnerSession, runner: Runner, *, only_from: SessionState | None = None) -> None:
        """Notes what a runner says of a session; one that core knows as over is told to end."""
        before = await self._rows.get(seen.session_id)
        if before is None:
            return
        if not before.is_live:
            if seen.state not in (SessionState.STOPPING, SessionState.ENDED):
                await self._act(Stop(seen.session_id, before.stop_reason or EndReason.INTERNAL), runner)
            return
        if before.runner != runner.name:
            if not self._is_of(before, runner, is_listed=True):
                return
            log.info("session_adopted", session_id=before.session_id, runner=runner.name)
            before = await self._rows.assign(before.session_id, runner.name) or before
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

    async def resync(self, runner: Runner) -> None:
        """Brings wishes and what the runner has together; raises `Unavailable` when it is away."""
        seen = {session.session_id: session for session in await runner.client.sessions()}
        # The rows are read after the list: what was placed in between is asked for by name, not lost.
        known = await self._rows.known(seen)
        rows = [row for row in known if self._is_of(row, runner, is_listed=row.session_id in seen)]
        actions = reconcile(
            rows, seen, now=datetime.now(UTC), wish_lifetime=self._wish_lifetime, being_placed=self._being_placed
        )
        for action in actions:
            await self._act(action, runner)

    def _is_of(self, row: SessionRow, runner: Runner, *, is_listed: bool) -> bool:
        """Whether this runner has a say in a session; `is_listed` tells that it knows it.

        What a runner knows is its own, unless the one that core had noted answers too: a runner may come back under
        another name. What is nobody's falls to the first when all answer, and none of them knew it.
        """
        if row.runner == runner.name or (is_listed and not row.is_live):
            return True
        other = self._runners.find(row.runner)
        if is_listed:
            return other is None or not other.is_reachable
        if row.runner is None and row.state is SessionState.REQUESTED:
            return True
        is_strays = not self._runners.are_found and runner is self._runners.first
        return other is None and is_strays and self._runners.has_none_but_reachable(beside=runner)

    async def runner_found(self, runner: Runner) -> None:
        """It answers again: its sessions show as they are."""
        await self._set_reachable(runner, is_reachable=True)

    async def runner_lost(self, runner: Runner) -> None:
        """It is away: its live sessions show as unreachable."""
        await self._set_reachable(runner, is_reachable=False)

    async def snapshot(self, user: User) -> Iterable[SessionView]:
        """Every live session that `user` may see."""
        return [view for view in await self.visible_to(user) if view.ended_at is None]

    async def _act(self, action: Action, runner: Runner) -> None:
        try:
            match action:
                case Apply(seen):
                    await self.apply(seen, runner)
                case Place(row):
                    await self._place_again(row)
                case Ask(row):
                    await self._ask(row, runner)
                case Stop(session_id, reason):
                    await runner.client.stop(session_id, reason)
                case GiveUp(row, reason):
                    await self._finish(row, reason, "It was interrupted before the game was placed: play again")
        except Unavailable:
            raise
        except DillingerError as error:
            log.warning("reconcile_refused", action=type(action).__name__, reason=error.message)

    async def _ask(self, row: SessionRow, runner: Runner) -> None:
        try:
            seen = await runner.client.session(row.session_id)
        except NotFound:
            await self._finish(row, EndReason.SEAT_LOST, _LOST)
        else:
            await self.apply(seen, runner)

    async def _place_again(self, row: SessionRow) -> None:
        """Places a wish that was cut short; of several runners' followers, one does."""
        if row.session_id in self._being_placed:
            return
        self._being_placed.add(row.session_id)
        try:
            now = await self._rows.get(row.session_id)
            if now is None or (now.state, now.runner) != (row.state, row.runner):
                return
            log.info("session_placed_again", session_id=row.session_id)
            await self._place(now)
        except Unavailable as error:  # of whichever was asked: no word on the runner that is being compared with
            log.warning("placing_failed", session_id=row.session_id, reason=error.message)
        finally:
            self._being_placed.discard(row.session_id)

    async def _place(self, row: SessionRow) -> SessionRow:
        """Has a runner place a wish that is written down; one that none takes ends here."""
        request = GameLaunchRequest(
            game_id=row.game_id,
            user_id=row.user_name,
            session_id=row.session_id,
            ticket_key=session_key(self._ticket_secret, row.session_id),
            profile=row.profile,
            show="host" if row.show == "host" else None,  # older runners know no other way than streaming
        )

        async def chosen(runner: Runner) -> None:
            await self._rows.assign(row.session_id, runner.name)

        try:
            home = await self.homes.find(row.user_name, row.game_id)
            runner, seen = await self._placing.launch(request, home=home, chosen=chosen)
        except DillingerError as error:
            is_refusal = not isinstance(error, Unavailable | Internal)
            # Should the runner have heard all the same, `resync` finds it living and ends it.
            await self._finish(row, EndReason.REFUSED if is_refusal else EndReason.PLACEMENT_FAILED, error.message)
            raise
        await self.apply(seen, runner, only_from=SessionState.REQUESTED)
        placed = await self._rows.get(row.session_id) or row
        if placed.is_live and placed.stop_reason is not None:
            await self._act(Stop(row.session_id, placed.stop_reason), runner)
        return placed

    async def _finish(self, row: SessionRow, reason: EndReason, message: str) -> None:
        end = SessionEnd(reason=reason, message=message, ended_at=datetime.now(UTC))
        self._forget(row.session_id)
        finished = await self._rows.finish(row.session_id, end)
        if finished is not None:
            log.info("session_ended", session_id=row.session_id, reason=reason.value, message=message)
            self._publish(finished)

    async def _set_reachable(self, runner: Runner, *, is_reachable: bool) -> None:
        if runner.is_reachable == is_reachable:
            return
        runner.is_reachable = is_reachable
        log.info("runner_reachable" if is_reachable else "runner_unreachable", runner=runner.name)
        for row in await self._rows.known(()):
            if row.runner is None or row.runner == runner.name:
                self._publish(row)

    async def _known(self, session_id: str) -> SessionRow:
        row = await self._rows.get(session_id)
        if row is None:
            raise NotFound("There is no such session")
        return row

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
        runner = self._runners.find(row.runner)
        is_reachable = self.is_runner_reachable if row.runner is None else runner is not None and runner.is_reachable
        return view_of(row, peers=peers, queue=queue, is_runner_reachable=is_reachable)

    def _client_of(self, row: SessionRow) -> RunnerClient:
        if (runner := self._runners.find(row.runner)) is None:
            raise Unavailable("No runner that core knows has this session", retry_after_s=RETRY_AFTER_S)
        return runner.client

    def _publish(self, row: SessionRow) -> None:
        self._feed.publish("session", self._view(row).model_dump_json(), user_name=row.user_name)


def _ensure_streamed(row: SessionRow) -> None:
    if row.show == "host":
        raise Conflict("This session is shown on its machine's own display, and not streamed")
