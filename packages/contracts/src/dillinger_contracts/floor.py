"""Who plays while others look on: floor control (RFC 4582 has the words) of one stream, and what is said about it.

One peer at a time holds the floor: its keys, pointer, clipboard and voice are the game's. Sans-IO, so that every order
of comings, goings and wishes can be tried; the hub says what follows for sinks and pictures. Time is an argument.

    free ── a player comes | take, ask ──▶ held ── release, leave ──▶ held by the owner who is there, else free
                                           held ── take (owner, admin) | give (holder, owner, admin) ──▶ held by another
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from .errors import Conflict, Denied, Exhausted, NotFound
from .model import Model

Rank = Literal["owner", "admin", "guest"]
"""What a person is to a session: the floor is the owner's by birth, an admin may take it, a guest is given it."""
FloorAct = Literal["take", "ask", "withdraw", "give", "decline", "release", "join_pads", "leave_pads"]

ASK_AGAIN_S = 10.0
"""After a refusal, before the same peer may ask again."""


class FloorWish(Model):
    """A browser's word on who should play. `peer_id` is of `give` and `decline`: whom."""

    type: Literal["floor"] = "floor"
    act: FloorAct
    peer_id: int | None = Field(default=None, ge=0, le=1 << 31)


class Person(Model):
    """One of those who are there."""

    peer_id: int
    name: str
    rank: Rank
    may_play: bool
    """False: this one may only ever watch."""
    is_asking: bool = False
    has_pads: bool = False
    """Plays along with gamepads of their own, without the floor."""


class People(Model):
    """Who is there and who plays; said to each peer when it comes and whenever something changes."""

    type: Literal["people"] = "people"
    player: int | None
    """The peer that holds the floor; None while nobody does."""
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A peer, as the floor knows it."""

    peer_id: int
    user: str
    name: str
    rank: Rank
    may_play: bool
    device: str = ""
    """The page's own secret, the same when its link comes back; empty where it has none."""

    def is_same_page(self, other: Member) -> bool:
        """Whether both are conversations of one page, one after the other."""
        return bool(self.device) and (self.device, self.user, self.rank) == (other.device, other.user, other.rank)


