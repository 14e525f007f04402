"""Who plays: every order of comings, goings and wishes, and what must hold after each."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dillinger_contracts.errors import Conflict, Denied, DillingerError, Exhausted, NotFound
from dillinger_contracts.floor import ASK_AGAIN_S, Floor, FloorAct, FloorWish, Member, Rank

OWNER = Member(1, "ann", "Ann", "owner", may_play=True, device="a")
LAPTOP = Member(2, "ann", "Ann", "owner", may_play=True, device="b")
ADMIN = Member(3, "root", "Root", "admin", may_play=True)
GUEST = Member(4, "guest-x", "Ben", "guest", may_play=True)
WATCHER = Member(5, "guest-y", "Cleo", "guest", may_play=False)


def floor_of(*members: Member) -> Floor:
    floor = Floor()
    for member in members:
        floor.join(member)
    return floor


def act(floor: Floor, who: Member, what: FloorAct, whom: Member | None = None, *, now_s: float = 0.0) -> None:
    floor.act(who.peer_id, FloorWish(act=what, peer_id=whom and whom.peer_id), now_s)


@pytest.mark.parametrize(
    ("comers", "player"),
    [
        ((OWNER, LAPTOP, GUEST), OWNER),
        ((GUEST, OWNER), GUEST),
        ((WATCHER, ADMIN), None),
        ((WATCHER, GUEST), GUEST),
    ],
    ids=["the owner's first page", "a guest who came first", "an admin looks on", "never a watcher"],
)
def test_who_plays_at_first(comers: tuple[Member, ...], player: Member | None) -> None:
    assert floor_of(*comers).holder == (player and player.peer_id)


def test_owner_and_admin_take_it_and_a_guest_does_not() -> None:
    floor = floor_of(OWNER, ADMIN, GUEST, LAPTOP)
    with pytest.raises(Denied, match="Somebody plays"):
        act(floor, GUEST, "take")
    for taker in (ADMIN, LAPTOP, OWNER):
        act(floor, taker, "take")
        assert floor.holder == taker.peer_id


def test_a_guest_asks_and_is_given_it_or_not() -> None:
    floor = floor_of(OWNER, GUEST)
    act(floor, GUEST, "ask")
    assert [person.is_asking for person in floor.people().people] == [False, True]
    act(floor, OWNER, "decline", GUEST, now_s=100)
    with pytest.raises(Exhausted):
        act(floor, GUEST, "ask", now_s=100 + ASK_AGAIN_S - 0.1)
    act(floor, GUEST, "ask", now_s=100 + ASK_AGAIN_S)
    act(floor, OWNER, "give", GUEST)
    assert floor.holder == GUEST.peer_id
    assert not any(person.is_asking for person in floor.people().people)


@pytest.mark.parametrize("what", ["take", "ask", "join_pads"])
def test_who_may_only_watch_plays_never(what: FloorAct) -> None:
    floor = floor_of(WATCHER)
    with pytest.raises(Denied, match="only watch"):
        act(floor, WATCHER, what)
    floor.join(OWNER)
    with pytest.raises(Denied, match="may only watch"):
        act(floor, OWNER, "give", WATCHER)
    assert floor.holder == OWNER.peer_id


def test_only_who_plays_hands_over_or_declines() -> None:
    floor = floor_of(OWNER, GUEST, WATCHER)
    for what in ("give", "decline"):
        with pytest.raises(Denied, match="hands over"):
            act(floor, WATCHER, what, GUEST)
    with pytest.raises(Conflict):
        act(floor, GUEST, "release")
    with pytest.raises(NotFound):
        act(floor, OWNER, "give", ADMIN)


def test_it_falls_back_to_the_owner_when_the_guest_goes_or_gives_up() -> None:
    for ends_by_leaving in (True, False):
        floor = floor_of(OWNER, GUEST)
        act(floor, OWNER, "give", GUEST)
        if ends_by_leaving:
            floor.leave(GUEST.peer_id)
        else:
            act(floor, GUEST, "release")
        assert floor.holder == OWNER.peer_id


def test_without_an_owner_it_is_free_for_who_asks() -> None:
    floor = floor_of(OWNER, GUEST)
    floor.leave(OWNER.peer_id)
    assert floor.holder is None
    act(floor, GUEST, "ask")
    assert floor.holder == GUEST.peer_id


def test_a_page_whose_link_broke_plays_on() -> None:
    again = Member(9, "ann", "Ann", "owner", may_play=True, device="a")
    floor = floor_of(OWNER, GUEST)
    assert floor.join(again) == OWNER.peer_id, "its old link is not known for lost yet"
    assert floor.holder == again.peer_id and OWNER.peer_id not in floor.members
    floor = floor_of(OWNER, LAPTOP)
    floor.leave(OWNER.peer_id, is_cut_off=True)
    assert floor.holder == LAPTOP.peer_id
    assert floor.join(again) is None
    assert floor.holder == again.peer_id, "the same person's other page had it meanwhile"


def test_a_page_that_was_cut_off_takes_it_from_nobody_else() -> None:
    again = Member(9, "ann", "Ann", "owner", may_play=True, device="a")
    floor = floor_of(OWNER, LAPTOP, GUEST)
    floor.leave(OWNER.peer_id, is_cut_off=True)
    act(floor, LAPTOP, "give", GUEST)
    floor.join(again)
    assert floor.holder == GUEST.peer_id
    stranger = Member(8, "guest-x", "Ann", "owner", may_play=True, device="b")
    assert floor.join(stranger) is None, "a secret alone is not enough"


def test_a_second_player_plays_along_with_gamepads() -> None:
    floor = floor_of(OWNER, GUEST)
    act(floor, GUEST, "join_pads")
    assert floor.has_pads(GUEST.peer_id) and floor.holder == OWNER.peer_id
    act(floor, OWNER, "give", GUEST)
    assert not floor.has_pads(GUEST.peer_id), "it has all of the game now"


MEMBERS = st.builds(
    lambda number, user, rank, may_play, device: Member(number, user, user, rank, may_play=may_play, device=device),
    st.integers(1, 6), st.sampled_from(["ann", "ben"]), st.sampled_from(["owner", "admin", "guest"]), st.booleans(),
    st.sampled_from(["", "a", "b"]),
)  # fmt: skip
ACTS: list[FloorAct] = ["take", "ask", "withdraw", "give", "decline", "release", "join_pads", "leave_pads"]


class Room(RuleBasedStateMachine):
    """People come, go, and wish what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.floor = Floor()
        self.now_s = 0.0

    @rule(member=MEMBERS)
    def join(self, member: Member) -> None:
        if member.peer_id not in self.floor.members:
            before, holder = dict(self.floor.members), self.floor.holder
            replaced = self.floor.join(member)
            if self.floor.holder != holder and holder is not None:
                loser = before[holder]
                assert loser.user == member.user, "whoever comes takes it from nobody but their own other page"
            assert replaced is None or before[replaced].is_same_page(member)

    @rule(peer_id=st.integers(1, 6), is_cut_off=st.booleans())
    def leave(self, peer_id: int, is_cut_off: bool) -> None:
        self.floor.leave(peer_id, is_cut_off=is_cut_off)
        assert peer_id not in self.floor.members

    @rule(
        peer_id=st.integers(1, 6), what=st.sampled_from(ACTS), whom=st.none() | st.integers(1, 6),
        wait_s=st.floats(0, 20),
    )  # fmt: skip
    def wish(self, peer_id: int, what: FloorAct, whom: int | None, wait_s: float) -> None:
        if peer_id not in self.floor.members:
            return
        self.now_s += wait_s
        before, me = self.floor.people(), self.floor.members[peer_id]
        try:
            self.floor.act(peer_id, FloorWish(act=what, peer_id=whom), self.now_s)
        except DillingerError:
            assert self.floor.people() == before, "what was refused changed nothing"
            return
        taken_from = before.player
        if taken_from not in (None, peer_id, self.floor.holder):
            assert me.may_play and me.rank != "guest", "a guest took it from who played"

    @invariant()
    def one_plays_who_may_and_is_there(self) -> None:
        holder: int | None = self.floor.holder
        assert holder is None or self.floor.members[holder].may_play

    @invariant()
    def what_is_told_is_whole(self) -> None:
        people = self.floor.people()
        ranks: dict[int, Rank] = {person.peer_id: person.rank for person in people.people}
        assert ranks.keys() == self.floor.members.keys()
        for person in people.people:
            if person.peer_id == people.player:
                assert not person.is_asking and not person.has_pads
            assert person.may_play or not (person.is_asking or person.has_pads)


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, derandomize=True)
