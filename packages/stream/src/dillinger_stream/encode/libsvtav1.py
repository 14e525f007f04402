"""SVT-AV1, by ctypes: AV1 with low delay. PyAV, which brings the library, has no quantizer for each picture, and may
hand a picture out one later.

Everything is set by the library's text parameters; only the header of a picture (EbSvtAv1.h of version 4) is laid out
here, and a library of another version is refused. A codec belongs to one thread; a call lets others run. The library
has threads of its own: `lp=1` is the fewest.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from ctypes import POINTER, Structure, addressof, byref, c_char_p, c_double, c_int, c_int64, c_void_p, sizeof
from ctypes import c_uint8 as u8
from ctypes import c_uint32 as u32
from ctypes import c_uint64 as u64
from queue import Empty, SimpleQueue
from typing import Any

from .base import EncoderError, EncoderSettings, EncoderUnavailable
from .bundled import load

_MAJOR_VERSION = "v4."
_HINT = "Install PyAV's own wheel"
_CONFIGURATION_BYTES = 65_536
"""More than the library's structure has, which grows from version to version."""
_ANSWERS_WITHIN_S = 10.0
_KEY_PICTURE, _ANY_PICTURE = 3, 0xFF
_END = 1
_PRESET = 9
"""The quickest of the real-time ones that can be trusted: quicker ones leave blocks out that changed little in luma."""
_OPTIONS = {
    "preset": _PRESET, "rtc": 1, "pred-struct": 1, "hierarchical-levels": 0, "lookahead": 0, "lp": 1, "keyint": -1,
    "scd": 0, "enable-force-key-frames": 1, "rc": 0, "aq-mode": 0, "use-q-file": 1,
    "color-primaries": 1, "transfer-characteristics": 1, "matrix-coefficients": 6, "color-range": 0,
}  # fmt: skip
_MOST_1080P60, _MOST_4K60 = 1920 * 1088, 3840 * 2176


class _Planes(Structure):
    _fields_ = (
        ("luma", c_void_p), ("blue", c_void_p), ("red", c_void_p),
        ("luma_stride", u32), ("red_stride", u32), ("blue_stride", u32),
    )  # fmt: skip


class _Header(Structure):
    """EbBufferHeaderType."""

    _fields_ = (
        ("size", u32), ("buffer", c_void_p), ("filled", u32), ("_allocated", u32), ("_events", c_void_p),
        ("_wrapper", c_void_p), ("_ticks", u32), ("_dts", c_int64), ("pts", c_int64), ("_layer", u8),
        ("quantizer", u32), ("_mean_quantizer", u32), ("kind", c_int), ("_errors", u64 * 3),
        ("flags", u32), ("_similarities", c_double * 3), ("_metadata", c_void_p),
    )  # fmt: skip


@functools.cache
def _library() -> Any:
    """The loaded library; raises `EncoderUnavailable`."""
    os.environ.setdefault("SVT_LOG", "1")  # errors only: it writes to the process's own output
    library = load("libSvtAv1Enc", "SvtAv1Enc", symbol="svt_av1_enc_parse_parameter", hint=_HINT)
    library.svt_av1_get_version.restype = c_char_p
    found = library.svt_av1_get_version().decode()
    if not found.startswith(_MAJOR_VERSION):
        raise EncoderUnavailable(f"This is SVT-AV1 {found}; version 4 is known", hint=_HINT)
    library.svt_av1_enc_init_handle.argtypes = (c_void_p, c_void_p)
    library.svt_av1_enc_parse_parameter.argtypes = (c_void_p, c_char_p, c_char_p)
    library.svt_av1_enc_set_parameter.argtypes = (c_void_p, c_void_p)
    for name in ("init", "deinit", "deinit_handle"):
        getattr(library, f"svt_av1_enc_{name}").argtypes = (c_void_p,)
    library.svt_av1_enc_send_picture.argtypes = (c_void_p, c_void_p)
    library.svt_av1_enc_get_packet.argtypes = (c_void_p, c_void_p, u8)
    library.svt_av1_enc_release_out_buffer.argtypes = (c_void_p,)
    return library


def version() -> str:
    """The library's own word; raises `EncoderUnavailable`."""
    return str(_library().svt_av1_get_version().decode())


