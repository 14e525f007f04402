"""The emulated link: pure, so its promises are tested by the packet."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_bench.network.link import LinkProfile, OneWay

PACKET_BYTES = 1250  # 10 kbit
PROFILES = st.builds(
    LinkProfile,
    delay_ms=st.floats(0, 100), jitter_ms=st.floats(0, 20), loss_ratio=st.floats(0, 1), burst_packets=st.floats(1, 20),
    reorder_ratio=st.floats(0, 1), rate_bps=st.none() | st.floats(1e5, 1e8), queue_bytes=st.integers(0, 100_000),
    is_udp_blocked=st.booleans(),
)  # fmt: skip


def _play(link: OneWay[int], count: int, *, every_s: float, start_s: float = 0.0) -> list[tuple[float, int]]:
    """Offers numbered packets and collects what arrives, and when."""
    arrived: list[tuple[float, int]] = []

    def collect(until_s: float) -> None:
        while (at_s := link.next_at_s()) is not None and at_s <= until_s:
            arrived.extend((at_s, number) for number in link.due(at_s))

    for number in range(count):
        now_s = start_s + number * every_s
        collect(now_s)
        link.offer(number, PACKET_BYTES, now_s, is_udp=number % 2 == 0)
    collect(float("inf"))
    return arrived


def test_a_perfect_cable_changes_nothing() -> None:
    arrived = _play(OneWay(LinkProfile(), 1), 100, every_s=0.001)
    assert [number for _, number in arrived] == list(range(100))


def test_a_delay_is_exact_and_keeps_the_order() -> None:
    arrived = _play(OneWay(LinkProfile(delay_ms=25), 1), 50, every_s=0.002)
    assert [round(at_s - number * 0.002, 9) for at_s, number in arrived] == [0.025] * 50


def test_a_rate_spaces_packets_and_a_full_queue_drops() -> None:
    link: OneWay[int] = OneWay(LinkProfile(rate_bps=1e6, queue_bytes=5 * PACKET_BYTES), 1)
    arrived = _play(link, 20, every_s=0.0)  # a burst at once: one leaves, five wait
    assert len(arrived) == 6
    assert [round(at_s, 6) for at_s, _ in arrived] == [0.01 * place for place in range(1, 7)]
    report = link.take_report()
    assert sum(step.overflowed for step in report) == 14
    assert round(max(step.queue_ms for step in report), 6) == 60.0


def test_a_new_rate_holds_for_what_waits() -> None:
    link: OneWay[int] = OneWay(LinkProfile(rate_bps=1e6), 1)
    for number in range(3):
        link.offer(number, PACKET_BYTES, 0.0)
    link.configure(replace(link.profile, rate_bps=1e4), 0.005)
    assert link.due(0.011) == [0], "under way already"
    assert link.due(0.9) == []
    assert link.due(1.011) == [1]


def test_bursts_lose_as_much_as_single_losses_but_in_rows() -> None:
    rows = {}
    for burst in (1.0, 8.0):
        arrived = {
            number
            for _, number in _play(OneWay(LinkProfile(loss_ratio=0.1, burst_packets=burst), 7), 20_000, every_s=0.0)
        }
        lost = [number for number in range(20_000) if number not in arrived]
        assert 0.07 < len(lost) / 20_000 < 0.13
        rows[burst] = len(lost) / sum(number - 1 not in set(lost) for number in lost)
    assert rows[1.0] < 1.5
    assert 6 < rows[8.0] < 10


def test_reordered_packets_come_late_and_hold_nobody_back() -> None:
    profile = LinkProfile(delay_ms=20, reorder_ratio=0.2, reorder_ms=10)
    arrived = _play(OneWay(profile, 3), 500, every_s=0.001)
    late = [round((at_s - number * 0.001) * 1000) for at_s, number in arrived]
    assert set(late) == {20, 30}
    assert [number for _, number in arrived] != sorted(number for _, number in arrived)


def test_only_udp_is_blocked() -> None:
    arrived = _play(OneWay(LinkProfile(is_udp_blocked=True), 1), 10, every_s=0.001)
    assert [number for _, number in arrived] == [1, 3, 5, 7, 9]


@settings(max_examples=60, deadline=None)
@given(profile=PROFILES, seed=st.integers(0, 1000), every_s=st.floats(0, 0.01))
def test_the_same_seed_gives_the_same_link_and_nothing_is_made_up(
    profile: LinkProfile, seed: int, every_s: float
) -> None:
    first, second = (_play(OneWay(profile, seed), 200, every_s=every_s) for _ in range(2))
    assert first == second
    numbers = [number for _, number in first]
    assert len(set(numbers)) == len(numbers), "no packet comes twice"
    link: OneWay[int] = OneWay(profile, seed)
    _play(link, 200, every_s=every_s)
    report = link.take_report()
    assert sum(step.offered for step in report) == 200
    assert sum(step.lost + step.overflowed for step in report) == 200 - len(first)
    assert sum(step.delivered_bytes for step in report) == len(first) * PACKET_BYTES
