"""The comparison's arithmetic: turns, medians, paired ratios, quality of pictures, whose process is whose."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from importlib import resources
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from dillinger_bench.commands.telling import ensure_writable
from dillinger_bench.metering import Process
from dillinger_bench.peers import selkies
from dillinger_bench.peers.base import family
from dillinger_bench.peers.catalogue import BETTER_SELKIES, JUDGED, PEER_FIGURES, PeerReport
from dillinger_bench.peers.command import known, ready
from dillinger_bench.peers.gstreamer import GStreamer
from dillinger_bench.peers.quality import LENS, Luma, drawn, lens_likeness, motion_ssim, scene, ssim
from dillinger_bench.peers.rounds import Tally, Turn, held, least_favourable, plan
from dillinger_bench.peers.traffic import total_sent
from dillinger_bench.screen import Screen, card_of
from dillinger_bench.testcard import guest
from dillinger_contracts.errors import Invalid, Unavailable


def tally(*figures: tuple[int, str, dict[str, float]], sessions: int = 1) -> Tally:
    found = Tally()
    for number, product, values in figures:
        found.add(Turn(number, "720", sessions, product), values)
    return found


def test_products_take_turns_in_every_round() -> None:
    turns = [(turn.round, turn.case, turn.product) for turn in plan(2, ["720"], [1, 2], ["a", "b"])]
    assert turns == [
        (0, "720", "a"), (0, "720", "b"), (0, "720 ×2", "a"), (0, "720 ×2", "b"),
        (1, "720", "a"), (1, "720", "b"), (1, "720 ×2", "a"), (1, "720 ×2", "b"),
    ]  # fmt: skip


def test_ratios_are_of_neighbours_in_time() -> None:
    # The machine is twice as slow in the second round: the medians' ratio would tell of that.
    found = tally((0, "a", {"x": 8}), (0, "b", {"x": 10}), (1, "a", {"x": 16}), (1, "b", {"x": 20}), (2, "a", {"x": 8}))
    assert found.medians("720", "a") == {"x": 8}
    assert found.ratios("720", "a", "b") == {"x": 0.8}


def test_a_figure_that_one_round_lacks_is_taken_from_the_others() -> None:
    found = tally((0, "a", {"x": 8, "y": 1}), (0, "b", {"y": 0}), (1, "a", {"x": 9}), (1, "b", {"x": 10}))
    assert found.ratios("720", "a", "b") == {"x": 0.9}


def test_the_better_of_two_is_the_harder_one() -> None:
    ratios = [{"cpu_idle": 0.5, "shown_fps": 1.2, "bitrate": 1.0}, {"cpu_idle": 0.7, "shown_fps": 0.9}]
    assert least_favourable(ratios, JUDGED) == {"cpu_idle": 0.7, "shown_fps": 0.9}


def test_sessions_are_held_where_all_show_fifty_frames() -> None:
    assert held({1: 60.0, 2: 50.0, 4: 31.0}) == 2
    assert held({1: 49.9}) == 0


def test_json_has_cases_and_ratios_by_figure() -> None:
    found = tally(
        (0, "dillinger", {"cpu_idle": 1.0, "shown_fps": 60.0}),
        (0, "selkies-websocket", {"cpu_idle": 20.0, "shown_fps": 50.0}),
        (0, "selkies-webrtc", {"cpu_idle": 10.0, "shown_fps": 60.0}),
    )
    plain = json.loads(PeerReport(found, "dillinger", {"cores": "2 cores"}).json())
    assert plain["cases"]["720 dillinger"] == {"cpu_idle": 1.0, "shown_fps": 60.0}
    assert plain["ratios"]["720 selkies-websocket"] == {"cpu_idle": 0.05, "shown_fps": 1.2}
    assert plain["ratios"][f"720 {BETTER_SELKIES}"] == {"cpu_idle": 0.1, "shown_fps": 1.0}
    assert plain["rounds"]["720 selkies-webrtc"] == [{"cpu_idle": 10.0, "shown_fps": 60.0}]


def test_tables_tell_how_many_sessions_were_held() -> None:
    found = tally((0, "dillinger", {"shown_fps": 60.0}), (0, "gstreamer", {"shown_fps": 55.0}))
    for number, fps in (("dillinger", 52.0), ("gstreamer", 30.0)):
        found.add(Turn(0, "720", 2, number), {"shown_fps": fps})
    lines = PeerReport(found, "dillinger", {}).markdown().splitlines()
    assert "| sessions_held |  | 2 | 1 | 2.00 |" in lines
    assert "| shown_fps | 1/s | 52.0 | 30.0 | 1.73 |" in lines


def test_peers_are_asked_for_by_name() -> None:
    assert known(None) == ["selkies-websocket", "selkies-webrtc", "gstreamer"]
    assert known(["gstreamer"]) == ["gstreamer"]
    with pytest.raises(Invalid, match="no peer vnc"):
        known(["vnc"])


class Absent(GStreamer):
    """A product that this machine can't have."""

    name = "absent"
    is_closed = False

    def prepare(self, tell: Callable[[str], None]) -> None:
        raise Unavailable("no network", hint="get one")

    def close(self) -> None:
        self.is_closed = True


class Present(GStreamer):
    """A product that needs nothing."""

    name = "present"

    def prepare(self, tell: Callable[[str], None]) -> None:
        tell("here")


def test_a_peer_that_can_not_be_had_is_told_and_the_others_go_on() -> None:
    told: list[str] = []
    absent = Absent()
    with ExitStack() as stack:
        assert list(ready([Present(), absent], stack, told.append)) == ["present"]
    assert told == ["here", "without absent: no network (get one)"]
    assert absent.is_closed


