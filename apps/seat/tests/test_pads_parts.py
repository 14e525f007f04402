"""Gamepads without a cell: whose pad is which, what is told to whom, and what force feedback comes to."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.input import MOST_PADS, PAD_BUTTONS, Pad, PadGone, ReleaseAll
from dillinger_contracts.signaling import FromSeat
from dillinger_seat.pads.base import OnRumble
from dillinger_seat.pads.interposed import InterposedPads
from dillinger_seat.pads.layout import REST, DeviceState, changes, description, device_state, joydev_events
from dillinger_seat.pads.rumble import RECORD, ForceFeedback
from dillinger_seat.pads.slots import PadSlots
from dillinger_seat.pads.uinput import UINPUT, UinputPads, abs_setup_structs, setup_struct, uploaded

SOUTH = 1 << PAD_BUTTONS.index("south")
EVENT = struct.Struct("<qqHHi")
EFFECT, EV_FF, FF_GAIN = 0x8001, 0x15, 0x60
pads = st.builds(
    Pad,
    pad=st.just(0),
    buttons=st.integers(0, (1 << len(PAD_BUTTONS)) - 1),
    left_x=st.integers(-32768, 32767),
    left_trigger=st.integers(0, 255),
)


class Device:
    """Stands for a device, and notes how it stands."""

    def __init__(self, on_rumble: OnRumble) -> None:
        self.state = REST
        self.is_plugged = True
        self.on_rumble = on_rumble

    def show(self, state: DeviceState) -> None:
        self.state = state

    def close(self) -> None:
        self.is_plugged = False


class Devices:
    """Where they are plugged in."""

    variables: dict[str, str] = {}  # noqa: RUF012 - none of them

    def __init__(self) -> None:
        self.devices: dict[int, Device] = {}

    def plug(self, number: int, on_rumble: OnRumble) -> Device:
        assert number not in self.devices or not self.devices[number].is_plugged
        self.devices[number] = Device(on_rumble)
        return self.devices[number]

    def close(self) -> None:
        pass

    @property
    def plugged(self) -> set[int]:
        return {number for number, device in self.devices.items() if device.is_plugged}


def silent(_: FromSeat) -> None:
    pass


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(pads, min_size=1, max_size=12), st.data())
def test_the_newest_state_holds_whatever_was_lost_doubled_or_overtaken(sent: list[Pad], data: st.DataObject) -> None:
    first_ms = data.draw(st.integers(0, 0xFFFFFFFF))
    stamped = [
        Pad(pad=0, client_time_ms=(first_ms + 16 * number) & 0xFFFFFFFF, buttons=pad.buttons, left_x=pad.left_x,
            left_trigger=pad.left_trigger)
        for number, pad in enumerate(sent)
    ]  # fmt: skip
    arrived = [pad for pad in stamped[:-1] for _ in range(data.draw(st.integers(0, 2)))] + [stamped[-1]]
    random.Random(data.draw(st.integers())).shuffle(arrived)
    devices = Devices()
    sink = PadSlots(devices).sink(silent)
    for pad in arrived:
        sink.handle(pad)
    assert devices.devices[0].state == device_state(stamped[-1])


def test_pads_of_several_browsers_get_devices_of_their_own_until_there_is_none() -> None:
    devices = Devices()
    slots = PadSlots(devices)
    sinks = [slots.sink(silent) for _ in range(MOST_PADS + 1)]
    for sink in sinks[:-1]:
        sink.handle(Pad(pad=3, buttons=SOUTH))
    assert devices.plugged == set(range(MOST_PADS))
    with pytest.raises(Unavailable, match="are taken"):
        sinks[-1].handle(Pad(pad=0))
    sinks[-1].handle(Pad(pad=0, client_time_ms=5))  # said once
    sinks[1].handle(PadGone(pad=3, client_time_ms=1))
    assert devices.plugged == {0, 2, 3}
    sinks[1].handle(Pad(pad=3, client_time_ms=0))
    assert devices.plugged == {0, 2, 3}, "a late message plugs nothing in"
    sinks[0].handle(ReleaseAll())
    assert devices.devices[0].state == REST and devices.devices[2].state != REST


async def test_a_lost_browser_lets_go_at_once_and_its_pad_stays_for_the_next_one_a_while() -> None:
    devices = Devices()
    slots = PadSlots(devices, linger_s=0.05)
    sink = slots.sink(silent)
    sink.handle(Pad(pad=0, buttons=SOUTH))
    sink.close()
    assert devices.devices[0].state == REST and devices.plugged == {0}
    heard: list[FromSeat] = []
    slots.sink(heard.append).handle(Pad(pad=2, buttons=SOUTH))
    assert devices.plugged == {0}
    devices.devices[0].on_rumble(1.0, 0.5, 100)
    assert [getattr(message, "pad", None) for message in heard] == [2], "the browser's own number"
    last = slots.sink(silent)
    last.handle(Pad(pad=0))
    last.close()
    async with asyncio.timeout(30):
        while devices.plugged != {0}:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    slots.close()
    assert devices.plugged == set()


def test_without_devices_it_is_said_why() -> None:
    with pytest.raises(Unavailable, match="no compiler"):
        PadSlots(None, "no compiler").sink(silent).handle(Pad(pad=0))


def test_what_joydev_shows_is_what_evdev_does() -> None:
    state = device_state(Pad(pad=0, buttons=SOUTH, left_x=-32768, right_trigger=255))
    events = [struct.unpack("<IhBB", event) for event in _cut(joydev_events(REST, state, 7), 8)]
    assert events == [(7, 1, 1, 0), (7, -32767, 2, 0), (7, 32767, 2, 5)]
    assert list(changes(REST, state)) == [(1, 0x130, 1), (3, 0, -32768), (3, 5, 255)]
    assert len(joydev_events(None, state, 7)) == 8 * (11 + 8), "who opens it is told everything"
    assert len(description(state)) == 2948, "as interposer.c has it"


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _effect(number: int, strong: int, weak: int, length_ms: int, delay_ms: int = 0) -> bytes:
    return RECORD.pack(length_ms, delay_ms, strong, weak, 0, EFFECT, number, 0)


def _write(code: int, value: int) -> bytes:
    return EVENT.pack(0, 0, EV_FF, code, value)


def test_effects_add_up_for_as_long_as_they_play() -> None:
    feedback = ForceFeedback()
    feedback.take(_effect(0, 0x8000, 0, 100), 0)
    feedback.take(_effect(1, 0xFFFF, 0xFFFF, 50, delay_ms=20), 0)
    assert feedback.strength(0).strong == 0, "uploaded is not played"
    feedback.take(_write(0, 2), 0)
    feedback.take(_write(1, 1), 0)
    assert (round(feedback.strength(0).strong, 2), feedback.strength(0).until_ms) == (0.5, 20)
    assert (feedback.strength(30).strong, feedback.strength(30).weak) == (1.0, 1.0)
    assert (round(feedback.strength(80).strong, 2), feedback.strength(80).until_ms) == (0.5, 200)
    assert feedback.strength(200).until_ms is None
    feedback.take(_write(FF_GAIN, 0x4000), 300)
    feedback.take(_write(0, 1), 300)
    assert round(feedback.strength(300).strong, 3) == 0.125
    feedback.take(_effect(0, 0xFFFF, 0, 100), 320)
    assert round(feedback.strength(320).strong, 2) == 0.25, "a playing effect that is uploaded anew plays on"
    feedback.take(_write(FF_GAIN, 1 << 30), 325)
    assert feedback.strength(325).strong == 1
    feedback.take(_write(FF_GAIN, -1), 326)
    assert feedback.strength(326).strong == 0
    feedback.take(_write(FF_GAIN, 0xFFFF), 327)
    feedback.take(_write(0, 0), 330)
    assert feedback.strength(330).strong == 0


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.binary(min_size=RECORD.size, max_size=RECORD.size), max_size=20), st.integers(0, 1 << 40))
def test_whatever_a_game_writes_both_motors_stay_between_0_and_1(records: list[bytes], now_ms: int) -> None:
    feedback = ForceFeedback()
    for record in records:
        kind, effect = 0x8001 + record[16] % 3, record[18] % 20
        feedback.take(record[:16] + struct.pack("<HH", kind, effect) + record[20:], now_ms)
        for code in (effect, FF_GAIN):
            feedback.take(record[:16] + struct.pack("<HH", EV_FF, code) + record[20:], now_ms)
        found = feedback.strength(now_ms)
        assert 0 <= found.strong <= 1 and 0 <= found.weak <= 1
        assert found.until_ms is None or found.until_ms > now_ms


async def test_who_reads_too_slowly_gets_the_newest_state_and_no_torn_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pads"
    folder.mkdir()
    devices = InterposedPads(folder, "none")
    device = devices.plug(0, lambda *_: None)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        monkeypatch.chdir(folder)  # a socket's name has 107 bytes
        reader.connect("event0")
        reader.setblocking(False)
        last = REST
        for step in range(1, 4000):
            last = device_state(Pad(pad=0, buttons=SOUTH * (step > 2000), left_x=step))
            device.show(last)
            await asyncio.sleep(0)
        data = b""
        state: dict[tuple[int, int], int] = {}
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(30):
            while state.get((3, 0)) != 3999 or state.get((1, 0x130)) != 1:
                data += await loop.sock_recv(reader, 100)
                for event in _cut(data[: len(data) // EVENT.size * EVENT.size], EVENT.size):
                    _, _, kind, code, value = EVENT.unpack(event)
                    assert (kind, code) in {(0, 0), (1, 0x130), (3, 0)}
                    state[kind, code] = value
                data = data[len(data) // EVENT.size * EVENT.size :]
    devices.close()
    assert not folder.exists()


async def test_a_game_that_opens_and_writes_without_end_is_held_to_its_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pads"
    folder.mkdir()
    devices = InterposedPads(folder, "none")
    rumbles: list[float] = []
    devices.plug(0, lambda strong, weak, duration_ms: rumbles.append(strong))
    monkeypatch.chdir(folder)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    with contextlib.ExitStack() as stack:
        programs = []
        for _ in range(40):
            program = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
            program.setblocking(False)
            await loop.sock_connect(program, "event0")
            programs.append(program)
            await asyncio.sleep(0)
        async with asyncio.timeout(30):
            assert await loop.sock_recv(programs[-1], 1) == b"", "one too many is sent away"
        programs[0].setblocking(False)
        for step in range(300):
            await loop.sock_sendall(programs[0], _effect(0, 0xFFFF * (step % 2), 0, 0) + _write(0, 1) * (step == 0))
            for _ in range(3):
                await asyncio.sleep(0)
        await loop.sock_sendall(programs[0], _effect(0, 0x8000, 0, 0))
        async with asyncio.timeout(30):
            while not rumbles or round(rumbles[-1], 2) != 0.5:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
    assert len(rumbles) <= (loop.time() - began_s) / 0.025 + 2, "not each of 300 changes"
    devices.close()


def test_what_uinput_is_told_is_as_its_header_has_it() -> None:
    """linux/uinput.h; whether a kernel likes it, only one with uinput can say."""
    assert len(setup_struct()) == 92 and setup_struct()[-4:] == b"\x10\0\0\0"
    assert {len(axis) for axis in abs_setup_structs()} == {28}
    rumble = struct.pack("<HhHHHHHxxHH28x", 0x50, 3, 0, 0, 0, 400, 20, 0x4000, 0xC000)
    upload = struct.pack("<Ii", 1, 0) + rumble.ljust(96, b"\0")
    assert uploaded(upload) == _effect(3, 0x4000, 0xC000, 400, delay_ms=20)
    assert uploaded(upload.replace(b"\x50\0", b"\x52\0", 1)) is None, "a spring is not to be had"


@pytest.mark.skipif(UINPUT.exists(), reason="there is uinput here, which no test has tried")
def test_without_uinput_it_is_said_so_and_the_interposer_serves(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="/dev/uinput can't be opened"):
        UinputPads(tmp_path, 1)
