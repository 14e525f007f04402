"""libx264 itself, by ctypes: PyAV, which brings it, has neither a quantizer for each picture nor a way to say which
blocks did not change.

The symbol `x264_encoder_open_165` is the library's own seal on the layouts below (x264.h, X264_BUILD 165); what is read
of its large parameter structure is checked once more before it is used. Everything else goes through its text
parameters. Leaves rate control and pictures to `x264.py`. A codec belongs to one thread; a call lets others run.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Mapping
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_float, c_int, c_int64, c_uint8, c_void_p
from typing import Any

from .base import EncoderError, EncoderUnavailable
from .bundled import load

BLOCK_PX = 16
UNCHANGED = 1
"""In a codec's block map: this block is as it was in the last picture."""
_BUILD = 165
_TYPE_AUTO, _TYPE_IDR = 0, 1
_CSP_I420, _CSP_I444 = 2, 12
_LAYOUT_TRIAL = {"threads": 3, "merange": 77, "deadzone-inter": 13, "deadzone-intra": 7}
"""Parameters around those that are written in place: set as text, they must be found where the layout has them."""


class _Parameters(Structure):
    """x264_param_t, as far as the last field that is written in place."""

    _fields_ = (
        ("cpu", c_int), ("threads", c_int), ("_threading", c_int * 5),
        ("width", c_int), ("height", c_int), ("csp", c_int), ("bitdepth", c_int), ("_frame", c_int * 3),
        ("_vui", c_int * 9), ("_references", c_int * 6), ("_b_frames", c_int * 8), ("_deblocking", c_int * 3),
        ("_entropy", c_int * 2), ("_fields", c_int * 2), ("_matrix", c_int), ("_matrix_file", c_char_p),
        ("_matrices", c_uint8 * 320), ("_log", c_void_p * 2), ("_log_level", c_int), ("_full_recon", c_int),
        ("_dump", c_char_p), ("_partitions", c_int * 6), ("_chroma_offset", c_int), ("_search", c_int),
        ("search_range", c_int), ("_motion", c_int * 9), ("_psy", c_float * 2), ("_is_psy", c_int),
        ("has_block_map", c_int), ("_updates_block_map", c_int), ("deadzones", c_int * 2),
        ("_rest", c_char * 4096),
    )  # fmt: skip


class _Nal(Structure):
    _fields_ = (
        ("_kind", c_int * 2), ("_startcode", c_int), ("_blocks", c_int * 2), ("_size", c_int),
        ("payload", c_void_p), ("_padding", c_int),
    )  # fmt: skip


class _Picture(Structure):
    """x264_picture_t; from `_quality` on: what is measured, timing, messages."""

    _fields_ = (
        ("type", c_int), ("quantizer_plus_1", c_int), ("_structure", c_int), ("is_keyframe", c_int),
        ("pts", c_int64), ("_dts", c_int64), ("_parameters", c_void_p),
        ("csp", c_int), ("planes", c_int), ("strides", c_int * 4), ("plane", c_void_p * 4),
        ("_offsets", c_void_p * 2), ("block_map", c_void_p), ("_block_map_free", c_void_p),
        ("_quality", c_double * 6), ("_timing", c_double * 4), ("_messages", c_void_p * 3), ("_opaque", c_void_p),
    )  # fmt: skip


@functools.cache
def _library() -> Any:
    """The loaded library; raises `EncoderUnavailable`."""
    symbol = f"x264_encoder_open_{_BUILD}"
    library = load("libx264", "x264", symbol=symbol, hint="Install PyAV's own wheel")
    library.x264_param_parse.argtypes = (c_void_p, c_char_p, c_char_p)
    library.x264_param_default_preset.argtypes = (c_void_p, c_char_p, c_char_p)
    library.x264_param_apply_profile.argtypes = (c_void_p, c_char_p)
    library.x264_param_cleanup.argtypes = (c_void_p,)
    library.x264_picture_init.argtypes = (c_void_p,)
    library.x264_encoder_encode.argtypes = (c_void_p,) * 5
    library.x264_encoder_close.argtypes = (c_void_p,)
    opener = getattr(library, symbol)
    opener.argtypes, opener.restype = (c_void_p,), c_void_p
    library.x264_encoder_open = opener
    _check_layout(library)
    return library


