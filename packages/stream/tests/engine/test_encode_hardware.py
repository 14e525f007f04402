"""Graphics cards' encoders: their pipelines as text, and the child process with a real encoder that needs no card."""

from __future__ import annotations

import os
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from packages.stream.tests.engine.codec_parts import PLAN

from dillinger_contracts.media import Box
from dillinger_stream.encode import nvenc, vaapi
from dillinger_stream.encode.base import EncoderError, EncoderSettings, EncoderUnavailable
from dillinger_stream.encode.codecs import open_encoder
from dillinger_stream.encode.gstreamer import GstEncoder
from dillinger_stream.encode.hardware import PLANS, probe, probe_all
from dillinger_stream.frames import AccessUnit, Frame

WIDTH, HEIGHT = 320, 192
WHOLE = Box(0, 0, WIDTH, HEIGHT)
HD = EncoderSettings(1280, 720, 8_000_000, 60.0)


def frame(pixels: Any, number: int, box: Box = WHOLE) -> Frame:
    return Frame(pixels, WIDTH, HEIGHT, box, number * 16_666_667)


def plain(red: int, green: int, blue: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
    return np.full((height, width, 4), (blue, green, red, 0), dtype=np.uint8)


def decoded(units: list[AccessUnit]) -> list[Any]:
    codec: Any = av.CodecContext.create("h264", "r")
    pictures = [picture for unit in units for picture in codec.decode(av.Packet(unit.data))]
    return [picture.to_ndarray(format="rgb24") for picture in [*pictures, *codec.decode(None)]]


def test_the_pipelines_are_as_they_were_written_down() -> None:
    assert vaapi.pipeline(HD) == (
        "appsrc name=in is-live=true format=time block=false"
        " caps=video/x-raw,format=BGRx,width=1280,height=720,framerate=60000/1000 ! vapostproc"
        " ! video/x-raw(memory:VAMemory),format=NV12,width=1280,height=720"
        " ! vah264enc name=encoder rate-control=cbr bitrate=8000 target-usage=7"
        " b-frames=0 ref-frames=1 key-int-max=1024"
        " ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au"
        " ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
        " ! appsink name=out sync=false max-buffers=4"
    )
    assert nvenc.pipeline(HD) == (
        "appsrc name=in is-live=true format=time block=false"
        " caps=video/x-raw,format=BGRx,width=1280,height=720,framerate=60000/1000"
        " ! cudaupload ! cudaconvert ! cudascale"
        " ! video/x-raw(memory:CUDAMemory),format=NV12,width=1280,height=720"
        " ! nvcudah264enc name=encoder rate-control=cbr bitrate=8000 preset=p1 tune=ultra-low-latency"
        " zero-reorder-delay=true b-frames=0 gop-size=-1"
        " ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream,alignment=au"
        " ! h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
        " ! appsink name=out sync=false max-buffers=4"
    )


def test_pictures_in_a_cards_memory_stay_there_and_are_made_smaller_there() -> None:
    half = EncoderSettings(1280, 720, 8_000_000, 60.0, scale=Fraction(1, 2))
    for plan in (vaapi, nvenc):
        text = plan.pipeline(half, vaapi.DMABUF)
        assert "caps=video/x-raw(memory:DMABuf),format=BGRx,width=1280,height=720" in text
        assert "format=NV12,width=640,height=360" in text
    assert "glupload ! cudaupload" in nvenc.pipeline(HD, vaapi.DMABUF)


def test_no_plan_calls_itself_verified() -> None:
    assert [plan.caps.name for plan in PLANS] == ["NVENC", "VA-API"]
    assert all(plan.caps.is_hardware and not plan.caps.is_verified for plan in PLANS)


def test_the_child_encodes_whole_pictures_and_boxes_with_keyframes_on_request() -> None:
    encoder = GstEncoder(EncoderSettings(WIDTH, HEIGHT, 4_000_000, 60.0), PLAN)
    box = Box(64, 32, 96, 48)
    frames = [
        frame(plain(200, 0, 0), 0), frame(plain(0, 0, 200, box.width, box.height), 1, box),
        frame(None, 2, Box(0, 0, 0, 0)), frame(None, 3, Box(0, 0, 0, 0)),
    ]  # fmt: skip
    units = [encoder.encode(one, keyframe=number == 3) for number, one in enumerate(frames)]
    encoder.close()
    assert [unit.is_keyframe for unit in units] == [True, False, False, True]
    assert [unit.sequence for unit in units] == [0, 1, 2, 3]
    assert all(unit.codec.startswith("avc1.42c0") for unit in units)
    first, last = decoded(units)[0], decoded(units)[-1]
    assert np.abs(first.reshape(-1, 3).mean(axis=0) - (200, 0, 0)).max() < 12
    assert np.abs(last[40:72, 72:152].reshape(-1, 3).mean(axis=0) - (0, 0, 200)).max() < 16
    assert np.abs(last[120:].reshape(-1, 3).mean(axis=0) - (200, 0, 0)).max() < 12
    assert len(decoded(units[3:])) == 1, "a keyframe decodes alone"


def test_another_bitrate_holds_while_it_runs() -> None:
    scene = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH * 2, 4), dtype=np.uint8)
    encoder = GstEncoder(EncoderSettings(WIDTH, HEIGHT, 6_000_000, 60.0), PLAN)
    means = []
    for bitrate_bps in (6_000_000, 1_500_000):
        encoder.reconfigure(bitrate_bps=bitrate_bps, rate_hz=60.0)
        sizes = []
        for number in range(60):
            pixels = np.ascontiguousarray(scene[:, number * 5 : number * 5 + WIDTH])
            unit = encoder.encode(frame(pixels, number), keyframe=False)
            assert not unit.is_keyframe or not number
            sizes.append(len(unit.data))
        means.append(sum(sizes[20:]) / 40)
    encoder.close()
    assert means[1] < means[0] * 0.6


def test_a_child_that_dies_is_a_broken_encoder_by_name() -> None:
    encoder = GstEncoder(EncoderSettings(WIDTH, HEIGHT, 4_000_000, 60.0), PLAN)
    encoder.encode(frame(plain(1, 2, 3), 0), keyframe=False)
    os.kill(encoder._child.process.pid, signal.SIGKILL)
    encoder._child.process.wait()
    with pytest.raises(EncoderError, match="x264enc is gone"):
        for number in (1, 2):
            encoder.encode(frame(plain(1, 2, 3), number), keyframe=False)
    encoder.close()


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path) -> None:
    for found in probe_all(tmp_path):
        assert not found.is_usable
        assert "there is no /dev/" in found.reason
        assert found.hint
    device = tmp_path / "dev/dri/renderD128"
    device.parent.mkdir(parents=True)
    device.touch()
    found = probe(vaapi.PLAN, tmp_path)  # a device, but no driver behind it
    assert not found.is_usable
    assert found.reason.startswith("VA-API")
    assert probe(PLAN).is_usable


def test_a_pipeline_that_does_not_start_is_unavailable() -> None:
    with pytest.raises(EncoderUnavailable) as raised:
        open_encoder(EncoderSettings(WIDTH, HEIGHT, 1_000_000, 60.0, engine="VA-API"))
    assert "va" in raised.value.message
    assert raised.value.hint is not None
    with pytest.raises(EncoderUnavailable):
        open_encoder(EncoderSettings(WIDTH, HEIGHT, 1_000_000, 60.0, engine="no such"))
