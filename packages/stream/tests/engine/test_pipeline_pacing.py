"""The token bucket: as fast as allowed, never faster, and never late for a game of about the same rate."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dillinger_stream.pacing import TokenBucket

SECOND_NS = 1_000_000_000


@given(st.lists(st.integers(0, 50_000_000), min_size=1, max_size=300), st.sampled_from([24.0, 30.0, 60.0, 144.0]))
def test_no_window_holds_more_than_rate_and_burst(gaps_ns: list[int], rate_hz: float) -> None:
    bucket, now_ns, passed = TokenBucket(rate_hz), 0, []
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        now_ns += bucket.wait_ns(now_ns)
        assert bucket.wait_ns(now_ns) <= 1
        bucket.take(now_ns)
        passed.append(now_ns)
    for first, start in enumerate(passed):
        in_window = sum(1 for at in passed[first:] if at < start + SECOND_NS)
        assert in_window <= rate_hz * 1.05 + 3


def test_a_game_of_the_same_rate_never_waits() -> None:
    bucket, waits = TokenBucket(60.0), []
    for frame in range(600):
        jitter_ns = (frame * 7919 % 13 - 6) * 1_000_000
        now_ns = SECOND_NS + round(frame * SECOND_NS / 59.9) + jitter_ns
        waits.append(bucket.wait_ns(now_ns))
        bucket.take(now_ns + waits[-1])
    assert max(waits) == 0


def test_a_hiccup_is_forgotten() -> None:
    """The game stalls for three frames, draws what it missed in one go, and is on its grid again."""
    bucket = TokenBucket(60.0)
    waits: list[tuple[int, int]] = []
    for frame in range(240):
        stalled = 60 <= frame < 63
        at_ns = max(round((63 if stalled else frame) * SECOND_NS / 60), 1)
        now_ns = max(at_ns, waits[-1][0] if waits else 0)
        wait_ns = bucket.wait_ns(now_ns)
        bucket.take(now_ns + wait_ns)
        waits.append((now_ns + wait_ns, wait_ns))
    assert max(wait_ns for _, wait_ns in waits[:60]) == 0
    assert max(wait_ns for _, wait_ns in waits[60:80]) > 0
    assert max(wait_ns for _, wait_ns in waits[120:]) == 0


def test_a_faster_game_is_held_to_the_rate() -> None:
    bucket, now_ns, passed = TokenBucket(30.0), 0, 0
    while now_ns < 10 * SECOND_NS:
        wait_ns = bucket.wait_ns(now_ns)
        now_ns += wait_ns or 4_000_000
        if not wait_ns:
            bucket.take(now_ns)
            passed += 1
    assert 295 <= passed <= 320


def test_rest_gives_no_credit_beyond_the_burst() -> None:
    bucket = TokenBucket(60.0)
    bucket.take(0)
    now_ns = 60 * SECOND_NS
    at_once = 0
    while bucket.wait_ns(now_ns) == 0:
        bucket.take(now_ns)
        at_once += 1
    assert at_once == 2
