"""Who is let in with a ticket: once, in time, to the right session."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dillinger_contracts.errors import Denied
from dillinger_contracts.tickets import TICKET_LIFETIME_S, TicketClaims, TicketGate

HERE, ELSEWHERE = "a" * 20, "b" * 20
NOW_S = 1_800_000_000


def ticket(
    *, jti: str = "j" * 16, sid: str = HERE, iat: int = NOW_S, lifetime_s: int = TICKET_LIFETIME_S
) -> TicketClaims:
    return TicketClaims(jti=jti, sub="admin", sid=sid, role="player", iat=iat, exp=iat + lifetime_s)


def test_a_good_ticket_lets_in_once() -> None:
    gate, claims = TicketGate(HERE), ticket()
    assert gate.admit(claims, now_s=NOW_S + 1) == claims
    with pytest.raises(Denied, match="used before"):
        gate.admit(claims, now_s=NOW_S + 2)
    assert gate.admit(ticket(jti="k" * 16), now_s=NOW_S + 2).role == "player"


def test_a_foreign_ticket_is_refused_and_not_used_up() -> None:
    gate = TicketGate(HERE)
    with pytest.raises(Denied, match="another session"):
        gate.admit(ticket(sid=ELSEWHERE), now_s=NOW_S)
    gate.admit(ticket(), now_s=NOW_S)


@pytest.mark.parametrize("late_s", [TICKET_LIFETIME_S + 5, TICKET_LIFETIME_S + 5.001, 1e9])
def test_an_expired_ticket_is_refused(late_s: float) -> None:
    with pytest.raises(Denied, match="expired"):
        TicketGate(HERE).admit(ticket(), now_s=NOW_S + late_s)


def test_clocks_may_differ_by_five_seconds() -> None:
    TicketGate(HERE).admit(ticket(), now_s=NOW_S - 5)
    TicketGate(HERE).admit(ticket(), now_s=NOW_S + TICKET_LIFETIME_S + 4.9)
    with pytest.raises(Denied, match="not valid yet"):
        TicketGate(HERE).admit(ticket(), now_s=NOW_S - 6)


def test_a_ticket_for_a_year_is_refused() -> None:
    with pytest.raises(Denied, match="live longer"):
        TicketGate(HERE).admit(ticket(lifetime_s=365 * 86_400), now_s=NOW_S)


@pytest.mark.parametrize(
    "wrong",
    [{"role": "admin"}, {"jti": "short"}, {"sid": "../../etc"}, {"sub": "a/b"}, {"sub": ""}, {"exp": "soon"}, {"x": 1}],
    ids=str,
)
def test_strange_claims_are_no_ticket(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TicketClaims.model_validate({**ticket().model_dump(), **wrong})


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 400)), max_size=40))
def test_no_order_of_tickets_lets_one_in_twice(tries: list[tuple[int, float]]) -> None:
    gate = TicketGate(HERE)
    admitted: list[str] = []
    for number, after_s in sorted(tries, key=lambda attempt: attempt[1]):
        claims = ticket(jti=f"{number:016d}", iat=NOW_S + number * 60)
        try:
            admitted.append(gate.admit(claims, now_s=NOW_S + after_s).jti)
        except Denied:
            continue
    assert len(admitted) == len(set(admitted))


def test_used_tickets_are_forgotten_when_they_expired_anyway() -> None:
    gate = TicketGate(HERE)
    for number in range(100):
        gate.admit(ticket(jti=f"{number:016d}", iat=NOW_S + number * 600), now_s=NOW_S + number * 600)
    assert len(gate._used) == 1