class SvtAv1Codec:
    """One open encoder over one I420 picture that stays where it is."""

    def __init__(self, settings: EncoderSettings, picture: Any) -> None:
        """Raises `EncoderUnavailable`."""
        self._library = library = _library()
        self._picture = picture
        self._handle: Any = None
        width, height = settings.coded_px
        self.codec_string = _codec_string(width, height)
        configuration = ctypes.create_string_buffer(_CONFIGURATION_BYTES)
        handle = c_void_p()
        if refusal := library.svt_av1_enc_init_handle(byref(handle), configuration):
            raise EncoderUnavailable(f"SVT-AV1 does not start ({_word(refusal)})", hint=_HINT)
        options = _OPTIONS | {
            "width": width, "height": height, "fps-num": round(settings.rate_hz * 1000), "fps-denom": 1000,
        }  # fmt: skip
        for name, value in options.items():
            if library.svt_av1_enc_parse_parameter(configuration, name.encode(), str(value).encode()):
                library.svt_av1_enc_deinit_handle(handle)
                raise EncoderUnavailable(f"SVT-AV1 refuses {name}={value}", hint=_HINT)
        refusal = library.svt_av1_enc_set_parameter(handle, configuration) or library.svt_av1_enc_init(handle)
        if refusal:
            library.svt_av1_enc_deinit_handle(handle)
            message = f"SVT-AV1 can't be opened for {width}x{height} pixels ({_word(refusal)})"
            raise EncoderUnavailable(message, hint=_HINT)
        self._handle = handle
        self._frame_bytes = width * height * 3 // 2
        start, luma = picture.ctypes.data, width * height
        self._planes = _Planes(start, start + luma, start + luma * 5 // 4, width, width // 2, width // 2)
        self._in = _Header(size=sizeof(_Header), buffer=addressof(self._planes))
        self._out = POINTER(_Header)()
        self._pts = 0
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._answered: SimpleQueue[int] = SimpleQueue()
        waits = (library.svt_av1_enc_get_packet, handle, self._out, self._asked, self._answered)
        threading.Thread(target=_await_packets, args=waits, name="svt-av1", daemon=True).start()

    def encode(self, level: int, *, is_keyframe: bool) -> tuple[bytes, bool]:
        """The picture as it is now, and whether it became a keyframe; raises `EncoderError`."""
        if self._handle is None:
            raise EncoderError("The encoder is closed")
        header, library = self._in, self._library
        header.pts, header.filled = self._pts, self._frame_bytes
        header.kind = _KEY_PICTURE if is_keyframe else _ANY_PICTURE
        header.quantizer = max(level, 1)  # 0 would be lossless
        self._pts += 1
        if refusal := library.svt_av1_enc_send_picture(self._handle, byref(header)):
            raise EncoderError(f"SVT-AV1 refused a picture ({_word(refusal)})")
        if refusal := self._packet():
            raise EncoderError(f"SVT-AV1 gave nothing for one frame ({_word(refusal)})")
        made = self._out[0]
        coded = ctypes.string_at(made.buffer, made.filled), made.kind == _KEY_PICTURE
        library.svt_av1_enc_release_out_buffer(byref(self._out))
        return coded

    def _packet(self) -> int:
        """Waits for what was sent; the library's own word. Raises `EncoderError` where its threads wait for each other,
        which they were seen to do once: that one is left as it is, since ending it would wait with them."""
        self._asked.put(True)
        try:
            return self._answered.get(timeout=_ANSWERS_WITHIN_S)
        except Empty:
            self._handle = None
            raise EncoderError(f"SVT-AV1 made nothing of a picture in {_ANSWERS_WITHIN_S:g} s") from None

    def close(self) -> None:
        """Frees everything; idempotent."""
        handle, self._handle = self._handle, None
        if handle is not None:
            self._asked.put(False)
            self._end(handle)
            self._library.svt_av1_enc_deinit(handle)
            self._library.svt_av1_enc_deinit_handle(handle)

    def _end(self, handle: Any) -> None:
        """The library complains at being closed in the middle of a stream."""
        last = _Header(size=sizeof(_Header), flags=_END, kind=_ANY_PICTURE)
        if self._library.svt_av1_enc_send_picture(handle, byref(last)):
            return
        while not self._library.svt_av1_enc_get_packet(handle, byref(self._out), 1):
            is_last = bool(self._out[0].flags & _END)
            self._library.svt_av1_enc_release_out_buffer(byref(self._out))
            if is_last:
                return

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()


def _await_packets(get: Any, handle: Any, out: Any, asked: SimpleQueue[bool], answered: SimpleQueue[int]) -> None:
    """On a thread of its own, since the library waits without a deadline; until it is asked no more."""
    while asked.get():
        answered.put(get(handle, byref(out), 0))


def _word(refusal: int) -> str:
    return f"{refusal & 0xFFFFFFFF:#x}"


def _codec_string(width_px: int, height_px: int) -> str:
    """Main profile, 8 bit, at the level that allows 60 such pictures a second (AV1 specification, annex A.3)."""
    pixels = width_px * height_px
    level = "09" if pixels <= _MOST_1080P60 else "13" if pixels <= _MOST_4K60 else "17"
    return f"av01.0.{level}M.08"
