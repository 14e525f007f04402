"""A program of Wayland alone, for tests: one window in one colour, a block that a key moves, and all that arrives
printed. Standard library only, with `wire.py` and `protocols.py` of dillinger_stream.wayland copied beside it.

A: the block takes its other place. C: the window takes its next colour. Everything else is told alone.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from dillinger_stream.wayland.protocols import INTERFACES
    from dillinger_stream.wayland.wire import Reader, pack, unpack
except ModuleNotFoundError:  # where nothing of Dillinger is installed
    sys.path.insert(0, str(Path(__file__).parent))
    from protocols import INTERFACES  # type: ignore[import-not-found, no-redef]
    from wire import Reader, pack, unpack  # type: ignore[import-not-found, no-redef]

COLOURS = (0x2050A0, 0xA03020, 0x208040)
"""0xRRGGBB."""
BLOCK = 0xF0F0F0
BLOCK_PX = 32
PLACES = ((64, 64), (160, 96))
KEY_A, KEY_C = 30, 46
BOUND = ("wl_compositor", "wl_shm", "wl_seat", "xdg_wm_base", "zwp_relative_pointer_manager_v1")


def say(text: str) -> None:
    print(text, flush=True)


def characters(keymap: bytes) -> Callable[[int], str]:
    """What a key, by evdev number, writes alone with this keymap, as toolkits find out."""
    library = ctypes.CDLL("libxkbcommon.so.0")
    for name in ("xkb_context_new", "xkb_keymap_new_from_string", "xkb_state_new"):
        getattr(library, name).restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.xkb_context_new(0))
    made = ctypes.c_void_p(library.xkb_keymap_new_from_string(context, keymap, 1, 0))
    state = ctypes.c_void_p(library.xkb_state_new(made))

    def written(code: int) -> str:
        text = ctypes.create_string_buffer(16)
        library.xkb_state_key_get_utf8(state, code + 8, text, 16)
        return text.value.decode()

    return written


class Client:
    """One connection; objects are numbers, and `kinds` says what they are."""

    def __init__(self) -> None:
        path = Path(os.environ["XDG_RUNTIME_DIR"]) / os.environ["WAYLAND_DISPLAY"]
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.reader = Reader()
        self.descriptors: list[int] = []
        self.kinds = {1: "wl_display"}

    def make(self, kind: str) -> int:
        number = len(self.kinds) + 1  # nothing is ever reused
        self.kinds[number] = kind
        return number

    def call(self, number: int, request: str, *arguments: Any) -> None:
        message = INTERFACES[self.kinds[number]].requests[request]
        data, descriptors = pack(number, message.opcode, message.signature, arguments)
        socket.send_fds(self.socket, [data], descriptors)

    def events(self) -> list[tuple[int, str, list[Any]]]:
        data, descriptors, _, _ = socket.recv_fds(self.socket, 65_536, 28)
        if not data:
            sys.exit("the compositor is gone")
        self.descriptors += descriptors
        self.reader.feed(data)
        found = []
        while (message := self.reader.next()) is not None:
            number, opcode, payload = message
            event = INTERFACES[self.kinds[number]].events[opcode]
            found.append((number, event.name, unpack(payload, event.signature, lambda: self.descriptors.pop(0))))
        return found


class Card:
    """The window."""

    def __init__(self) -> None:
        self.client = client = Client()
        self.bound: dict[str, int] = {}
        registry = client.make("wl_registry")
        client.call(1, "get_registry", registry)
        callback = client.make("wl_callback")
        client.call(1, "sync", callback)
        self.registry = registry
        self.size = (320, 240)
        self.colour = self.place = 0
        self.written: Callable[[int], str] = lambda _: ""
        self.surface = 0

    def run(self) -> None:
        while True:
            select.select([self.client.socket], [], [])
            for number, event, arguments in self.client.events():
                handler = getattr(self, f"on_{self.client.kinds[number]}", None)
                if handler is not None:
                    handler(number, event, arguments)

    def on_wl_registry(self, number: int, event: str, arguments: list[Any]) -> None:
        if event == "global" and arguments[1] in BOUND and arguments[1] not in self.bound:
            name, interface, _ = arguments
            made = self.bound[interface] = self.client.make(interface)
            self.client.call(number, "bind", name, interface, 1, made)

    def on_wl_callback(self, number: int, event: str, arguments: list[Any]) -> None:
        client, bound = self.client, self.bound
        keyboard, self.pointer = client.make("wl_keyboard"), client.make("wl_pointer")
        client.call(bound["wl_seat"], "get_keyboard", keyboard)
        client.call(bound["wl_seat"], "get_pointer", self.pointer)
        relative = client.make("zwp_relative_pointer_v1")
        client.call(bound["zwp_relative_pointer_manager_v1"], "get_relative_pointer", relative, self.pointer)
        self.surface = client.make("wl_surface")
        client.call(bound["wl_compositor"], "create_surface", self.surface)
        self.shell = client.make("xdg_surface")
        client.call(bound["xdg_wm_base"], "get_xdg_surface", self.shell, self.surface)
        toplevel = client.make("xdg_toplevel")
        client.call(self.shell, "get_toplevel", toplevel)
        client.call(toplevel, "set_title", "Wayland card")
        client.call(self.surface, "commit")

    def on_xdg_wm_base(self, number: int, event: str, arguments: list[Any]) -> None:
        self.client.call(number, "pong", *arguments)

    def on_xdg_toplevel(self, number: int, event: str, arguments: list[Any]) -> None:
        if event == "close":
            sys.exit(0)
        if event == "configure" and arguments[0] and arguments[1]:
            self.size = (arguments[0], arguments[1])

    def on_xdg_surface(self, number: int, event: str, arguments: list[Any]) -> None:
        self.client.call(number, "ack_configure", *arguments)
        self.draw((0, 0, *self.size))
        say(f"size {self.size[0]}x{self.size[1]}")

    def on_wl_keyboard(self, number: int, event: str, arguments: list[Any]) -> None:
        if event == "keymap":
            _, descriptor, size = arguments
            text = os.pread(descriptor, size, 0).decode()
            os.close(descriptor)
            say(f"keymap {'with' if 'odiaeresis' in text or '0xf6' in text else 'without'} umlauts")
            self.written = characters(text.encode().rstrip(b"\0"))
        elif event == "enter":
            say("focused")
        elif event == "leave":
            say("unfocused")
        elif event == "key":
            code, is_down = arguments[2:]
            say(f"key {code} {'down' if is_down else 'up'}")
            if is_down and (character := self.written(code)) > "~":
                say(f"text {character}")
            if is_down and code == KEY_A:
                before, self.place = PLACES[self.place], 1 - self.place
                self.draw((*before, BLOCK_PX, BLOCK_PX), (*PLACES[self.place], BLOCK_PX, BLOCK_PX))
            elif is_down and code == KEY_C:
                self.colour = (self.colour + 1) % len(COLOURS)
                self.draw((0, 0, *self.size))
        elif event == "modifiers":
            say(f"modifiers {arguments[1]} {arguments[3]}")

    def on_wl_pointer(self, number: int, event: str, arguments: list[Any]) -> None:
        if event == "enter":
            say(f"pointer {int(arguments[2])} {int(arguments[3])}")
        elif event == "motion":
            say(f"pointer {int(arguments[1])} {int(arguments[2])}")
        elif event == "button":
            say(f"button {arguments[2]} {'down' if arguments[3] else 'up'}")
        elif event == "axis":
            say(f"axis {arguments[1]} {arguments[2]:g}")

    def on_zwp_relative_pointer_v1(self, number: int, event: str, arguments: list[Any]) -> None:
        say(f"moved {arguments[2]:g} {arguments[3]:g}")

    def draw(self, *damaged: tuple[int, int, int, int]) -> None:
        width, height = self.size
        pixels = bytearray(COLOURS[self.colour].to_bytes(4, "little") * (width * height))
        x, y = PLACES[self.place]
        for row in range(y, y + BLOCK_PX):
            at = (row * width + x) * 4
            pixels[at : at + BLOCK_PX * 4] = BLOCK.to_bytes(4, "little") * BLOCK_PX
        descriptor = os.memfd_create("card")
        os.ftruncate(descriptor, len(pixels))
        with mmap.mmap(descriptor, len(pixels)) as mapping:
            mapping[:] = bytes(pixels)
        client = self.client
        pool, buffer = client.make("wl_shm_pool"), client.make("wl_buffer")
        client.call(self.bound["wl_shm"], "create_pool", pool, descriptor, len(pixels))
        client.call(pool, "create_buffer", buffer, 0, width, height, width * 4, 1)
        os.close(descriptor)
        client.call(self.surface, "attach", buffer, 0, 0)
        for box in damaged:
            client.call(self.surface, "damage", *box)
        client.call(self.surface, "commit")


if __name__ == "__main__":
    Card().run()
