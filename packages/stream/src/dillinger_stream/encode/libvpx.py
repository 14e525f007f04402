"""libvpx, by ctypes: VP8 and VP9 for streams. PyAV, which brings the library, has no quantizer for each picture.

`vpx_codec_enc_init_ver` refuses another version of the interface than the one that the layouts below are of
(vpx_encoder.h of libvpx 1.16); what is read of the configuration is checked once more before it is used. A codec
belongs to one thread; a call lets others run.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import (
    POINTER,
    Structure,
    byref,
    c_char,
    c_int,
    c_int64,
    c_long,
    c_size_t,
    c_uint,
    c_uint32,
    c_ulong,
    c_void_p,
)
from typing import Any

from dillinger_contracts.session import VideoFormat

from .base import EncoderError, EncoderSettings, EncoderUnavailable
from .bundled import load

_INTERFACE_VERSION = 39
_HINT = "Install PyAV's own wheel"
_I420 = 0x102
_REALTIME = 1
_CBR = 1
_ENOUGH_KBPS = 1_000_000
_FORCE_KEYFRAME = 1
_FRAME_PACKET = 0
_FRAME_IS_KEY = 1
_CPU_USED, _COLOR_SPACE, _QUANTIZER = 13, 46, 75
_BT_601 = 1
_CONTROLS: dict[VideoFormat, dict[int, int]] = {
    "vp8": {_CPU_USED: -10},
    "vp9": {_CPU_USED: 8, _COLOR_SPACE: _BT_601},
}
CODEC_STRINGS: dict[VideoFormat, str] = {"vp8": "vp8", "vp9": "vp09.00.51.08"}
_DEFAULTS = {
    "width": 320,
    "height": 240,
    "timebase_den": 30,
    "bitrate_kbps": 256,
    "most_quantizer": 63,
    "keyframe_gap": 128,
}
"""What the library's own default configuration is known to say, from its first field to the last one that is used."""


class _Configuration(Structure):
    """vpx_codec_enc_cfg_t, as far as the last field that is written; the rest is layers."""

    _fields_ = (
        ("_usage", c_uint), ("threads", c_uint), ("_profile", c_uint), ("width", c_uint), ("height", c_uint),
        ("_depths", c_uint * 2), ("timebase_num", c_int), ("timebase_den", c_int), ("_resilience", c_uint),
        ("_pass", c_uint), ("lag", c_uint), ("drop_threshold", c_uint), ("_resize", c_uint * 5),
        ("rate_control", c_uint),
        ("_statistics", c_void_p), ("_statistics_size", c_size_t), ("_block_statistics", c_void_p),
        ("_block_statistics_size", c_size_t), ("bitrate_kbps", c_uint), ("least_quantizer", c_uint),
        ("most_quantizer", c_uint), ("_buffers", c_uint * 5), ("_passes", c_uint * 4), ("keyframe_mode", c_uint),
        ("_keyframe_least_gap", c_uint), ("keyframe_gap", c_uint), ("_rest", c_char * 4096),
    )  # fmt: skip


class _Packet(Structure):
    """vpx_codec_cx_pkt_t, of a frame."""

    _fields_ = (
        ("kind", c_int), ("data", c_void_p), ("size", c_size_t), ("_pts", c_int64), ("_duration", c_ulong),
        ("flags", c_uint32), ("_rest", c_char * 128),
    )  # fmt: skip


@functools.cache
def _library() -> Any:
    """The loaded library; raises `EncoderUnavailable`."""
    library = load("libvpx", "vpx", symbol="vpx_codec_enc_init_ver", hint=_HINT)
    library.vpx_codec_vp8_cx.restype = library.vpx_codec_vp9_cx.restype = c_void_p
    library.vpx_codec_enc_config_default.argtypes = (c_void_p, c_void_p, c_uint)
    library.vpx_codec_enc_init_ver.argtypes = (c_void_p, c_void_p, c_void_p, c_long, c_int)
    library.vpx_codec_enc_config_set.argtypes = (c_void_p, c_void_p)
    library.vpx_codec_control_.argtypes = (c_void_p, c_int)
    library.vpx_codec_encode.argtypes = (c_void_p, c_void_p, c_int64, c_ulong, c_long, c_ulong)
    library.vpx_codec_get_cx_data.argtypes = (c_void_p, c_void_p)
    library.vpx_codec_get_cx_data.restype = POINTER(_Packet)
    library.vpx_codec_destroy.argtypes = (c_void_p,)
    library.vpx_img_wrap.argtypes = (c_void_p, c_int, c_uint, c_uint, c_uint, c_void_p)
    library.vpx_img_wrap.restype = c_void_p
    library.vpx_codec_version_str.restype = ctypes.c_char_p
    return library


