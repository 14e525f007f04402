"""What a stream is encoded as: a wish, viewers that decode this and that, and machines that are quick or slow."""

from __future__ import annotations

import pytest

from dillinger_contracts.session import VideoFormat
from dillinger_stream.formats import CodecWish, FormatWish, Machine, choose_format, common_formats, offered

HD = 1280 * 720
ALL: frozenset[VideoFormat] = frozenset({"h264", "h264-high", "h264-444", "vp8", "vp9", "av1"})
QUICK = Machine({"h264": 4, "h264-high": 5, "h264-444": 5, "vp8": 6, "vp9": 8, "av1": 8})
SLOW = Machine({"h264": 8, "h264-high": 10, "h264-444": 12, "vp8": 20, "vp9": 30, "av1": 60})
UNKNOWN = Machine()


def wish(
    codec: FormatWish = "auto", *, is_text_sharp: bool = False, takes: frozenset[VideoFormat] = ALL,
    decodes: frozenset[VideoFormat] = ALL, players_take: frozenset[VideoFormat] = ALL,
) -> CodecWish:  # fmt: skip
    return CodecWish(codec, is_text_sharp, takes, decodes, players_take)


def chosen(
    one: CodecWish, machine: Machine, *, is_thrifty: bool = False, rate_hz: float = 60
) -> tuple[VideoFormat, str]:
    choice = choose_format(one, machine, pixels=HD, rate_hz=rate_hz, is_thrifty=is_thrifty)
    return choice.format, choice.reason


@pytest.mark.parametrize("machine", [QUICK, SLOW, UNKNOWN])
def test_left_alone_it_is_the_quickest(machine: Machine) -> None:
    assert chosen(wish(), machine) == ("h264", "H.264: the quickest here")


def test_a_choice_is_followed_where_all_can() -> None:
    assert chosen(wish("av1"), QUICK) == ("av1", "AV1, as you chose")
    assert chosen(wish("vp9"), QUICK)[0] == "vp9"


def test_what_can_not_be_had_is_said() -> None:
    assert chosen(wish("av1"), SLOW) == (
        "h264",
        "H.264: a picture in AV1 takes this machine 55 ms, too long for 60 a second",
    )
    assert chosen(wish("av1"), UNKNOWN)[1].endswith("is not known (yet)")
    only_h264 = CodecWish("vp9", takes=frozenset({"h264"}), decodes=ALL)
    assert chosen(only_h264, QUICK) == ("h264", "H.264: a viewer takes no VP9 over WebRTC")
    old_browser = CodecWish("vp9", takes=frozenset({"h264"}), decodes=frozenset({"h264"}))
    assert chosen(old_browser, QUICK) == ("h264", "H.264: a viewer's browser can't decode VP9")


def test_sharp_text_comes_before_the_codec() -> None:
    assert chosen(wish("av1", is_text_sharp=True), QUICK)[0] == "h264-444"
    assert chosen(wish(is_text_sharp=True, takes=frozenset({"h264"})), QUICK)[0] == "h264"


def test_where_bits_are_few_the_thriftiest_that_is_made_in_time() -> None:
    assert chosen(wish(), QUICK, is_thrifty=True)[0] == "av1"
    assert chosen(wish(takes=ALL - {"av1"}), QUICK, is_thrifty=True)[0] == "h264-high"
    assert chosen(wish(), SLOW, is_thrifty=True, rate_hz=30)[0] == "h264-high"
    assert chosen(wish(), UNKNOWN, is_thrifty=True)[0] == "h264"
    assert chosen(wish("h264"), QUICK, is_thrifty=True) == ("h264", "H.264, as you chose")


def test_without_h264_it_is_the_plainest_that_all_take() -> None:
    old = ALL - {"h264", "h264-high", "h264-444"}
    everywhere = wish(takes=old, decodes=old, players_take=old)
    assert chosen(everywhere, QUICK) == ("vp8", "VP8: a viewer's browser can't decode H.264")
    assert chosen(wish(takes=old, players_take=old), QUICK) == ("vp8", "VP8: a viewer takes no H.264 over WebRTC")
    assert chosen(everywhere, UNKNOWN)[0] == "vp8", "nobody waits for what encoding costs"
    assert chosen(everywhere, SLOW)[0] == "vp8", "late pictures are better than none"
    assert chosen(wish("vp8", takes=old, players_take=old), SLOW) == ("vp8", "VP8, as you chose")
    assert chosen(wish("h264", takes=old, decodes=old, players_take=old), QUICK)[1] == everywhere_reason(old)
    assert chosen(wish("av1", takes=old, players_take=old), QUICK)[0] == "av1"
    assert chosen(wish("av1", takes=old, players_take=old), SLOW)[0] == "vp8"


def everywhere_reason(takes: frozenset[VideoFormat]) -> str:
    return chosen(wish(takes=takes, decodes=takes, players_take=takes), QUICK)[1]


def test_nobody_who_plays_waits_for_somebody_who_watches() -> None:
    assert chosen(wish(takes=frozenset({"vp8"})), QUICK)[0] == "vp8", "quick enough for all"
    assert chosen(wish(takes=frozenset({"vp8"})), UNKNOWN)[0] == "vp8"
    assert chosen(wish(takes=frozenset({"vp8"})), SLOW)[0] == "h264"
    assert chosen(wish(takes=frozenset()), QUICK)[0] == "h264", "no encoder is left for what they take"


def test_what_all_take_counts_who_comes_first() -> None:
    sets: list[frozenset[VideoFormat]] = [frozenset({"h264", "vp9"}), frozenset({"vp8"}), frozenset({"vp9", "vp8"})]
    assert common_formats(sets) == {"vp9"}
    assert common_formats([]) == common_formats([frozenset()]) == {"h264"}


def test_what_is_offered_is_what_is_made_in_time() -> None:
    assert offered(UNKNOWN, pixels=HD, rate_hz=60) == ("h264",)
    assert offered(SLOW, pixels=HD, rate_hz=30) == ("h264", "h264-high", "h264-444")
    assert set(offered(QUICK, pixels=HD, rate_hz=60)) == ALL