def test_without_ours_there_is_nothing_to_compare() -> None:
    with ExitStack() as stack, pytest.raises(Unavailable, match="no network"):
        ready([Absent(), Present()], stack, print)


def test_a_report_that_can_not_be_written_is_told_before_the_minutes_of_measuring(tmp_path: Path) -> None:
    ensure_writable([tmp_path / "report.json"])
    with pytest.raises(Invalid, match="nowhere/report"):
        ensure_writable([tmp_path / "nowhere/report.json"])


def noisy(picture: Luma, sigma: float) -> Luma:
    noise = np.random.default_rng(1).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_likeness_falls_as_noise_grows() -> None:
    picture = scene(320, 512, 7)
    assert ssim(picture, picture) == pytest.approx(1)
    assert 1 > ssim(noisy(picture, 2), picture) > ssim(noisy(picture, 8), picture) > ssim(noisy(picture, 40), picture)
    with pytest.raises(ValueError, match="compared"):
        ssim(picture, picture[:, :-1])


@pytest.mark.parametrize("ticks", [0, 1, 100, 255, 256, 1000])
def test_a_moving_picture_is_held_against_what_was_drawn_then(ticks: int) -> None:
    shown = np.zeros((640, 640), dtype=np.uint8)
    shown[guest.PANEL_PX[1] :] = scene(640, 640, ticks)
    assert motion_ssim(shown) == pytest.approx(1)
    assert motion_ssim(noisy(shown, 20)) < 0.95


def test_a_piece_of_the_moving_part_is_held_against_what_was_drawn_then() -> None:
    piece = drawn(LENS, 77)
    best_db, same = lens_likeness(piece)
    assert best_db > 60 and same == pytest.approx(1)
    psnr_db, likeness = lens_likeness(noisy(piece, 8))
    assert 28 < psnr_db < 32 and 0.5 < likeness < 0.99
    worse_db, less = lens_likeness(noisy(piece, 40))
    assert worse_db < psnr_db - 5 and less < likeness


def test_selkies_adapts_where_a_network_is_between() -> None:
    near, far = selkies.arguments("webrtc", 1), selkies.arguments("webrtc", 1, selkies.Far("192.0.2.1", 1, 2))
    assert near[near.index("--congestion-control") + 1] == "false|locked"
    assert far[far.index("--congestion-control") + 1] == "true|locked"
    assert far[far.index("--addr") + 1] == "127.0.0.1,192.0.2.1"


def test_every_process_of_a_product_counts_but_the_card() -> None:
    machine = [
        Process(1, 0, "init"), Process(10, 1, "/venv/bin/python -m dillinger_core serve"),
        Process(20, 1, "/venv/bin/python -m dillinger_runner serve"), Process(21, 20, "bwrap python seat"),
        Process(22, 21, "python seat"), Process(23, 22, "bwrap Xvfb"), Process(24, 23, "/usr/bin/Xvfb :0"),
        Process(25, 22, "bwrap /usr/bin/python3 -I testcard.py"), Process(26, 25, "/usr/bin/python3 -I testcard.py"),
        Process(30, 1, "Xvfb :7"),
    ]  # fmt: skip
    ours = family(machine, [10, 20], [22])
    assert ours.all == {10, 20, 21, 22, 23, 24, 25}
    assert ours.session == {22, 23, 24, 25}
    assert ours.display == {24}


def test_sent_bytes_are_those_of_all_connections() -> None:
    told = (
        "ESTAB 0 0 127.0.0.1:1 127.0.0.1:2\n\t cubic bytes_sent:100 bytes_acked:90\nESTAB 0 0 a b\n\t bytes_sent:11\n"
    )
    assert total_sent(told) == 111
    assert total_sent("") == 0


def test_selkies_is_pinned_with_all_that_it_needs() -> None:
    pins = resources.files("dillinger_bench.peers").joinpath(selkies.PINS)
    text = pins.read_text("utf-8")
    names = [line for line in text.splitlines() if line and line[0].isalnum()]
    assert any(name.startswith("selkies==") for name in names)
    assert all("==" in name for name in names)
    assert text.count("--hash=sha256:") >= len(names)
    assert all(figure.doc for figure in PEER_FIGURES.values())


def small_jpeg(picture: npt.NDArray[np.uint8]) -> bytes:
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 320, 180, "yuvj420p", Fraction(1, 60)
    return bytes(codec.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p"))[0])


@pytest.mark.parametrize("is_white", [False, True])
def test_the_key_block_is_read_from_a_small_picture_of_the_screen(is_white: bool) -> None:
    picture = np.full((180, 320, 3), 40, dtype=np.uint8)
    x, y = (at // 4 for at in guest.FLIPS["key"])
    picture[y : y + 16, x : x + 16] = 255 if is_white else 0
    assert card_of(small_jpeg(picture)).key_flip is is_white


def test_a_picture_that_was_composed_twice_counts_once() -> None:
    def counter(value: int) -> bytes:
        picture = np.zeros((180, 320, 3), dtype=np.uint8)
        x, y = (at // 4 for at in guest.ORIGIN_PX)
        for place, bit in enumerate(f"{value << guest.CHECK_BITS | guest.check_bits(value):032b}"):
            picture[y : y + 4, x + 4 * place : x + 4 * place + 4] = 255 * int(bit)
        return small_jpeg(picture)

    shown = [(0.0, 1), (20.0, 2), (40.0, 2), (60.0, 3), (100.0, 5)]
    assert Screen([(at_ms, counter(value)) for at_ms, value in shown]).shown_fps() == pytest.approx(30)
    assert Screen().shown_fps() == 0
