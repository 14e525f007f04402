"""A torus that turns, in OpenGL, as fast as it can or at a given rate; every second it says how many frames it drew,
and how much CPU time each took.

Standard library only, over libX11 and libGL by ctypes: the same file runs on the machine and in a cell.
`guest.py [--rate HZ] [--seconds S]`
"""

from __future__ import annotations

import argparse
import ctypes
import math
import time

WIDTH_PX, HEIGHT_PX = 1280, 720
_RGBA, _DOUBLEBUFFER, _DEPTH_SIZE = 4, 5, 12
_BORDER_PIXEL, _COLORMAP, _INPUT_OUTPUT = 1 << 3, 1 << 13, 1
_RENDERER, _VERSION = 0x1F01, 0x1F02
_DEPTH_TEST, _LIGHTING, _LIGHT0, _NORMALIZE = 0x0B71, 0x0B50, 0x4000, 0x0BA1
_COMPILE, _QUAD_STRIP, _CLEAR = 0x1300, 0x0008, 0x4100
_PROJECTION, _MODELVIEW = 0x1701, 0x1700
_RINGS, _SIDES = 64, 32


class _Visual(ctypes.Structure):
    """The beginning of XVisualInfo."""

    _fields_ = (
        ("visual", ctypes.c_void_p), ("id", ctypes.c_ulong), ("screen", ctypes.c_int), ("depth", ctypes.c_int),
    )  # fmt: skip


class _Attributes(ctypes.Structure):
    """XSetWindowAttributes."""

    _fields_ = (
        *((name, ctypes.c_ulong) for name in ("background_pixmap", "background", "border_pixmap", "border")),
        *((name, ctypes.c_int) for name in ("bit_gravity", "win_gravity", "backing_store")),
        *((name, ctypes.c_ulong) for name in ("backing_planes", "backing_pixel")),
        ("save_under", ctypes.c_int), ("event_mask", ctypes.c_long), ("do_not_propagate", ctypes.c_long),
        ("override_redirect", ctypes.c_int), ("colormap", ctypes.c_ulong), ("cursor", ctypes.c_ulong),
    )  # fmt: skip


class Window:
    """A window with an OpenGL context that is current."""

    def __init__(self) -> None:
        self.x11, self.gl = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libGL.so.1")
        x11, gl = self.x11, self.gl
        for function in (x11.XOpenDisplay, gl.glXCreateContext):
            function.restype = ctypes.c_void_p
        for function in (x11.XRootWindow, x11.XCreateColormap, x11.XCreateWindow):
            function.restype = ctypes.c_ulong
        gl.glXChooseVisual.restype = ctypes.POINTER(_Visual)
        gl.glGetString.restype = ctypes.c_char_p
        display = x11.XOpenDisplay(None)
        if not display:
            raise SystemExit("there is no display")
        self.display = ctypes.c_void_p(display)
        wish = (ctypes.c_int * 5)(_RGBA, _DOUBLEBUFFER, _DEPTH_SIZE, 16, 0)
        visual = gl.glXChooseVisual(self.display, 0, wish)
        if not visual:
            raise SystemExit("there is no OpenGL")
        root = ctypes.c_ulong(x11.XRootWindow(self.display, 0))
        kind = ctypes.c_void_p(visual.contents.visual)
        colormap = x11.XCreateColormap(self.display, root, kind, 0)
        self.window = ctypes.c_ulong(
            x11.XCreateWindow(
                self.display, root, 0, 0, WIDTH_PX, HEIGHT_PX, 0, visual.contents.depth, _INPUT_OUTPUT, kind,
                ctypes.c_ulong(_BORDER_PIXEL | _COLORMAP), ctypes.byref(_Attributes(colormap=colormap)),
            )
        )  # fmt: skip
        x11.XMapWindow(self.display, self.window)
        context = gl.glXCreateContext(self.display, visual, None, 1)
        gl.glXMakeCurrent(self.display, self.window, ctypes.c_void_p(context))

    def swap(self) -> None:
        """Shows what was drawn, and waits until it is drawn."""
        self.gl.glXSwapBuffers(self.display, self.window)
        self.gl.glFinish()


def torus(gl: ctypes.CDLL) -> None:
    """A display list, number 1, of a torus."""
    gl.glNewList(1, _COMPILE)
    for ring in range(_RINGS):
        gl.glBegin(_QUAD_STRIP)
        for side in range(_SIDES + 1):
            around = 2 * math.pi * side / _SIDES
            for angle in (2 * math.pi * ring / _RINGS, 2 * math.pi * (ring + 1) / _RINGS):
                radius = 1 + 0.4 * math.cos(around)
                normal = (math.cos(angle) * math.cos(around), math.sin(angle) * math.cos(around), math.sin(around))
                place = (math.cos(angle) * radius, math.sin(angle) * radius, 0.4 * math.sin(around))
                gl.glNormal3f(*map(ctypes.c_float, normal))
                gl.glVertex3f(*map(ctypes.c_float, place))
        gl.glEnd()
    gl.glEndList()


def prepare(gl: ctypes.CDLL) -> None:
    """Camera and light."""
    gl.glViewport(0, 0, WIDTH_PX, HEIGHT_PX)
    gl.glMatrixMode(_PROJECTION)
    gl.glLoadIdentity()
    right = 0.5 * WIDTH_PX / HEIGHT_PX
    gl.glFrustum(*map(ctypes.c_double, (-right, right, -0.5, 0.5, 1.0, 20.0)))
    gl.glMatrixMode(_MODELVIEW)
    for what in (_DEPTH_TEST, _LIGHTING, _LIGHT0, _NORMALIZE):
        gl.glEnable(what)
    gl.glClearColor(*map(ctypes.c_float, (0.1, 0.1, 0.2, 1.0)))


def draw(gl: ctypes.CDLL, angle: float) -> None:
    """One frame."""
    gl.glClear(_CLEAR)
    gl.glLoadIdentity()
    gl.glTranslatef(*map(ctypes.c_float, (0.0, 0.0, -3.0)))
    gl.glRotatef(*map(ctypes.c_float, (angle, 0.4, 1.0, 0.3)))
    gl.glCallList(1)


def main() -> None:
    """Draws until its time is over."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=0.0, help="frames a second; 0 is as fast as it can")
    parser.add_argument("--seconds", type=float, default=math.inf)
    wish = parser.parse_args()
    window = Window()
    gl = window.gl
    print(f"gl {gl.glGetString(_VERSION).decode()} on {gl.glGetString(_RENDERER).decode()}", flush=True)
    prepare(gl)
    torus(gl)
    began = said = due = time.monotonic()
    used, frames = time.process_time(), 0
    while said - began < wish.seconds:
        draw(gl, (time.monotonic() - began) * 60 % 360)
        window.swap()
        frames += 1
        now = time.monotonic()
        if now - said >= 1:
            cpu_s = time.process_time() - used
            print(f"fps {frames / (now - said):.2f} cpu_ms {1000 * cpu_s / frames:.3f}", flush=True)
            used, frames, said = used + cpu_s, 0, now
        if wish.rate:
            due = max(due + 1 / wish.rate, now - 1 / wish.rate)
            time.sleep(max(0.0, due - now))


if __name__ == "__main__":
    main()