class Floor:
    """The floor of one stream."""

    def __init__(self) -> None:
        self.members: dict[int, Member] = {}
        self.holder: int | None = None
        self._asking: dict[int, None] = {}
        self._pads: set[int] = set()
        self._declined_at_s: dict[int, float] = {}
        self._cut_off: Member | None = None
        """Held the floor when its link broke, and nobody has done anything about it since."""

    def join(self, member: Member) -> int | None:
        """Somebody comes; returns the peer that it replaces: the same page, whose old link is not known to be lost."""
        twin = next((old for old in self.members.values() if old.is_same_page(member)), None)
        was_holding = twin is not None and twin.peer_id == self.holder
        had_pads = twin is not None and twin.peer_id in self._pads
        if twin is not None:
            self._forget(twin.peer_id)
        self.members[member.peer_id] = member
        if had_pads:
            self._pads.add(member.peer_id)
        if member.may_play and (
            was_holding or self._comes_back(member) or (self.holder is None and self._is_due(member))
        ):
            self._grant(member.peer_id)
        return None if twin is None else twin.peer_id

    def leave(self, peer_id: int, *, is_cut_off: bool = False) -> None:
        """Somebody goes, or is cut off; the floor goes back to the owner. One that is not there changes nothing."""
        member = self.members.get(peer_id)
        if member is None:
            return
        was_holding = self.holder == peer_id
        self._forget(peer_id)
        if was_holding:
            self._fall_back()
            self._cut_off = member if is_cut_off else None

    def act(self, peer_id: int, wish: FloorWish, now_s: float) -> None:
        """What a member wishes; raises `Denied`, `Conflict`, `NotFound` or `Exhausted`, and changes nothing then."""
        me = self.members[peer_id]
        match wish.act:
            case "take":
                self._take(me)
            case "ask":
                self._ask(me, now_s)
            case "withdraw":
                self._asking.pop(peer_id, None)
            case "give":
                self._give(me, self._other(wish))
            case "decline":
                self._decline(me, self._other(wish), now_s)
            case "release":
                if self.holder != peer_id:
                    raise Conflict("You do not play")
                self._cut_off = None
                self._fall_back(but=peer_id)
            case "join_pads":
                self._check_may_play(me)
                if self.holder != peer_id:
                    self._pads.add(peer_id)
            case "leave_pads":
                self._pads.discard(peer_id)

    def has_pads(self, peer_id: int) -> bool:
        """Whether this one plays along with gamepads only."""
        return peer_id in self._pads

    def people(self) -> People:
        """What everybody is told."""
        return People(
            player=self.holder,
            people=tuple(
                Person(
                    peer_id=member.peer_id,
                    name=member.name,
                    rank=member.rank,
                    may_play=member.may_play,
                    is_asking=member.peer_id in self._asking,
                    has_pads=member.peer_id in self._pads,
                )
                for member in self.members.values()
            ),
        )

    def _take(self, me: Member) -> None:
        self._check_may_play(me)
        if me.rank == "guest" and self.holder not in (None, me.peer_id):
            raise Denied("Somebody plays", hint="Ask for control instead")
        self._cut_off = None
        self._grant(me.peer_id)

    def _ask(self, me: Member, now_s: float) -> None:
        self._check_may_play(me)
        if self.holder is None:
            self._grant(me.peer_id)
        elif self.holder != me.peer_id:
            declined_at_s = self._declined_at_s.get(me.peer_id)
            if declined_at_s is not None and now_s < declined_at_s + ASK_AGAIN_S:
                raise Exhausted("They said no just now", hint="Ask again in a while")
            self._asking[me.peer_id] = None

    def _give(self, me: Member, other: Member) -> None:
        self._check_decides(me)
        if not other.may_play:
            raise Denied(f"{other.name} may only watch", hint="An invitation to play lets a guest take part")
        self._cut_off = None
        self._grant(other.peer_id)

    def _decline(self, me: Member, other: Member, now_s: float) -> None:
        self._check_decides(me)
        if other.peer_id in self._asking:
            del self._asking[other.peer_id]
            self._declined_at_s[other.peer_id] = now_s

    def _other(self, wish: FloorWish) -> Member:
        other = self.members.get(-1 if wish.peer_id is None else wish.peer_id)
        if other is None:
            raise NotFound("They have left")
        return other

    def _check_may_play(self, me: Member) -> None:
        if not me.may_play:
            raise Denied("You may only watch", hint="Ask for an invitation to play")

    def _check_decides(self, me: Member) -> None:
        if self.holder != me.peer_id and (me.rank == "guest" or not me.may_play):
            raise Denied("Only who plays hands over")

    def _is_due(self, member: Member) -> bool:
        """Whether a free floor is given to who comes; an admin looks first."""
        return member.rank != "admin"

    def _comes_back(self, member: Member) -> bool:
        """Whether who comes was cut off, and the floor fell to the same person's other page meanwhile."""
        cut_off, holder = self._cut_off, self.members.get(-1 if self.holder is None else self.holder)
        return cut_off is not None and cut_off.is_same_page(member) and (holder is None or holder.user == member.user)

    def _grant(self, peer_id: int) -> None:
        self.holder = peer_id
        self._cut_off = None
        self._asking.pop(peer_id, None)
        self._pads.discard(peer_id)

    def _fall_back(self, *, but: int | None = None) -> None:
        owners = (m.peer_id for m in self.members.values() if m.rank == "owner" and m.may_play and m.peer_id != but)
        self.holder = None
        if (heir := next(owners, None)) is not None:
            self._grant(heir)

    def _forget(self, peer_id: int) -> None:
        del self.members[peer_id]
        self._asking.pop(peer_id, None)
        self._pads.discard(peer_id)
        self._declined_at_s.pop(peer_id, None)
        if self.holder == peer_id:
            self.holder = None
