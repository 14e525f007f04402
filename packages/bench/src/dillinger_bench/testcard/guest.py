#!/usr/bin/python3 -I
"""The test card: a guest that draws what it knows, so that a test far away can read it back from the picture.

Standard library only (libX11 by ctypes), one file, one thread plus one for sound: it is copied into a library's folder
and runs inside a cell where nothing of ours is installed. `read.py` imports the layout and turns pixels into figures.

Keys: Space flips the key block, B beeps, Q quits, N quits with the code of --exit-code (3 without), K crashes
(SIGSEGV). A mouse button flips the button block. All that arrives is shown as words of 24 bits and 8 check bits.
"""

from __future__ import annotations

import argparse
import array
import contextlib
import ctypes
import fcntl
import math
import os
import random
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from typing import IO

BLOCK_PX = 16
ORIGIN_PX = (16, 16)
ROW_STEP_PX = 24
DATA_BITS = 24
CHECK_BITS = 8
CHECK_XOR = 0xA5
"""Keeps a black or a white picture from being a valid word."""
WORDS = ("frame", "pointer", "key", "button", "motion", "size")
"""frame: counter. pointer, motion (sums of relative steps, wrapping), size: 12 bits x, 12 bits y.
key: evdev code, presses, keys held, 8 bits each. button: last button 4 bits, presses 8, wheel sums y and x 6 each."""
FLIP_PX = 64
FLIPS = {"key": (16, 168), "button": (96, 168), "sound": (176, 168)}
SWATCH_PX = 48
SWATCHES_AT_PX = (16, 248)
SWATCHES = (0xFF0000, 0x00FF00, 0x0000FF, 0xFFFF00, 0x00FFFF, 0xFF00FF, 0xFFFFFF, 0x808080)
PANEL_PX = (576, 312)
GROUND = 0x303030
RATE_HZ = 60
BOX_PX = 200
BOX_STEP_PX = 4
TILE_PX = 256
TILE_STEP_PX = (5, 3)
TONE_HZ = 440
SOUND_RATE_HZ = 48_000
STEPS_A_BEEP = 10
"""Of 10 ms, in an open stream."""

KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION, EXPOSE, CONFIGURE = 2, 3, 4, 5, 6, 12, 22
EVENT_MASK = 0x1 | 0x2 | 0x4 | 0x8 | 0x40 | 0x8000 | 0x20000
STRUCTURE_NOTIFY = 0x20000
SPACE, KEY_B, KEY_Q, KEY_N, KEY_K = 57, 48, 16, 49, 37
WHEEL = {4: (0, -1), 5: (0, 1), 6: (-1, 0), 7: (1, 0)}


def tile_pixels() -> array.array[int]:
    """A picture with smooth colours, edges and some grain, like a game's: 0xRRGGBB, row by row."""
    grain = random.Random(1)  # noqa: S311 - grain of a picture
    pixels = array.array("I")
    wave = [int(60 * math.sin(place * 2 * math.pi / TILE_PX)) for place in range(TILE_PX)]
    for y in range(TILE_PX):
        for x in range(TILE_PX):
            edge = 40 if (x // 32 + y // 16) % 3 == 0 else 0
            noise = grain.getrandbits(4)
            red, green, blue = 90 + wave[x] + edge + noise, 110 + wave[y] + noise, 100 + wave[x - y] // 2 + edge
            pixels.append(red << 16 | green << 8 | blue)
    return pixels


def check_bits(value: int) -> int:
    """CRC-8 (polynomial 7) over the three bytes of a word, and the constant that keeps plain pictures invalid."""
    crc = 0
    for byte in value.to_bytes(3, "big"):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 7) & 0xFF if crc & 0x80 else crc << 1
    return crc ^ CHECK_XOR


def word_bits(value: int) -> list[bool]:
    """The 32 blocks of a word, left to right, True is white."""
    whole = (value & 0xFFFFFF) << CHECK_BITS | check_bits(value & 0xFFFFFF)
    return [bool(whole >> place & 1) for place in range(DATA_BITS + CHECK_BITS - 1, -1, -1)]


class _Rectangle(ctypes.Structure):
    _fields_ = [("x", ctypes.c_short), ("y", ctypes.c_short), ("width", ctypes.c_ushort), ("height", ctypes.c_ushort)]


