"""Has a wish placed by the runner with the most room, and by the next where one refuses.

With several runners each is asked with `when_full = refuse` first, so that nobody waits in one's queue while another
has room; only when all are full it goes to the one with the most room as its own settings say, to wait there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from dillinger_contracts import (
    DillingerError,
    Exhausted,
    GameLaunchRequest,
    NotFound,
    RunnerCapacity,
    RunnerSession,
    Unavailable,
    Unsupported,
)

from .on_demand import OnDemand
from .runner_client import RETRY_AFTER_S, Unanswered
from .runners import Runner, Runners

_OFFER_TIMEOUT_S = 5.0
_GOES_ON = (Exhausted, Unsupported, NotFound, Unavailable)
"""Refusals of one runner that say nothing of the next."""

Chosen = Callable[[Runner], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A runner that answers, and its room."""

    runner: Runner
    capacity: RunnerCapacity


@dataclass(frozen=True, slots=True)
class Refusal:
    """A runner that did not take it."""

    runner: Runner
    error: DillingerError


def by_room(offers: Iterable[Offer]) -> list[Offer]:
    """The one to be asked first at the front: those with a free place before the full ones, then by memory."""

    def key(offer: Offer) -> tuple[bool, int, int]:
        capacity = offer.capacity
        places = max(0, capacity.max_sessions - capacity.sessions)
        return bool(capacity.waiting) or not places, -capacity.free_memory_bytes, -places

    return sorted(offers, key=key)


class Placing:
    """Chooses among the runners."""

    def __init__(self, runners: Runners, on_demand: OnDemand) -> None:
        self._runners = runners
        self._on_demand = on_demand

    async def launch(
        self, request: GameLaunchRequest, *, home: Runner | None, chosen: Chosen
    ) -> tuple[Runner, RunnerSession]:
        """Who placed it, and what became of it; `chosen` is told before each runner is asked.

        `home` alone is asked where there is one. Where none answers, one is started if that is known how. Raises what
        the runners say.
        """
        try:
            return await self._launch(request, home, chosen)
        except Unavailable as error:
            is_unsure = isinstance(error, Unanswered) and len(self._runners.all()) > 1
            if is_unsure or not await self._on_demand.ensure():
                raise
            return await self._launch(request, home, chosen)

    async def _launch(
        self, request: GameLaunchRequest, home: Runner | None, chosen: Chosen
    ) -> tuple[Runner, RunnerSession]:
        if home is not None:
            return await _at_home(request, home, chosen)
        if len(self._runners.all()) <= 1:
            await chosen(self._runners.first)
            return self._runners.first, await self._runners.first.client.launch(request)
        strict = request.model_copy(update={"when_full": "refuse"})
        refusals: list[Refusal] = []
        for offer in by_room(await self._offers(refusals)):
            await chosen(offer.runner)
            try:
                return offer.runner, await offer.runner.client.launch(strict)
            except Unanswered:
                raise
            except _GOES_ON as error:
                refusals.append(Refusal(offer.runner, error))
        full = [refusal.runner for refusal in refusals if isinstance(refusal.error, Exhausted)]
        if full:
            await chosen(full[0])
            try:
                return full[0], await full[0].client.launch(request)
            except Exhausted:
                pass
        raise _all_of(refusals)

    async def _offers(self, refusals: list[Refusal]) -> list[Offer]:
        """Of those that answer; the others are noted in `refusals`."""
        everyone = self._runners.all()
        asked = [runner for runner in everyone if runner.is_reachable] or everyone
        answers = await asyncio.gather(*(_offer(runner) for runner in asked))
        refusals.extend(answer for answer in answers if isinstance(answer, Refusal))
        return [answer for answer in answers if isinstance(answer, Offer)]


async def _at_home(request: GameLaunchRequest, home: Runner, chosen: Chosen) -> tuple[Runner, RunnerSession]:
    await chosen(home)
    try:
        return home, await home.client.launch(request)
    except Unanswered:
        raise
    except (Exhausted, Unavailable) as error:
        message = f"The saves of this game are with the runner {home.name}. {error.message}"
        raise type(error)(message, hint=error.hint) from error


async def _offer(runner: Runner) -> Offer | Refusal:
    try:
        async with asyncio.timeout(_OFFER_TIMEOUT_S):
            return Offer(runner, await runner.client.capacity())
    except TimeoutError:
        away = Unavailable("It does not say how much room it has", retry_after_s=RETRY_AFTER_S)
        return Refusal(runner, away)
    except DillingerError as error:
        return Refusal(runner, error)


def _all_of(refusals: Sequence[Refusal]) -> DillingerError:
    """One error for all; that there is no room says more than that some are away."""
    leading = next((one.error for one in refusals if isinstance(one.error, Exhausted)), refusals[0].error)
    said = "; ".join(f"{refusal.runner.name}: {refusal.error.message}" for refusal in refusals)
    return type(leading)(f"No runner takes it. {said}", hint=leading.hint)
