"""How many seats count as carried, and what is put into the library for them."""

from __future__ import annotations

from dillinger_bench.density import ENOUGH, MOST_SEATS, carried, variants


def test_seats_are_carried_while_the_worst_viewer_has_nearly_all_pictures() -> None:
    shares = (100.0, ENOUGH, ENOUGH - 0.1)
    assert carried({f"{count} seats": {"pictures_worst": share} for count, share in enumerate(shares, 1)}) == 2
    assert carried({}) == 0


def test_every_seat_has_a_game_of_its_own() -> None:
    assert len({variant.game_id for variant in variants()}) == MOST_SEATS + 1  # and a bad neighbour
