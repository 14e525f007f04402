"""A test guest that plays with gamepads: prints what it sees of them, and lets them rumble.

Runs inside a cell with `/usr/bin/python3`: the standard library, and SDL2 by ctypes.

usage: pads.py sdl | kernel | storm
sdl: what SDL's game controllers do; the south button makes one rumble. kernel: evdev and joydev of the first gamepad,
by hand. storm: says nonsense to the seat, as fast as it can, then the same.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

EVENT, JS = struct.Struct("<qqHHi"), struct.Struct("<IhBB")
EVIOCGID, EVIOCGNAME, EVIOCGKEY = 0x80084502, 0x81004506, 0x80604518
EVIOCGABS_X, EVIOCSFF = 0x80184540, 0x40304580
JSIOCGAXES, JSIOCGBUTTONS = 0x80016A11, 0x80016A12
EV_FF, FF_RUMBLE = 0x15, 0x50


def say(text: str) -> None:
    print(text, flush=True)


def load_sdl() -> Any:
    sdl = ctypes.CDLL("libSDL2-2.0.so.0")
    for name in ("SDL_GameControllerOpen", "SDL_GameControllerFromInstanceID"):
        getattr(sdl, name).restype = ctypes.c_void_p
    sdl.SDL_GameControllerName.restype = ctypes.c_char_p
    return sdl


def play_with_sdl() -> None:
    """SDL_ControllerDeviceEvent, …AxisEvent and …ButtonEvent: type, timestamp, which, then what is theirs."""
    sdl = load_sdl()
    sdl.SDL_SetHint(b"SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", b"1")
    os.environ["SDL_NO_SIGNAL_HANDLERS"] = "1"  # a game that is asked to end does so
    assert sdl.SDL_Init(0x200 | 0x2000 | 0x1000) == 0, "joystick, game controller, haptic"
    say("ready")
    event = ctypes.create_string_buffer(256)
    while True:
        if not sdl.SDL_WaitEventTimeout(event, 20):
            continue
        kind, _, which = struct.unpack_from("<IIi", event.raw)
        if kind == 0x653:
            pad = ctypes.c_void_p(sdl.SDL_GameControllerOpen(which))
            say(f"added {sdl.SDL_GameControllerName(pad).decode()}")
        elif kind == 0x654:
            pad = ctypes.c_void_p(sdl.SDL_GameControllerFromInstanceID(which))
            sdl.SDL_GameControllerClose(pad)
            say("removed")
        elif kind == 0x650:
            axis, value = struct.unpack_from("<B3xh", event.raw, 12)
            say(f"axis {axis} {value}")
        elif kind in (0x651, 0x652):
            button, is_down = struct.unpack_from("<BB", event.raw, 12)
            say(f"button {button} {is_down}")
            if button == 0:
                pad = ctypes.c_void_p(sdl.SDL_GameControllerFromInstanceID(which))
                strength = (0xFFFF, 0x8000, 3000) if is_down else (0, 0, 0)
                say(f"rumble {sdl.SDL_GameControllerRumble(pad, *strength)}")


def wait_for(path: str) -> None:
    say("ready")
    while not Path(path).exists():
        time.sleep(0.02)


def play_by_hand() -> None:
    path = "/dev/input/event0"
    wait_for(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    kind = Path(path).stat()
    say(f"node {kind.st_mode:o} {os.major(kind.st_rdev)}:{os.minor(kind.st_rdev)} {os.fstat(fd).st_mode:o}")
    identity = struct.unpack("<4H", fcntl.ioctl(fd, EVIOCGID, bytes(8)))
    name = fcntl.ioctl(fd, EVIOCGNAME, bytes(256)).rstrip(b"\0").decode()
    say(f"device {identity[1]:04x}:{identity[2]:04x} {name}")
    effect = fcntl.ioctl(fd, EVIOCSFF, struct.pack("<HhHHHHHxxHH28x", FF_RUMBLE, -1, 0, 0, 0, 400, 0, 0x4000, 0xC000))
    number = struct.unpack_from("<Hh", effect)[1]
    joystick = os.open("/dev/input/js0", os.O_RDONLY)
    counts = [fcntl.ioctl(joystick, request, bytes(1))[0] for request in (JSIOCGAXES, JSIOCGBUTTONS)]
    say(f"joystick {counts}")
    while True:
        ready = select.select([fd, joystick], [], [])[0]
        try:
            data, moves = (os.read(one, 64 * EVENT.size) if one in ready else b"" for one in (fd, joystick))
        except OSError as error:
            say(f"gone {error.errno}")
            return
        for _, value, kind_, button in JS.iter_unpack(moves):
            say(f"js {kind_} {button} {value}")
        for _, _, kind_, code, value in EVENT.iter_unpack(data):
            say(f"event {kind_} {code} {value}")
            if (kind_, code, value) == (1, 0x130, 1):
                down = int.from_bytes(fcntl.ioctl(fd, EVIOCGKEY, bytes(96)), "little")
                say(f"down {[bit for bit in range(768) if down >> bit & 1]}")
                say(f"x {struct.unpack('<6i', fcntl.ioctl(fd, EVIOCGABS_X, bytes(24)))[:3]}")
                os.write(fd, EVENT.pack(0, 0, EV_FF, number, 1))


def storm() -> None:
    """Without the interposer's manners: sockets that are opened and left, and bytes that mean nothing."""
    wait_for("/dev/input/event0")
    held = []
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        for name in ("event0", "js0"):
            caller = socket.socket(socket.AF_UNIX)
            caller.setblocking(False)
            try:
                caller.connect(f"/dev/input/{name}")
                caller.send(os.urandom(24 * 50 + 7))
            except OSError:
                pass
            held.append(caller)
        held = held[-200:]
    for hurt in ("/dev/input/event0", "/dev/input/.pad0"):
        try:
            Path(hurt).unlink()
            say(f"unlinked {hurt}")
        except OSError:
            pass
    say("stormed")
    held.clear()
    play_by_hand()


if __name__ == "__main__":
    {"sdl": play_with_sdl, "kernel": play_by_hand, "storm": storm}[sys.argv[1]]()
