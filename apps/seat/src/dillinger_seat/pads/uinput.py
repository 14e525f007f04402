"""Gamepads that the kernel makes (uinput), for programs that the interposer can't serve.

They are there from the cell's start to its end, since no device can be put into a cell that runs, and stand at rest
while nobody plays on them. The machine's own desktop sees them too, so an admin has to ask for them (`uinput_pads`).
Unverified: no machine that this was made on has uinput. Numbers and structs are those of linux/uinput.h (64 bit).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
import time
from pathlib import Path

import structlog

from dillinger_contracts.errors import Unavailable

from .base import OnRumble
from .layout import (
    AXES,
    BUS,
    EV_ABS,
    EV_FF,
    EV_KEY,
    FF_RUMBLE,
    KEYS,
    MOST_EFFECTS,
    NAME,
    PRODUCT,
    REST,
    VENDOR,
    VERSION,
    DeviceState,
    evdev_events,
)
from .motors import Motors
from .rumble import RECORD, ForceFeedback, effect_record, forget_record

log = structlog.get_logger()

UINPUT = Path("/dev/uinput")
_NODES = Path("/dev/input")
_SYSTEM = Path("/sys/devices/virtual/input")
_NODE_WAIT_S, _NODE_LOOK_S = 2.0, 0.02

_CREATE, _DESTROY, _SETUP, _ABS_SETUP, _SYSNAME = 0x5501, 0x5502, 0x405C5503, 0x401C5504, 0x8040552C
_SET_EVENT, _SET_KEY, _SET_AXIS, _SET_EFFECT = 0x40045564, 0x40045565, 0x40045567, 0x4004556B
_BEGIN_UPLOAD, _END_UPLOAD, _BEGIN_ERASE, _END_ERASE = 0xC06855C8, 0x406855C9, 0xC00C55CA, 0x400C55CB
_EV_UINPUT, _UPLOAD, _ERASE = 0x0101, 1, 2
_UPLOAD_BYTES, _EFFECT_AT = 104, 8


def setup_struct() -> bytes:
    """struct uinput_setup."""
    return struct.pack("<4H80sI", BUS, VENDOR, PRODUCT, VERSION, NAME.encode(), MOST_EFFECTS)


def abs_setup_structs() -> list[bytes]:
    """A struct uinput_abs_setup for each axis."""
    return [struct.pack("<Hxx6i", axis.code, 0, axis.least, axis.most, axis.fuzz, axis.flat, 0) for axis in AXES]


def uploaded(upload: bytes) -> bytes | None:
    """What a struct uinput_ff_upload brings, as a record of force feedback; None for effects that there are none of."""
    kind, number, _, _, _, length_ms, delay_ms = struct.unpack_from("<HhHHHHH", upload, _EFFECT_AT)
    strong, weak = struct.unpack_from("<HH", upload, _EFFECT_AT + 16)
    if kind != FF_RUMBLE or not 0 <= number < MOST_EFFECTS:
        return None
    return effect_record(number, strong, weak, length_ms, delay_ms)


class _KernelPad:
    """One device. Made in a thread, used on the loop."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.state = REST
        self._motors: Motors | None = None
        self._feedback = ForceFeedback()
        try:
            self._fd = os.open(UINPUT, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"{UINPUT} can't be opened: {error.strerror}") from error
        try:
            self._create(folder)
        except OSError as error:
            os.close(self._fd)
            raise Unavailable(f"The kernel makes no gamepad: {error.strerror}") from error
        except BaseException:
            os.close(self._fd)
            raise

    def _create(self, folder: Path) -> None:
        bits = (
            *((_SET_EVENT, kind) for kind in (EV_KEY, EV_ABS, EV_FF)), *((_SET_KEY, code) for code in KEYS.values()),
            *((_SET_AXIS, axis.code) for axis in AXES), (_SET_EFFECT, FF_RUMBLE),
        )  # fmt: skip
        for request, value in bits:
            fcntl.ioctl(self._fd, request, value)
        for axis in abs_setup_structs():
            fcntl.ioctl(self._fd, _ABS_SETUP, axis)
        fcntl.ioctl(self._fd, _SETUP, setup_struct())
        fcntl.ioctl(self._fd, _CREATE)
        name = fcntl.ioctl(self._fd, _SYSNAME, bytes(64)).partition(b"\0")[0].decode()
        for kind in ("event", "js"):
            self._show_node(_node(_SYSTEM / name, kind), folder, f"{kind}{self.number}")

    @staticmethod
    def _show_node(node: Path | None, folder: Path, name: str) -> None:
        """The node's place in the cell: a file to mount it on, and a link that says what."""
        if node is None:  # a kernel without joydev has no js
            return
        (folder / name).touch()
        (folder / f".{name}").symlink_to(node)

    def show(self, state: DeviceState) -> None:
        """From now on it stands so."""
        events = evdev_events(self.state, state, 0)  # the kernel stamps them
        self.state = state
        if events:
            os.write(self._fd, events)

    def take_over(self, on_rumble: OnRumble) -> None:
        """Somebody plays on it."""
        self._motors = Motors(on_rumble, lambda now_ms: [self._feedback.strength(now_ms)])
        asyncio.get_running_loop().add_reader(self._fd, self._on_readable)

    def close(self) -> None:
        """Nobody plays on it any more; it stays plugged in."""
        self.show(REST)
        if self._motors is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._motors.close()
            self._motors = None

    def _on_readable(self) -> None:
        try:
            data = os.read(self._fd, 32 * RECORD.size)
        except BlockingIOError:
            return
        now_ms = time.monotonic_ns() // 1_000_000
        for at in range(0, len(data) - RECORD.size + 1, RECORD.size):
            record = data[at : at + RECORD.size]
            kind, code, request = struct.unpack_from("<HHi", record, 16)
            if kind == _EV_UINPUT:
                record = self._answer(code, request)
            self._feedback.take(record, now_ms)
        if self._motors is not None:
            self._motors.soon()

    def _answer(self, code: int, request: int) -> bytes:
        """A program waits in the kernel until it has its answer."""
        if code == _UPLOAD:
            upload = bytearray(struct.pack("<Ii", request & 0xFFFFFFFF, 0).ljust(_UPLOAD_BYTES, b"\0"))
            fcntl.ioctl(self._fd, _BEGIN_UPLOAD, upload)
            record = uploaded(bytes(upload))
            struct.pack_into("<i", upload, 4, 0 if record is not None else -errno.EINVAL)
            fcntl.ioctl(self._fd, _END_UPLOAD, bytes(upload))
            return record or bytes(RECORD.size)
        if code == _ERASE:
            erase = bytearray(struct.pack("<IiI", request & 0xFFFFFFFF, 0, 0))
            fcntl.ioctl(self._fd, _BEGIN_ERASE, erase)
            fcntl.ioctl(self._fd, _END_ERASE, bytes(erase))
            return forget_record(struct.unpack_from("<I", erase, 8)[0])
        return bytes(RECORD.size)

    def destroy(self) -> None:
        """The kernel takes it away."""
        with contextlib.suppress(OSError):
            fcntl.ioctl(self._fd, _DESTROY)
        os.close(self._fd)