def _check_layout(library: Any) -> None:
    trial = _Parameters()
    library.x264_param_default_preset(byref(trial), b"ultrafast", b"zerolatency")
    for name, value in _LAYOUT_TRIAL.items():
        library.x264_param_parse(byref(trial), name.encode(), str(value).encode())
    seen = (trial.threads, trial.search_range, *trial.deadzones, trial.csp, trial.bitdepth, trial.has_block_map)
    library.x264_param_cleanup(byref(trial))
    if seen != (*_LAYOUT_TRIAL.values(), _CSP_I420, 8, 0):
        raise EncoderUnavailable("This libx264 lays its parameters out in another way", hint="Install PyAV's own wheel")


class Codec:
    """One open encoder over one I420 or I444 picture that stays where it is."""

    def __init__(
        self, width_px: int, height_px: int, picture: Any, block_map: Any, options: Mapping[str, str],
        *, profile: str = "baseline",
    ) -> None:  # fmt: skip
        """`picture` is a contiguous array (I444 for the profile high444, I420 otherwise), `block_map` one byte a block
        of 16 px, row after row, both kept alive here. Starts from the preset ultrafast, tuned for no latency; raises
        `EncoderUnavailable`."""
        is_full_chroma = profile == "high444"
        self._library = library = _library()
        self._held = (picture, block_map)
        parameters = _Parameters()
        library.x264_param_default_preset(byref(parameters), b"ultrafast", b"zerolatency")
        parameters.width, parameters.height, parameters.has_block_map = width_px, height_px, 1
        parameters.csp = _CSP_I444 if is_full_chroma else _CSP_I420
        for name, value in options.items():
            if library.x264_param_parse(byref(parameters), name.encode(), value.encode()):
                raise EncoderUnavailable(f"libx264 refuses {name}={value}", hint="Install PyAV's own wheel")
        library.x264_param_apply_profile(byref(parameters), profile.encode())
        self._encoder = library.x264_encoder_open(byref(parameters))
        library.x264_param_cleanup(byref(parameters))
        if not self._encoder:
            raise EncoderUnavailable(
                f"libx264 can't be opened for {width_px}x{height_px} pixels", hint="Use a smaller picture"
            )
        self._in, self._out = _Picture(), _Picture()
        library.x264_picture_init(byref(self._in))
        chroma_width_px, chroma_height_px = (width_px, height_px) if is_full_chroma else (width_px // 2, height_px // 2)
        luma, chroma = width_px * height_px, chroma_width_px * chroma_height_px
        start = picture.ctypes.data
        self._in.csp, self._in.planes = parameters.csp, 3
        self._in.strides[:3] = (width_px, chroma_width_px, chroma_width_px)
        self._in.plane[:3] = (start, start + luma, start + luma + chroma)
        self._in.block_map = block_map.ctypes.data
        self._nals, self._count = POINTER(_Nal)(), c_int()
        self._arguments = (self._encoder, byref(self._nals), byref(self._count), byref(self._in), byref(self._out))

    def encode(self, quantizer: int, *, is_keyframe: bool) -> tuple[bytes, bool]:
        """The picture as it is now, in Annex B, and whether it became a keyframe; raises `EncoderError`."""
        if self._encoder is None:
            raise EncoderError("The encoder is closed")
        self._in.type = _TYPE_IDR if is_keyframe else _TYPE_AUTO
        self._in.quantizer_plus_1 = quantizer + 1
        size = self._library.x264_encoder_encode(*self._arguments)
        if size <= 0:
            raise EncoderError(f"libx264 gave {size} bytes for one frame")
        self._in.pts += 1
        return ctypes.string_at(self._nals[0].payload, size), bool(self._out.is_keyframe)

    def close(self) -> None:
        """Frees everything; idempotent."""
        encoder, self._encoder = self._encoder, None
        if encoder is not None:
            self._library.x264_encoder_close(encoder)

    def __del__(self) -> None:
        if getattr(self, "_encoder", None) is not None:
            self.close()