class _InputEvent(ctypes.Structure):  # XKeyEvent, XButtonEvent and the start of XMotionEvent
    _fields_ = [
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong), ("root", ctypes.c_ulong), ("subwindow", ctypes.c_ulong), ("time", ctypes.c_ulong),
        ("x", ctypes.c_int), ("y", ctypes.c_int), ("x_root", ctypes.c_int), ("y_root", ctypes.c_int),
        ("state", ctypes.c_uint), ("detail", ctypes.c_uint),
    ]  # fmt: skip


class _ConfigureEvent(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
        ("event", ctypes.c_ulong), ("window", ctypes.c_ulong), ("x", ctypes.c_int), ("y", ctypes.c_int),
        ("width", ctypes.c_int), ("height", ctypes.c_int),
    ]  # fmt: skip


class _Event(ctypes.Union):
    _fields_ = [
        ("type", ctypes.c_int), ("input", _InputEvent), ("configure", _ConfigureEvent), ("pad", ctypes.c_long * 24),
    ]  # fmt: skip


class Screen:
    """The window and what is drawn into it; everything of one update leaves in one flush."""

    def __init__(self, mode: str, *, is_grabbing: bool) -> None:
        self.x11 = x11 = ctypes.CDLL("libX11.so.6")
        for name in ("XOpenDisplay", "XCreateGC", "XCreateImage", "XDefaultVisual"):
            getattr(x11, name).restype = ctypes.c_void_p
        for name in ("XDefaultRootWindow", "XCreateSimpleWindow", "XCreatePixmap", "XCreatePixmapCursor"):
            getattr(x11, name).restype = ctypes.c_ulong
        opened = x11.XOpenDisplay(None)
        if not opened:
            sys.exit("testcard: there is no display to draw on")
        self.display = ctypes.c_void_p(opened)
        self.root = ctypes.c_ulong(x11.XDefaultRootWindow(self.display))
        self.width_px, self.height_px = x11.XDisplayWidth(self.display, 0), x11.XDisplayHeight(self.display, 0)
        x11.XSelectInput(self.display, self.root, ctypes.c_long(STRUCTURE_NOTIFY))
        self.window = ctypes.c_ulong(
            x11.XCreateSimpleWindow(self.display, self.root, 0, 0, self.width_px, self.height_px, 0, 0, GROUND)
        )
        x11.XStoreName(self.display, self.window, f"Dillinger test card, {mode}".encode())
        x11.XSelectInput(self.display, self.window, ctypes.c_long(EVENT_MASK))
        x11.XkbSetDetectableAutoRepeat(self.display, 1, None)
        self.pen, self.scene = self._context(), self._context()
        self.panel = self._pixmap(*PANEL_PX)
        self.mode, self.is_grabbing = mode, is_grabbing
        self.tile: ctypes.c_ulong | None = None
        if mode == "light":
            self.box = self._pixmap(BOX_PX + 2 * BOX_STEP_PX, BOX_PX)
            self.fill(self.box, GROUND, [(0, 0, BOX_PX + 2 * BOX_STEP_PX, BOX_PX)])
            self.fill(self.box, 0xE0A030, [(BOX_STEP_PX, 0, BOX_PX, BOX_PX)])
        self.fill(self.panel, GROUND, [(0, 0, *PANEL_PX)])
        for place, colour in enumerate(SWATCHES):
            x, y = SWATCHES_AT_PX
            self.fill(self.panel, colour, [(x + place * SWATCH_PX, y, SWATCH_PX, SWATCH_PX)])
        x11.XMapRaised(self.display, self.window)
        if is_grabbing:
            self._grab()

    def _context(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.x11.XCreateGC(self.display, self.root, ctypes.c_ulong(0), None))

    def _pixmap(self, width: int, height: int) -> ctypes.c_ulong:
        return ctypes.c_ulong(self.x11.XCreatePixmap(self.display, self.root, width, height, 24))

    def _grab(self) -> None:
        """Hides the pointer and holds it in the middle, as a game with mouse look does."""
        empty = ctypes.c_ulong(self.x11.XCreatePixmap(self.display, self.root, 1, 1, 1))
        black = (ctypes.c_char * 16)()
        cursor = self.x11.XCreatePixmapCursor(self.display, empty, empty, black, black, 0, 0)
        self.x11.XDefineCursor(self.display, self.window, ctypes.c_ulong(cursor))
        self.warp_to_middle()

    def warp_to_middle(self) -> None:
        middle = (self.width_px // 2, self.height_px // 2)
        self.x11.XWarpPointer(self.display, ctypes.c_ulong(0), self.window, 0, 0, 0, 0, *middle)

    def fill(self, drawable: ctypes.c_ulong, colour: int, boxes: list[tuple[int, int, int, int]]) -> None:
        self.x11.XSetForeground(self.display, self.pen, ctypes.c_ulong(colour))
        rectangles = (_Rectangle * len(boxes))(*(_Rectangle(*box) for box in boxes))
        self.x11.XFillRectangles(self.display, drawable, self.pen, rectangles, len(boxes))

    def show(self, x: int, y: int, width: int, height: int) -> None:
        """Copies a part of the panel into the window: one request, so that no half of it is ever seen."""
        self.x11.XCopyArea(self.display, self.panel, self.window, self.pen, x, y, width, height, x, y)

    def draw_word(self, name: str, value: int) -> None:
        x, y = ORIGIN_PX[0], ORIGIN_PX[1] + WORDS.index(name) * ROW_STEP_PX
        bits = word_bits(value)
        self.fill(self.panel, 0, [(x, y, BLOCK_PX * len(bits), BLOCK_PX)])
        white = [(x + place * BLOCK_PX, y, BLOCK_PX, BLOCK_PX) for place, bit in enumerate(bits) if bit]
        if white:
            self.fill(self.panel, 0xFFFFFF, white)
        self.show(x, y, BLOCK_PX * len(bits), BLOCK_PX)

    def draw_flip(self, name: str, *, is_on: bool) -> None:
        self.fill(self.panel, 0xFFFFFF if is_on else 0, [(*FLIPS[name], FLIP_PX, FLIP_PX)])
        self.show(*FLIPS[name], FLIP_PX, FLIP_PX)

    def draw_scene(self, ticks: int) -> None:
        """The moving part, outside the panel."""
        if self.mode == "light":
            span = max(1, self.width_px - BOX_PX) // BOX_STEP_PX
            place = abs(ticks % (2 * span) - span) * BOX_STEP_PX
            y = max(PANEL_PX[1] + 8, self.height_px // 2)
            self.x11.XCopyArea(
                self.display, self.box, self.window, self.pen,
                0, 0, BOX_PX + 2 * BOX_STEP_PX, BOX_PX, place - BOX_STEP_PX, y,
            )  # fmt: skip
        elif self.mode == "motion":
            if self.tile is None:
                self._make_tile()
            step_x, step_y = TILE_STEP_PX
            self.x11.XSetTSOrigin(self.display, self.scene, ticks * step_x % TILE_PX, ticks * step_y % TILE_PX)
            self.x11.XFillRectangle(self.display, self.window, self.scene, 0, 0, self.width_px, self.height_px)

    def _make_tile(self) -> None:
        """The server scrolls it by itself."""
        pixels = tile_pixels()
        self._tile_data = (ctypes.c_char * (4 * TILE_PX * TILE_PX)).from_buffer(pixels)
        visual = ctypes.c_void_p(self.x11.XDefaultVisual(self.display, 0))
        image = self.x11.XCreateImage(self.display, visual, 24, 2, 0, self._tile_data, TILE_PX, TILE_PX, 32, 0)
        self.tile = self._pixmap(TILE_PX, TILE_PX)
        self.x11.XPutImage(
            self.display, self.tile, self.pen, ctypes.c_void_p(image), 0, 0, 0, 0, TILE_PX, TILE_PX
        )  # fmt: skip
        self.x11.XSetTile(self.display, self.scene, self.tile)
        self.x11.XSetFillStyle(self.display, self.scene, 1)
        self._clip_scene()

    def _clip_scene(self) -> None:
        right, below = max(0, self.width_px - PANEL_PX[0]), max(0, self.height_px - PANEL_PX[1])
        around = (_Rectangle * 2)(
            _Rectangle(PANEL_PX[0], 0, right, PANEL_PX[1]), _Rectangle(0, PANEL_PX[1], self.width_px, below)
        )  # fmt: skip
        self.x11.XSetClipRectangles(self.display, self.scene, 0, 0, around, 2, 0)

    def resize(self, width_px: int, height_px: int) -> None:
        """The desktop has a new size: the window asks for the same."""
        self.x11.XResizeWindow(self.display, self.window, width_px, height_px)

    def follow(self, width_px: int, height_px: int) -> None:
        """The window has a new size."""
        self.width_px, self.height_px = width_px, height_px
        self.x11.XClearWindow(self.display, self.window)
        self.show(0, 0, *PANEL_PX)
        if self.tile is not None:
            self._clip_scene()

    def focus(self) -> None:
        self.x11.XSetInputFocus(self.display, self.window, 1, ctypes.c_ulong(0))


class Card:
    """What has arrived, and which of it is not drawn yet."""

    def __init__(self, screen: Screen, wishes: argparse.Namespace) -> None:
        self.screen, self.wishes = screen, wishes
        self.ticks = self.frame = self.pointer = self.key = self.button = self.motion = self.last_key = 0
        self.flips = dict.fromkeys(FLIPS, False)
        self.stale: set[str] = {*WORDS, *FLIPS}
        self.held: set[int] = set()
        self.presses = self.clicks = self.wheel_x = self.wheel_y = self.sum_x = self.sum_y = 0
        self.last_place: tuple[int, int] | None = None
        self.is_warping = screen.is_grabbing
        """Whether a step to the middle of our own is under way: it is no motion, whatever came before it is."""
        self.tone = Tone()

    def handle(self, event: _Event) -> None:
        if event.type in (KEY_PRESS, KEY_RELEASE):
            self._key(event.input.detail - 8, is_down=event.type == KEY_PRESS)
        elif event.type == BUTTON_PRESS:
            self._button(event.input.detail)
        elif event.type == MOTION:
            self._moved(event.input.x, event.input.y)
        elif event.type == CONFIGURE:
            size = (event.configure.width, event.configure.height)
            if event.configure.window == self.screen.root.value:
                self.screen.resize(*size)
            elif size != (self.screen.width_px, self.screen.height_px):
                self.screen.follow(*size)
                self.stale.add("size")
        elif event.type == EXPOSE:
            self.screen.focus()
            self.screen.show(0, 0, *PANEL_PX)
            self.stale |= {*WORDS, *FLIPS}

    def _key(self, code: int, *, is_down: bool) -> None:
        if is_down and code in self.held:
            return
        (self.held.add if is_down else self.held.discard)(code)
        self.presses += is_down
        if is_down:
            self.last_key = code
            if code == SPACE:
                self._flip("key")
            elif code == KEY_B:
                self.tone.beep()
                self._flip("sound")
            elif code in (KEY_Q, KEY_N, KEY_K):
                leave({KEY_Q: "exit", KEY_N: "fail", KEY_K: "crash"}[code], self.wishes.exit_code or 3)
        self.key = (self.last_key & 0xFF) << 16 | (self.presses & 0xFF) << 8 | min(len(self.held), 255)
        self.stale.add("key")

    def _button(self, button: int) -> None:
        if button in WHEEL:
            dx, dy = WHEEL[button]
            self.wheel_x, self.wheel_y = self.wheel_x + dx, self.wheel_y + dy
        else:
            self.clicks += 1
            self._flip("button")
        self.button = (
            (button & 0xF) << 20 | (self.clicks & 0xFF) << 12 | (self.wheel_y & 0x3F) << 6 | self.wheel_x & 0x3F
        )
        self.stale.add("button")

    def _moved(self, x: int, y: int) -> None:
        middle = (self.screen.width_px // 2, self.screen.height_px // 2)
        is_warp = self.is_warping and (x, y) == middle
        self.is_warping = self.is_warping and not is_warp
        if self.last_place is not None and not is_warp:
            self.sum_x, self.sum_y = self.sum_x + x - self.last_place[0], self.sum_y + y - self.last_place[1]
            self.motion = (self.sum_x & 0xFFF) << 12 | self.sum_y & 0xFFF
        self.last_place = (x, y)
        self.pointer = (x & 0xFFF) << 12 | y & 0xFFF
        self.stale |= {"pointer", "motion"}
        if self.screen.is_grabbing and not self.is_warping and (x, y) != middle:
            self.screen.warp_to_middle()
            self.is_warping = True

    def _flip(self, name: str) -> None:
        self.flips[name] = not self.flips[name]
        self.stale.add(name)

    def draw(self, *, is_tick: bool) -> None:
        """One update of the picture; the counter counts them all."""
        self.frame += 1
        if is_tick:
            self.ticks += 1
            self.screen.draw_scene(self.ticks)
        self.stale.add("frame")
        size = (self.screen.width_px & 0xFFF) << 12 | self.screen.height_px & 0xFFF
        for name in sorted(self.stale):
            if name in FLIPS:
                self.screen.draw_flip(name, is_on=self.flips[name])
        for name in WORDS:
            if name in self.stale:
                self.screen.draw_word(name, size if name == "size" else getattr(self, name))
        self.stale.clear()
        self.screen.x11.XFlush(self.screen.display)


class Tone:
    """A 440 Hz tone through `pacat`, at a quarter of full scale."""

    def __init__(self) -> None:
        period = [int(8192 * math.sin(2 * math.pi * TONE_HZ * step / SOUND_RATE_HZ)) for step in range(4800)]
        self._chunk = array.array("h", [value for sample in period for value in (sample, sample)]).tobytes()
        self._is_open = False
        self._steps_left = 0
        self._asked_at_s: float | None = None
        """When the beep was begun of which nothing is written yet."""
        self._buffer_ms: float | None = None
        """How long what is written now waits at the sound server, as that tells."""

    def open(self) -> None:
        """Keeps a stream of silence open, in which a beep is heard at once."""
        self._is_open = True
        threading.Thread(target=self._stream, daemon=True).start()

    def beep(self, chunks: int | None = 4) -> None:
        """Plays 100 ms chunks from a thread of its own; None plays for ever."""
        if self._is_open:
            self._asked_at_s = time.monotonic()
            self._steps_left = STEPS_A_BEEP
        else:
            threading.Thread(target=self._play, args=(chunks,), daemon=True).start()

    def _play(self, chunks: int | None) -> None:
        with self._player() as pipe:
            while chunks is None or chunks > 0:
                pipe.write(self._chunk)
                chunks = None if chunks is None else chunks - 1

    def _stream(self) -> None:
        step = self._chunk[: len(self._chunk) // STEPS_A_BEEP]
        with self._player(is_timed=True) as pipe:
            while True:
                while _unread_bytes(pipe):  # a game writes when it is asked for more
                    time.sleep(0.002)
                pipe.write(step if self._steps_left else bytes(len(step)))
                if self._steps_left:
                    self._tell_delay()
                self._steps_left = max(0, self._steps_left - 1)

    def _tell_delay(self) -> None:
        """Of the beep whose first piece was written just now: what of its delay is this program's own."""
        asked_at_s, self._asked_at_s = self._asked_at_s, None
        if asked_at_s is not None and self._buffer_ms is not None:
            print(f"testcard: beep in {(time.monotonic() - asked_at_s) * 1000 + self._buffer_ms:.1f} ms", flush=True)

    def _read_timing(self, lines: IO[bytes]) -> None:
        for line in iter(lambda: os.read(lines.fileno(), 256), b""):
            if found := re.findall(rb"Latency: (\d+) usec", line):
                self._buffer_ms = int(found[-1]) / 1000

    @contextlib.contextmanager
    def _player(self, *, is_timed: bool = False) -> Iterator[IO[bytes]]:
        command = ["pacat", "--playback", "--raw", "--format=s16le", f"--rate={SOUND_RATE_HZ}", "--channels=2",
                   "--latency-msec=20", *(["--verbose"] if is_timed else [])]  # fmt: skip
        try:
            errors = subprocess.PIPE if is_timed else None
            with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=errors, bufsize=0) as pacat:
                assert pacat.stdin is not None
                if pacat.stderr is not None:
                    threading.Thread(target=self._read_timing, args=(pacat.stderr,), daemon=True).start()
                fcntl.fcntl(pacat.stdin.fileno(), 1031, 4096)  # F_SETPIPE_SZ: little waits in the pipe
                yield pacat.stdin
        except OSError as error:
            print(f"testcard: no sound: {error}", flush=True)


def _unread_bytes(pipe: IO[bytes]) -> int:
    count: int = struct.unpack("i", fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4)))[0]
    return count


def leave(way: str, code: int) -> None:
    """Ends this program now: `exit` with 0, `fail` with `code`, `crash` by SIGSEGV."""
    print(f"testcard: {way} on request", flush=True)
    if way == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(5)
    os._exit(code if way == "fail" else 0)


def fork_children(count: int) -> None:
    """Leaves processes behind that have a session of their own and don't mind SIGTERM."""
    for _ in range(count):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                time.sleep(3600)
            os._exit(0)
        os.wait()


def eat_memory() -> None:
    """Takes memory, 32 MiB at a time, until somebody ends this."""
    eaten = []
    while True:
        eaten.append(b"\x01" * (32 << 20))
        print(f"testcard: ate {32 * len(eaten)} MiB", flush=True)


def fill_disk(folder: str) -> None:
    """Writes file after file into `folder`, 4 MiB each, until it is full, and says so."""
    written = 0
    try:
        while True:
            path = os.path.join(folder, f"filler-{written}.bin")  # noqa: PTH118 - this file stays plain
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(b"\x01" * (4 << 20))
            written += 4
            time.sleep(0.02)
    except OSError as error:
        print(f"testcard: the disk took {written} MiB, then: {error}", flush=True)


def run(wishes: argparse.Namespace) -> None:
    """Draws and answers until told to end."""
    screen = Screen(wishes.mode, is_grabbing=wishes.grab)
    card = Card(screen, wishes)
    print(f"testcard: {wishes.mode}, {screen.width_px}x{screen.height_px}", flush=True)
    if wishes.open_sound:
        card.tone.open()
    if wishes.tone:
        card.tone.beep(None)
    event = _Event()
    x_fd = screen.x11.XConnectionNumber(screen.display)
    period_s = None if wishes.mode == "idle" else 1 / RATE_HZ
    due_s = time.monotonic()
    card.draw(is_tick=False)
    while True:
        if not screen.x11.XPending(screen.display):
            wait_s = 3600.0 if period_s is None else max(0.0, due_s - time.monotonic())
            select.select([x_fd], [], [], wait_s)
        while screen.x11.XPending(screen.display):
            screen.x11.XNextEvent(screen.display, ctypes.byref(event))
            card.handle(event)
        is_tick = period_s is not None and time.monotonic() >= due_s
        if is_tick or card.stale:
            card.draw(is_tick=is_tick)
        if is_tick and period_s is not None:
            due_s = max(due_s + period_s, time.monotonic() - period_s)


def wishes_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="A guest to test and measure with.")
    parser.add_argument("--mode", choices=("idle", "light", "motion"), default="light")
    parser.add_argument("--grab", action="store_true", help="hold the pointer in the middle, as mouse look does")
    parser.add_argument("--tone", action="store_true", help="play 440 Hz all the time")
    parser.add_argument("--open-sound", action="store_true", help="keep the sound open: a beep is heard at once")
    parser.add_argument("--no-window", action="store_true", help="never open a window")
    parser.add_argument("--exit-after", type=float, metavar="S", help="end by itself after so many seconds")
    parser.add_argument("--exit-code", type=int, default=0)
    parser.add_argument("--crash", action="store_true", help="end by SIGSEGV instead")
    parser.add_argument("--fork-children", type=int, default=0, metavar="N", help="leave so many processes behind")
    parser.add_argument("--ignore-sigterm", action="store_true")
    parser.add_argument("--eat-memory", action="store_true")
    parser.add_argument("--fill-disk", metavar="FOLDER", help="`~` is the player's home")
    return parser.parse_args(arguments)


def main() -> None:
    """Does what the command line asks for."""
    wishes = wishes_of()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if wishes.ignore_sigterm else lambda *_: os._exit(0))
    fork_children(wishes.fork_children)
    if wishes.exit_after is not None:
        way = "crash" if wishes.crash else "fail" if wishes.exit_code else "exit"
        threading.Timer(wishes.exit_after, leave, (way, wishes.exit_code)).start()
    if wishes.eat_memory:
        threading.Thread(target=eat_memory, daemon=True).start()
    if wishes.fill_disk:
        folder = os.path.expanduser(wishes.fill_disk)  # noqa: PTH111 - this file stays plain
        threading.Thread(target=fill_disk, args=(folder,), daemon=True).start()
    if wishes.no_window:
        while True:
            time.sleep(3600)
    run(wishes)


if __name__ == "__main__":
    main()