def _node(system: Path, kind: str) -> Path | None:
    """The device node of an input device, as soon as its owner may be us; raises `Unavailable`."""
    deadline = time.monotonic() + _NODE_WAIT_S
    for found in system.glob(f"{kind}[0-9]*"):
        node = _NODES / found.name
        while not os.access(node, os.R_OK | os.W_OK):
            if time.monotonic() > deadline:
                raise Unavailable(f"{node} is not this user's to open (a udev rule for its group?)")
            time.sleep(_NODE_LOOK_S)
        return node
    return None


class UinputPads:
    """So many gamepads, made at once."""

    def __init__(self, folder: Path, count: int) -> None:
        """Blocks for a moment; raises `Unavailable`. `folder` says what the cell mounts (`cell/paths.py`)."""
        self._pads: list[_KernelPad] = []
        try:
            for number in range(count):
                self._pads.append(_KernelPad(number, folder))
        except BaseException:
            self.close()
            raise

    @property
    def variables(self) -> dict[str, str]:
        """For SDL: no udev, since none runs in the cell."""
        return {"SDL_JOYSTICK_DISABLE_UDEV": "1"}

    def plug(self, number: int, on_rumble: OnRumble) -> _KernelPad:
        """The gamepad of this number; raises `Unavailable` where so many were not made."""
        if number >= len(self._pads):
            raise Unavailable(f"This session has {len(self._pads)} gamepads, and they are taken")
        self._pads[number].take_over(on_rumble)
        return self._pads[number]

    def close(self) -> None:
        """Takes them away; idempotent."""
        for pad in self._pads:
            pad.destroy()
        self._pads.clear()
