"""Pictures as RTP payloads: none is too large, and what is taken out is what went in, as the standards say it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from hypothesis import given
from hypothesis import strategies as st
from packages.stream.tests.hub.drawn import HEIGHT, WIDTH, Drawn
from tests.cases import fuzz

from dillinger_contracts.session import VideoFormat
from dillinger_stream.transport._aiortc_codecs import pack_h264
from dillinger_stream.transport.payloads import Payloads
from dillinger_stream.transport.rtp_av1 import pack_av1
from dillinger_stream.transport.rtp_payload import MOST_BYTES
from dillinger_stream.transport.rtp_vpx import PICTURE_IDS, pack_vp8, pack_vp9

DATA = st.binary(min_size=1, max_size=5000)
LIMITS = st.integers(40, 1300)
IDS = st.integers(0, PICTURE_IDS - 1)


def leb128(data: bytes) -> tuple[int, bytes]:
    """A length (AV1 specification, section 4.10.5) and what follows it."""
    for count in range(1, 9):
        if not data[count - 1] & 0x80:
            return sum((byte & 0x7F) << 7 * index for index, byte in enumerate(data[:count])), data[count:]
    raise AssertionError("a length that does not end")


def sized(obu: bytes) -> bytes:
    """An OBU with the size field that decoders want."""
    assert not obu[0] & 0x02, "no size travels"
    length, found = len(obu) - 1, bytearray([obu[0] | 0x02])
    while length > 0x7F:
        found.append(0x80 | length & 0x7F)
        length >>= 7
    return bytes(found) + bytes([length]) + obu[1:]


def av1_obus(payloads: list[bytes]) -> list[bytes]:
    """What a receiver takes out (AV1's RTP payload format, section 4.4), each OBU as it travelled."""
    obus: list[bytes] = []
    is_open = False
    for payload in payloads:
        continues, goes_on, count = payload[0] >> 7, payload[0] >> 6 & 1, payload[0] >> 4 & 3
        assert bool(continues) is is_open
        rest = payload[1:]
        elements: list[bytes] = []
        while rest:
            if count and len(elements) == count - 1:
                elements.append(rest)
                break
            length, rest = leb128(rest)
            assert 0 < length <= len(rest)
            elements.append(rest[:length])
            rest = rest[length:]
        assert elements, "a packet carries something"
        if continues:
            obus[-1] += elements.pop(0)
        obus += elements
        is_open = bool(goes_on)
    assert not is_open
    return obus


def vp9_frame(payloads: list[bytes]) -> tuple[bytes, set[int], tuple[int, int] | None]:
    """What a receiver takes out (RFC 9628 section 4.2): the picture, its number, and the size that is told."""
    frame, numbers, size = b"", set(), None
    for index, payload in enumerate(payloads):
        first = payload[0]
        assert first & 0xB1 == 0x80, "numbered, no layers, not flexible, and no reserved bit"
        assert bool(first & 0x08) is (index == 0)
        assert bool(first & 0x04) is (index == len(payloads) - 1)
        assert payload[1] & 0x80, "15 bits"
        numbers.add(int.from_bytes(payload[1:3], "big") & 0x7FFF)
        rest = payload[3:]
        if first & 0x02:
            assert index == 0 and rest[0] == 0x10, "one layer, whose size follows, and no groups"
            size = int.from_bytes(rest[1:3], "big"), int.from_bytes(rest[3:5], "big")
            rest = rest[5:]
        frame += rest
    return frame, numbers, size


@fuzz(200)
@given(DATA, IDS, LIMITS)
def test_vp8_comes_out_as_it_went_in(frame: bytes, picture_id: int, most_bytes: int) -> None:
    payloads = pack_vp8(frame, picture_id=picture_id, most_bytes=most_bytes)
    assert max(map(len, payloads)) <= most_bytes
    read = [VpxPayloadDescriptor.parse(payload) for payload in payloads]
    assert b"".join(rest for _, rest in read) == frame
    assert {head.picture_id for head, _ in read} == {picture_id}
    begins = [bool(head.partition_start and head.partition_id == 0) for head, _ in read]
    assert begins == [True] + [False] * (len(payloads) - 1)
    partitions = [head.partition_id for head, _ in read]
    assert partitions == sorted(partitions) and set(partitions) <= {0, 1}


@fuzz(200)
@given(DATA, IDS, LIMITS, st.booleans())
def test_vp9_comes_out_as_it_went_in(frame: bytes, picture_id: int, most_bytes: int, is_keyframe: bool) -> None:
    payloads = pack_vp9(
        frame, picture_id=picture_id, is_keyframe=is_keyframe, size_px=(1280, 720), most_bytes=most_bytes
    )
    assert max(map(len, payloads)) <= most_bytes
    assert vp9_frame(payloads) == (frame, {picture_id}, (1280, 720) if is_keyframe else None)
    assert {bool(payload[0] & 0x40) for payload in payloads} == {not is_keyframe}, "refers to what was before"


OBUS = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 4, 5, 6, 8, 15]), st.booleans(), st.binary(max_size=3000)), max_size=6
)