def version() -> str:
    """The library's own word; raises `EncoderUnavailable`."""
    return str(_library().vpx_codec_version_str().decode())


def _default(library: Any, interface: int) -> _Configuration:
    configuration = _Configuration()
    refusal = library.vpx_codec_enc_config_default(interface, byref(configuration), 0)
    if refusal or any(getattr(configuration, name) != value for name, value in _DEFAULTS.items()):
        raise EncoderUnavailable("This libvpx lays its configuration out in another way", hint=_HINT)
    return configuration


class VpxCodec:
    """One open encoder over one I420 picture that stays where it is."""

    def __init__(self, settings: EncoderSettings, picture: Any) -> None:
        """Raises `EncoderUnavailable`."""
        self.codec_string = CODEC_STRINGS[settings.format]
        self._library = library = _library()
        self._picture = picture
        width, height = settings.coded_px
        interface = library.vpx_codec_vp8_cx() if settings.format == "vp8" else library.vpx_codec_vp9_cx()
        self._configuration = configuration = _default(library, interface)
        configuration.width, configuration.height, configuration.threads = width, height, 1
        configuration.lag, configuration.drop_threshold, configuration.keyframe_mode = 0, 0, 0
        # Its own rate control finds the only quantizer that it may take, and a bitrate that always allows it.
        configuration.rate_control, configuration.bitrate_kbps = _CBR, _ENOUGH_KBPS
        configuration.timebase_num, configuration.timebase_den = 1000, round(settings.rate_hz * 1000)
        self._is_vp8 = settings.format == "vp8"
        self._context: Any = ctypes.create_string_buffer(1024)
        if refusal := library.vpx_codec_enc_init_ver(
            self._context, interface, byref(configuration), 0, _INTERFACE_VERSION
        ):
            self._context = None
            raise EncoderUnavailable(f"libvpx can't be opened for {width}x{height} pixels ({refusal})", hint=_HINT)
        self._image = ctypes.create_string_buffer(1024)
        library.vpx_img_wrap(self._image, _I420, width, height, 1, picture.ctypes.data)
        for control, value in _CONTROLS[settings.format].items():
            if refusal := library.vpx_codec_control_(self._context, control, c_int(value)):
                self.close()
                raise EncoderUnavailable(f"libvpx refuses its control {control} ({refusal})", hint=_HINT)
        self._pts = 0

    def encode(self, level: int, *, is_keyframe: bool) -> tuple[bytes, bool]:
        """The picture as it is now, and whether it became a keyframe; raises `EncoderError`."""
        if self._context is None:
            raise EncoderError("The encoder is closed")
        library = self._library
        self._set_quantizer(level)
        flags = _FORCE_KEYFRAME if is_keyframe else 0
        if refusal := library.vpx_codec_encode(self._context, self._image, self._pts, 1, flags, _REALTIME):
            raise EncoderError(f"libvpx refused a picture ({refusal})")
        self._pts += 1
        place = c_void_p()
        parts, became_key = [], False
        while packet := library.vpx_codec_get_cx_data(self._context, byref(place)):
            if packet[0].kind == _FRAME_PACKET:
                parts.append(ctypes.string_at(packet[0].data, packet[0].size))
                became_key = became_key or bool(packet[0].flags & _FRAME_IS_KEY)
        if not parts:
            raise EncoderError("libvpx gave nothing for one frame")
        return b"".join(parts), became_key

    def close(self) -> None:
        """Frees everything; idempotent."""
        context, self._context = self._context, None
        if context is not None:
            self._library.vpx_codec_destroy(context)

    def __del__(self) -> None:
        if getattr(self, "_context", None) is not None:
            self.close()

    def _set_quantizer(self, level: int) -> None:
        if self._is_vp8:
            configuration = self._configuration
            configuration.least_quantizer = configuration.most_quantizer = level
            refusal = self._library.vpx_codec_enc_config_set(self._context, byref(configuration))
        else:
            refusal = self._library.vpx_codec_control_(self._context, _QUANTIZER, c_int(level))
        if refusal:
            raise EncoderError(f"libvpx refuses the quantizer {level} ({refusal})")
