"""Keyboard layouts for who has to bring a keymap along: libxkbcommon, by ctypes.

A compositor takes keys from a virtual keyboard as they are, and its modifiers as they are told: so a keymap is made
here, and what Shift and its like do is followed here. The layouts are the machine's (`xkb-data`), the same that
`setxkbmap` has.
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Mapping
from ctypes import POINTER, c_char_p, c_int, c_uint32, c_void_p
from typing import Any

from dillinger_contracts.errors import Unavailable, Unsupported
from dillinger_contracts.input import KNOWN_KEYS

_LIBRARY = "libxkbcommon.so.0"
_EVDEV_OFFSET = 8
_TEXT_V1 = 1
_NO_ENVIRONMENT_NAMES = 2
_CODE = re.compile(rb"^\t<([^>]+)>\s+= (\d+);", re.MULTILINE)
_USED = re.compile(rb"^\tkey <([^>]+)>", re.MULTILINE)
_LAST_CODE = 255
"""X11 knows no others."""
_DEPRESSED, _LATCHED, _LOCKED, _LAYOUT_EFFECTIVE = 1, 2, 4, 128
"""enum xkb_state_component."""

Modifiers = tuple[int, int, int, int]
"""Depressed, latched, locked, and the group."""


class _Names(ctypes.Structure):
    """struct xkb_rule_names."""

    _fields_ = tuple((name, c_char_p) for name in ("rules", "model", "layout", "variant", "options"))


@functools.cache
def _xkb() -> Any:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise Unavailable(f"{_LIBRARY} can't be used: {error}", hint="apt-get install libxkbcommon0") from error
    for name, result, arguments in (
        ("xkb_context_new", c_void_p, (c_int,)),
        ("xkb_context_set_log_level", None, (c_void_p, c_int)),
        ("xkb_keymap_new_from_names", c_void_p, (c_void_p, POINTER(_Names), c_int)),
        ("xkb_keymap_get_as_string", c_void_p, (c_void_p, c_int)),
        ("xkb_keymap_unref", None, (c_void_p,)),
        ("xkb_state_new", c_void_p, (c_void_p,)),
        ("xkb_state_unref", None, (c_void_p,)),
        ("xkb_state_update_key", c_int, (c_void_p, c_uint32, c_int)),
        ("xkb_state_serialize_mods", c_uint32, (c_void_p, c_int)),
        ("xkb_state_serialize_layout", c_uint32, (c_void_p, c_int)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


@functools.cache
def _libc_free() -> Any:
    free = ctypes.CDLL(None).free
    free.argtypes, free.restype = (c_void_p,), None
    return free


@functools.cache
def _context() -> Any:
    context = _xkb().xkb_context_new(_NO_ENVIRONMENT_NAMES)
    if not context:
        raise Unavailable("No keyboard layouts can be read", hint="apt-get install xkb-data")
    _xkb().xkb_context_set_log_level(context, 0)
    return context


class Keymap:
    """One layout, and which of its modifiers are on. One thread's."""

    def __init__(self, layout: str) -> None:
        """`de` or `us:dvorak`, as XKB names them; raises `Unsupported` where there is no such layout."""
        name, _, variant = layout.partition(":")
        names = _Names(b"evdev", b"pc105", name.encode(), variant.encode(), b"")
        self._library = _xkb()
        self._state = None
        self._keymap = self._library.xkb_keymap_new_from_names(_context(), ctypes.byref(names), 0)
        if not self._keymap:
            raise Unsupported(f"This keyboard layout can't be had: {layout}")
        self._state = self._library.xkb_state_new(self._keymap)
        text = self._library.xkb_keymap_get_as_string(self._keymap, _TEXT_V1)
        self.text = ctypes.string_at(text)
        """What a compositor reads."""
        _libc_free()(text)

    def unused(self) -> list[int]:
        """Evdev numbers of keys that write nothing, and that nobody presses."""
        named = {name: int(code) for name, code in _CODE.findall(self.text)}
        used = {named[name] for name in _USED.findall(self.text) if name in named}
        codes = range(_EVDEV_OFFSET + 1, _LAST_CODE + 1)
        return [code - _EVDEV_OFFSET for code in codes if code not in used and code - _EVDEV_OFFSET not in KNOWN_KEYS]

    def text_with(self, extra: Mapping[int, int]) -> bytes:
        """What a compositor reads where these unused keys write characters: key → character."""
        names = {int(code): name for name, code in _CODE.findall(self.text)}
        codes, keys = b"", b""
        for key, code_point in extra.items():
            code = key + _EVDEV_OFFSET
            name = names.get(code)
            if name is None:
                name = b"T%03d" % code
                codes += b"\t<%b> = %d;\n" % (name, code)
            keys += b"\tkey <%b> { [ U%04X ] };\n" % (name, code_point)
        return _with(_with(self.text, b"xkb_keycodes", codes), b"xkb_symbols", keys)

    def turn(self, code: int, *, is_down: bool) -> None:
        """A key, by evdev number, went down or up."""
        self._library.xkb_state_update_key(self._state, code + _EVDEV_OFFSET, int(is_down))

    @property
    def modifiers(self) -> Modifiers:
        """Those that are on."""
        mods, state = self._library.xkb_state_serialize_mods, self._state
        depressed, latched, locked = (mods(state, part) for part in (_DEPRESSED, _LATCHED, _LOCKED))
        return depressed, latched, locked, self._library.xkb_state_serialize_layout(state, _LAYOUT_EFFECTIVE)

    def __del__(self) -> None:
        if self._state:
            self._library.xkb_state_unref(self._state)
        if getattr(self, "_keymap", None):
            self._library.xkb_keymap_unref(self._keymap)


def _with(text: bytes, section: bytes, lines: bytes) -> bytes:
    """With these lines at the end of a section, whose own are indented."""
    end = text.index(b"\n};", text.index(b"\n" + section)) + 1
    return text[:end] + lines + text[end:]
