"""A test guest: one window, what it is told to do when it shows, and every key that arrives printed.

Runs inside a cell with `/usr/bin/python3`: the standard library and libX11 by ctypes, nothing else is there.

usage: window.py [--size WxH] [--fixed] [--then ACTION]
ACTION: exit:N, segfault, fork, hog, ignore-term, dialog (a window that belongs to the first; Esc closes it)
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys

X = ctypes.CDLL("libX11.so.6")
X.XOpenDisplay.restype = ctypes.c_void_p
for name in ("XDefaultRootWindow", "XCreateSimpleWindow", "XMapWindow", "XFlush", "XSelectInput", "XNextEvent"):
    getattr(X, name).restype = ctypes.c_ulong
MAP_NOTIFY, KEY_PRESS, CONFIGURE_NOTIFY = 19, 2, 22
ESC = 1


class Event(ctypes.Structure):
    """The parts of XEvent that matter, by offset (LP64): type, and keycode or size."""

    _fields_ = (("type", ctypes.c_int), ("pad", ctypes.c_char * 188))


class SizeHints(ctypes.Structure):
    """XSizeHints."""

    _fields_ = (
        ("flags", ctypes.c_long),
        *((name, ctypes.c_int) for name in ("x", "y", "width", "height", "min_w", "min_h", "max_w", "max_h")),
        ("rest", ctypes.c_int * 9),
    )


def say(text: str) -> None:
    print(text, flush=True)


def act(action: str) -> None:
    word, _, argument = action.partition(":")
    if word == "exit":
        sys.exit(int(argument))
    elif word == "segfault":
        ctypes.string_at(0)
    elif word == "fork":
        if os.fork() == 0:
            os.execv("/usr/bin/sleep", ["sleep", "600"])
    elif word == "hog":
        held = []
        while True:
            held.append(bytearray(os.urandom(1 << 20) * 8))
    elif word == "ignore-term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(f"did {action}")


def open_dialog(display: ctypes.c_void_p, owner: ctypes.c_ulong) -> ctypes.c_ulong:
    root = ctypes.c_ulong(X.XDefaultRootWindow(display))
    dialog = ctypes.c_ulong(X.XCreateSimpleWindow(display, root, 300, 200, 200, 120, 0, 0, 0xCC6633))
    X.XSetTransientForHint(display, dialog, owner)
    X.XSelectInput(display, dialog, ctypes.c_long((1 << 0) | (1 << 17)))
    X.XMapWindow(display, dialog)
    X.XFlush(display)
    return dialog


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--then", action="append", default=[])
    arguments = parser.parse_args()
    width, height = (int(part) for part in arguments.size.split("x"))
    display = ctypes.c_void_p(X.XOpenDisplay(None))
    root = ctypes.c_ulong(X.XDefaultRootWindow(display))
    window = ctypes.c_ulong(X.XCreateSimpleWindow(display, root, 0, 0, width, height, 0, 0, 0x3366CC))
    if arguments.fixed:
        hints = SizeHints(flags=(1 << 4) | (1 << 5), min_w=width, min_h=height, max_w=width, max_h=height)
        X.XSetWMNormalHints(display, window, ctypes.byref(hints))
    X.XSelectInput(display, window, ctypes.c_long((1 << 0) | (1 << 17)))
    X.XMapWindow(display, window)
    X.XFlush(display)
    event = Event()
    dialog = ctypes.c_ulong(0)
    while True:
        X.XNextEvent(display, ctypes.byref(event))
        raw = bytes(event)
        if dialog.value and int.from_bytes(raw[32:40], "little") == dialog.value:
            if event.type == MAP_NOTIFY:
                say("dialog shows")
            elif event.type == KEY_PRESS:
                key = int.from_bytes(raw[84:88], "little") - 8
                say(f"dialog key {key}")
                if key == ESC:
                    X.XDestroyWindow(display, dialog)
                    X.XFlush(display)
        elif event.type == MAP_NOTIFY:
            say("window shows")
            for action in arguments.then:
                if action == "dialog":
                    dialog = open_dialog(display, window)
                else:
                    act(action)
        elif event.type == CONFIGURE_NOTIFY:
            say(f"window is {int.from_bytes(raw[56:60], 'little')}x{int.from_bytes(raw[60:64], 'little')}")
        elif event.type == KEY_PRESS:
            say(f"key {int.from_bytes(raw[84:88], 'little') - 8}")


if __name__ == "__main__":
    main()