@fuzz(200)
@given(OBUS, LIMITS, st.booleans())
def test_av1_comes_out_as_it_went_in(made: list[tuple[int, bool, bytes]], most_bytes: int, is_keyframe: bool) -> None:
    plain = [
        bytes([kind << 3 | is_extended << 2]) + (b"\x20" if is_extended else b"") + rest
        for kind, is_extended, rest in made
    ]
    unit = b"".join(sized_whole(obu) for obu in plain)
    payloads = pack_av1(unit, is_keyframe=is_keyframe, most_bytes=most_bytes)
    assert all(len(payload) <= most_bytes for payload in payloads)
    assert av1_obus(payloads) == [obu for obu, (kind, _, _) in zip(plain, made, strict=True) if kind not in {2, 8, 15}]
    begins = [bool(payload[0] & 0x08) for payload in payloads]
    assert begins == ([is_keyframe] + [False] * (len(payloads) - 1) if payloads else [])


def sized_whole(obu: bytes) -> bytes:
    """As `sized`, the extension being no part of what the size counts."""
    head_bytes = 2 if obu[0] & 0x04 else 1
    head, rest = bytes([obu[0] | 0x02]) + obu[1:head_bytes], obu[head_bytes:]
    return head + sized(b"\x00" + rest)[1:]


@fuzz(200)
@given(st.binary(max_size=400))
def test_what_is_no_av1_is_refused_or_packed_and_nothing_else(unit: bytes) -> None:
    try:
        payloads = pack_av1(unit, is_keyframe=False, most_bytes=100)
    except ValueError as error:
        assert "AV1" in str(error)
    else:
        assert all(len(payload) <= 100 for payload in payloads)


@pytest.mark.parametrize("format_", ["h264", "vp8", "vp9", "av1"])
def test_what_the_encoders_make_is_decoded_from_its_packets(format_: VideoFormat) -> None:
    drawn, payloads = Drawn(format_), Payloads(pack_h264)
    numbers: list[int] = []
    for _ in range(3):
        unit = drawn.unit()
        packed = payloads.of(unit)
        assert len(packed) > 1, "more than one packet"
        assert max(map(len, packed)) <= MOST_BYTES
        if format_ == "av1":
            assert bool(packed[0][0] & 0x08) is unit.is_keyframe
            travelled = b"".join(sized_whole(obu) for obu in av1_obus(packed))
            assert travelled == unit.data.removeprefix(b"\x12\x00")
        elif format_ == "vp9":
            travelled, ids, size = vp9_frame(packed)
            assert size == ((WIDTH, HEIGHT) if unit.is_keyframe else None)
            numbers += ids
        elif format_ == "vp8":
            heads = [VpxPayloadDescriptor.parse(payload) for payload in packed]
            travelled = b"".join(rest for _, rest in heads)
            numbers += {head.picture_id or 0 for head, _ in heads}
            assert {head.partition_id for head, _ in heads} == {0, 1}
        else:
            travelled = unit.data
        picture = drawn.decoded(travelled)
        assert picture.shape == (HEIGHT * 3 // 2, WIDTH) and np.ptp(picture[:HEIGHT]) > 100
    assert all((later - earlier) % PICTURE_IDS == 1 for earlier, later in pairwise(numbers))


def test_golden_packets() -> None:
    # RFC 7741: X, S and partition 0; I; 15 bits of number. The tag says: a keyframe, 4 bytes of first partition.
    frame = bytes([4 << 5 & 0xFF, 0, 0]) + bytes(range(17))
    assert pack_vp8(frame, picture_id=0x1234, most_bytes=11) == [
        bytes.fromhex("90809234") + frame[:7],
        bytes.fromhex("80809234") + frame[7:14],
        bytes.fromhex("91809234") + frame[14:],
    ]
    # RFC 9628: I and B and V, then one layer of 1280x720; I and P, then E with the last.
    key = pack_vp9(b"abcdef", picture_id=5, is_keyframe=True, size_px=(1280, 720), most_bytes=12)
    assert key == [bytes.fromhex("8a800510050002d0") + b"abc", bytes.fromhex("848005") + b"def"]
    assert pack_vp9(b"ab", picture_id=6, is_keyframe=False, size_px=(1, 1)) == [bytes.fromhex("cc8006") + b"ab"]
    # AV1: a delimiter stays behind, sizes are the packets'; N, then Y and Z around a cut.
    unit = bytes.fromhex("12000a03aabbcc3228") + bytes(range(40))
    assert pack_av1(unit, is_keyframe=True, most_bytes=30) == [
        bytes.fromhex("480408aabbcc1630") + bytes(range(21)),
        bytes.fromhex("8013") + bytes(range(21, 40)),
    ]


def test_an_av1_unit_that_is_cut_is_refused() -> None:
    for unit in ("0a05aa", "3280", "32ffffffffffffffffff01", "36"):
        with pytest.raises(ValueError, match="AV1"):
            pack_av1(bytes.fromhex(unit), is_keyframe=True)
