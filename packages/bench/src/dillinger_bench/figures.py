"""The figures that a bench tells, and the small arithmetic behind them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

REFRESH_WAIT_MS = 1000 / 60 / 2
"""How long a picture that is ready waits for the next refresh of a 60 Hz screen, on average."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure is; `is_more_better` tells which way is good."""

    name: str
    unit: str
    doc: str
    is_more_better: bool = False
    digits: int = 1


FIGURES = {
    figure.name: figure
    for figure in (
        Figure("key_to_pixel_p50", "ms", "XTEST key at the cell's display → its pixel seen at a refresh, median"),
        Figure("key_to_pixel_p95", "ms", "the same, 95 of 100 are faster"),
        Figure("key_to_pixel_p50_net", "ms", "the median without the mean wait for the refresh (8.3 ms)"),
        Figure("browser_key_p50", "ms", "key event in the page → its pixel seen at a refresh, median"),
        Figure("browser_key_p95", "ms", "the same, 95 of 100 are faster"),
        Figure("shown_fps", "1/s", "different pictures seen a second while everything moves", is_more_better=True),
        Figure("cpu_idle", "% of a core", "seat and cell without the game, nothing moves", digits=2),
        Figure("cpu_light", "% of a core", "the same, a box of 200 px moves at 60 Hz"),
        Figure("cpu_motion", "% of a core", "the same, everything moves at 60 Hz"),
        Figure("cpu_relay_idle", "% of a core", "core, nothing moves", digits=2),
        Figure("cpu_relay_motion", "% of a core", "core, everything moves (it relays the stream)"),
        Figure("cpu_watcher", "% of a core", "seat, cell and core for each who only watches, everything moves"),
        Figure("pictures_watcher", "1/s", "pictures that the best-served watcher gets a second", is_more_better=True),
        Figure("pictures_slow", "1/s", "the same, of one that reads five messages a second", is_more_better=True),
        Figure("memory", "MB", "PSS of seat and cell without the game, everything moves", digits=0),
        Figure("first_frame", "s", "session asked for → first picture seen", digits=2),
        Figure("click_to_first_frame", "s", "click on Play → first picture seen", digits=2),
        Figure("launches", "", "starts from a click on Play", digits=0),
        Figure("launch_success", "%", "of them showed a picture and ended as asked", is_more_better=True),
        Figure("click_to_first_frame_p50", "s", "click on Play → first picture with something in it, median", digits=2),
        Figure("click_to_first_frame_p95", "s", "the same, 95 of 100 are faster", digits=2),
        Figure("seats", "", "seats at once, each with a viewer", digits=0),
        Figure("pictures_worst", "%", "pictures that the worst-served viewer got of those wished", is_more_better=True),
        Figure("cpu_seat", "% of a core", "each seat, its game included"),
        Figure("memory_seat", "MB", "each seat, its game included, as cgroups count", digits=0),
        Figure("gl_fps_host", "1/s", "OpenGL frames on a bare display of this machine", is_more_better=True),
        Figure("gl_fps_cell", "1/s", "the same in a cell, while nobody watches", is_more_better=True),
        Figure("gl_fps_watched", "1/s", "the same, while one viewer takes the stream", is_more_better=True),
        Figure("gl_cpu_host", "ms", "CPU time of the program for each of them", digits=2),
        Figure("gl_cpu_cell", "ms", "the same in a cell, while nobody watches", digits=2),
        Figure("gl_cpu_watched", "ms", "the same, while one viewer takes the stream", digits=2),
        Figure("loss_cell", "%", "what the cell costs of the frames"),
        Figure("loss_watched", "%", "what cell and stream cost of them"),
        Figure("sound_after_picture_p50", "ms", "picture shown → sound of the same moment heard, median"),
        Figure("sound_after_picture_p95", "ms", "the same, 95 of 100 are sooner"),
        Figure("sound_game", "ms", "of that, what waits for and at the game's own sound server, as that tells, median"),
        Figure("sound_stream", "ms", "of that, what is neither the game's nor the loudspeaker's: capture to page"),
        Figure("sound_output", "ms", "of that, what the system and the loudspeaker take, as the browser tells"),
        Figure("sound_gaps", "", "how often the page had no sound to play while some was on its way", digits=0),
        Figure("beeps_heard", "%", "beeps of which both were noticed", is_more_better=True, digits=0),
        Figure("stage_wait", "ms", "damage → the grab begins, median", digits=2),
        Figure("stage_capture", "ms", "grab, median", digits=2),
        Figure("stage_convert", "ms", "RGB → YUV, median", digits=2),
        Figure("stage_encode", "ms", "encoder, median", digits=2),
        Figure("stage_queue", "ms", "encoded → its turn on the viewer's path, median", digits=2),
        Figure("stage_packetise", "ms", "RTP payloads or message made, median", digits=2),
        Figure("stage_send", "ms", "until the last of it was handed to the socket, median", digits=2),
        Figure("stage_relay", "ms", "core's relay, median", digits=2),
        Figure("stage_network", "ms", "half of the network's own round trip, median", digits=2),
        Figure("stage_delivery", "ms", "the rest of the way, handed over at both ends, median", digits=2),
        Figure("stage_decode", "ms", "browser's decoder", digits=2),
        Figure("stage_draw", "ms", "browser's drawing", digits=2),
        Figure("stage_seat_to_drawn", "ms", "damage seen by the seat → drawn in the browser, median", digits=2),
        Figure("stage_round_trip", "ms", "message to the seat and back", digits=2),
        Figure("micro_pack_h264", "µs", "RTP payloads of one H.264 picture of 25 kB (720p60, 12 Mbit/s)"),
        Figure("micro_pack_vp8", "µs", "the same of VP8"),
        Figure("micro_pack_vp9", "µs", "the same of VP9"),
        Figure("micro_pack_av1", "µs", "the same of AV1"),
        Figure("micro_header", "µs", "the header of a picture over a WebSocket", digits=2),
        Figure("micro_pacer", "µs", "when each packet of a picture may leave", digits=2),
        Figure("micro_rate", "µs", "rate control, once (ten times a second)", digits=2),
        Figure("micro_duplication", "µs", "whether packets go twice, once", digits=2),
        Figure("micro_arrivals", "µs", "a picture's packets numbered, and their feedback read"),
        Figure("micro_damage_merge", "µs", "eight boxes of damage merged into one", digits=2),
        Figure("micro_damage_compare", "µs", "a box of 200 px found by comparing two pictures of 720p"),
        Figure("micro_convert_box", "µs", "RGB → YUV of a box of 200 px"),
        Figure("micro_convert_whole", "µs", "the same of all of 720p"),
        Figure("micro_times", "µs", "all that measuring a picture's stages costs the seat", digits=2),
        Figure("micro_flow", "µs", "what is on its way to a viewer, kept for one picture", digits=2),
        Figure("micro_input", "µs", "an input message read", digits=2),
        Figure("micro_relay", "µs", "core follows the frame of one picture that passes", digits=2),
        Figure("bitrate", "Mbit/s", "while everything moves", digits=1),
        Figure("freezes", "", "stretches of more than 200 ms without a new picture", digits=0),
        Figure("longest_freeze", "ms", "the longest stretch without a new picture", digits=0),
        Figure("picture_psnr", "dB", "luma of shown against drawn pictures, median", is_more_better=True),
        Figure("picture_ssim", "", "likeness of shown and drawn, median; 1 is the same", is_more_better=True, digits=3),
        Figure("queue_p95", "ms", "wait at the link's transmitter, 95 of 100 tenths of a second are below", digits=0),
        Figure("queue_max", "ms", "the longest wait at the link's transmitter", digits=0),
        Figure("queue_floor", "ms", "of that, what one round trip of what was sent before a drop makes", digits=0),
        Figure("queue_drain", "s", "link narrows → for half a second nothing waits longer than 150 ms", digits=1),
        Figure("queue_after", "ms", "wait at the link's transmitter from then on, 95 of 100 are below", digits=0),
        Figure("link_loss", "%", "packets to the browser that the link lost or had no room for"),
        Figure("recovery", "s", "link is wide again → it carries 80 % of what it did before", digits=1),
        Figure("webrtc_share", "%", "of the time in which WebRTC carried the picture", digits=0),
    )
}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of `values` don't exceed, interpolated; raises ValueError for none at all."""
    if not values:
        raise ValueError("a percentile of nothing")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def matched(causes_ms: Sequence[float], effects_ms: Sequence[float], deadline_ms: float) -> list[float]:
    """How long each cause took to its effect: the first one after it and before the next cause and the deadline.

    A cause without an effect counts as the deadline, so that a lost key is not a fast one.
    """
    delays = []
    for number, cause in enumerate(causes_ms):
        until = min(causes_ms[number + 1] if number + 1 < len(causes_ms) else cause + deadline_ms, cause + deadline_ms)
        seen = [effect - cause for effect in effects_ms if cause <= effect < until]
        delays.append(min(seen, default=deadline_ms))
    return delays


def ratios(ours: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Ours divided by theirs, for every figure that both have and theirs is not 0."""
    return {
        case: {name: value / theirs[case][name] for name, value in figures.items() if theirs[case].get(name)}
        for case, figures in ours.items()
        if case in theirs
    }
