"""A program of X11 for tests: a window that prints what is typed into it, as Xlib's input contexts tell it.

Standard library only.

`text …` is a piece of text, `key …` the number of a key symbol that writes none.
"""

from __future__ import annotations

import ctypes
import locale
import sys
from ctypes import byref, c_char_p, c_int, c_long, c_uint, c_ulong, c_void_p

KEY_PRESS, FOCUS_IN, EXPOSE, MAPPING_NOTIFY = 2, 9, 12, 34
KEY_PRESS_MASK, EXPOSURE_MASK, FOCUS_MASK = 1 << 0, 1 << 15, 1 << 21
REVERT_TO_PARENT = 2
PREEDIT_AND_STATUS_NOTHING = 0x0008 | 0x0400
BACKGROUND = 0x204060


def xlib() -> ctypes.CDLL:
    library = ctypes.CDLL("libX11.so.6")
    for name in ("XOpenDisplay", "XOpenIM", "XCreateIC"):
        getattr(library, name).restype = c_void_p
    for name in ("XDefaultRootWindow", "XCreateSimpleWindow"):
        getattr(library, name).restype = c_ulong
    return library


def main() -> None:
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    x11 = xlib()
    x11.XSetLocaleModifiers(b"@im=none")
    display = c_void_p(x11.XOpenDisplay(None))
    root = c_ulong(x11.XDefaultRootWindow(display))
    window = c_ulong(x11.XCreateSimpleWindow(display, root, 0, 0, 640, 480, 0, c_ulong(0), c_ulong(BACKGROUND)))
    x11.XSelectInput(display, window, c_long(KEY_PRESS_MASK | EXPOSURE_MASK | FOCUS_MASK))
    x11.XStoreName(display, window, b"Writer")
    x11.XMapRaised(display, window)
    methods = c_void_p(x11.XOpenIM(display, None, None, None))
    context = c_void_p(
        x11.XCreateIC(
            methods, c_char_p(b"inputStyle"), c_ulong(PREEDIT_AND_STATUS_NOTHING), c_char_p(b"clientWindow"), window,
            c_char_p(b"focusWindow"), window, c_void_p(None),
        )
    )  # fmt: skip
    x11.XSetICFocus(context)
    # Xlib asks for the keyboard at its first use, and misses what changes in that moment: so that is now.
    x11.XKeycodeToKeysym(display, 38, 0)
    x11.XAutoRepeatOff(display)  # a key that a busy machine lets go late is no second one
    x11.XSync(display, 0)
    event = (c_long * 24)()
    text, keysym, status = ctypes.create_string_buffer(64), c_ulong(), c_int()
    while True:
        x11.XNextEvent(display, byref(event))
        if x11.XFilterEvent(byref(event), c_ulong(0)):
            continue
        kind = c_int.from_buffer(event).value
        if kind == MAPPING_NOTIFY:
            x11.XRefreshKeyboardMapping(byref(event))
        elif kind == EXPOSE:  # it can be seen now, and have the keyboard
            x11.XSetInputFocus(display, window, REVERT_TO_PARENT, c_ulong(0))
        elif kind == FOCUS_IN:
            print("focused", flush=True)
        elif kind == KEY_PRESS:
            size = x11.Xutf8LookupString(context, byref(event), text, c_uint(64), byref(keysym), byref(status))
            if size > 0 and text.raw[0] >= 0x20:
                sys.stdout.buffer.write(b"text " + text.raw[:size] + b"\n")
                sys.stdout.buffer.flush()
            else:
                print(f"key {keysym.value:#x}", flush=True)


if __name__ == "__main__":
    main()
