"""Clips that travel in parts, whatever the other side says."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cases import fuzz

from dillinger_contracts.clips import MOST_CLIP_BYTES, ClipboardOffer, ClipboardPart, ClipboardWant
from dillinger_contracts.errors import Invalid
from dillinger_stream.clipboard.base import PNG_MAGIC, Clip
from dillinger_stream.clipboard.exchange import ClipExchange


def carry(clip: Clip, sender: ClipExchange, receiver: ClipExchange) -> Clip:
    want: ClipboardWant | Clip | None = receiver.offered(sender.offer(clip))
    while isinstance(want, ClipboardWant):
        part = sender.wanted(want)
        assert part is not None
        want = receiver.part(ClipboardPart.model_validate_json(part.model_dump_json()))
    assert want is not None
    return want


@pytest.mark.parametrize(
    "clip",
    [
        Clip("text", b"a"),
        Clip("text", "Grüße, 世界 🎮\r\n".encode() * 20_000),
        Clip("image", PNG_MAGIC + bytes(MOST_CLIP_BYTES["image"] - len(PNG_MAGIC))),
    ],
    ids=["short", "long", "largest image"],
)
def test_arrives_whole(clip: Clip) -> None:
    assert carry(clip, ClipExchange(), ClipExchange()) == clip


def test_newer_offer_replaces_the_older_one() -> None:
    sender, receiver = ClipExchange(), ClipExchange()
    old_want = receiver.offered(sender.offer(Clip("text", b"old")))
    old_part = sender.wanted(old_want)
    assert old_part is not None
    want = receiver.offered(sender.offer(Clip("text", b"new")))
    assert sender.wanted(old_want) is None
    assert receiver.part(old_part) is None
    part = sender.wanted(want)
    assert part is not None
    assert receiver.part(part) == Clip("text", b"new")


def text_part(data: bytes, *, offset: int = 0, serial: int = 1) -> ClipboardPart:
    return ClipboardPart(serial=serial, offset=offset, data=base64.b64encode(data).decode())


@pytest.mark.parametrize(
    ("offer", "part"),
    [
        (ClipboardOffer(serial=1, kind="text", size_bytes=4), text_part(b"12345")),
        (ClipboardOffer(serial=1, kind="text", size_bytes=4), text_part(b"")),
        (ClipboardOffer(serial=1, kind="text", size_bytes=4), text_part(b"12", offset=2)),
        (ClipboardOffer(serial=1, kind="text", size_bytes=2), text_part(b"\xff\xfe")),
        (ClipboardOffer(serial=1, kind="image", size_bytes=4), text_part(b"GIF8")),
        (ClipboardOffer(serial=1, kind="text", size_bytes=4), ClipboardPart(serial=1, offset=0, data="no base64!")),
    ],
    ids=["too much", "nothing", "not asked for", "no UTF-8", "no PNG", "no base64"],
)
def test_lies_are_refused_and_forgotten(offer: ClipboardOffer, part: ClipboardPart) -> None:
    receiver = ClipExchange()
    receiver.offered(offer)
    with pytest.raises(Invalid):
        receiver.part(part)
    assert receiver.part(part) is None, "what is broken is over"


@pytest.mark.parametrize("kind", ["text", "image"])
def test_too_large_an_offer_is_refused_before_a_byte_is_asked_for(kind: str) -> None:
    most = MOST_CLIP_BYTES["text" if kind == "text" else "image"]
    with pytest.raises(Invalid, match="At most"):
        ClipExchange().offered(ClipboardOffer.model_validate({"serial": 1, "kind": kind, "size_bytes": most + 1}))


_serials = st.integers(0, 3)
_messages = st.one_of(
    st.builds(ClipboardOffer, serial=_serials, kind=st.sampled_from(["text", "image"]), size_bytes=st.integers(1, 9)),
    st.builds(ClipboardWant, serial=_serials, offset=st.integers(0, 9)),
    st.builds(lambda serial, offset, data: text_part(data, offset=offset, serial=serial),
              _serials, st.integers(0, 9), st.binary(max_size=9)),
)  # fmt: skip


@fuzz(100)
@given(st.lists(_messages, max_size=30))
def test_any_order_is_an_answer_or_a_clear_error(
    messages: list[ClipboardOffer | ClipboardWant | ClipboardPart],
) -> None:
    exchange = ClipExchange()
    exchange.offer(Clip("text", b"four"))
    for message in messages:
        with contextlib.suppress(Invalid):
            if isinstance(message, ClipboardOffer):
                assert exchange.offered(message).offset == 0
            elif isinstance(message, ClipboardWant):
                answer = exchange.wanted(message)
                assert answer is None or base64.b64decode(answer.data) == b"four"[message.offset :]
            elif isinstance(got := exchange.part(message), Clip):
                assert got.kind == "text"
                got.data.decode()
