"""What xcffib lacks, by ctypes over libxcb: a connection over our own socket, and a segment attached by descriptor.

The segment is memory of our own (`sealed`); one made by the server (CreateSegment) is never used.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np
import xcffib
from xcffib.ffi import ffi

from .sealed import sealed_memory


class _AuthInfo(ctypes.Structure):
    _fields_ = (
        ("namelen", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("datalen", ctypes.c_int),
        ("data", ctypes.c_char_p),
    )


class _VoidCookie(ctypes.Structure):
    _fields_ = (("sequence", ctypes.c_uint),)


def _load_xcb() -> ctypes.CDLL:
    library = ctypes.CDLL("libxcb.so.1")
    library.xcb_connect_to_fd.argtypes = (ctypes.c_int, ctypes.POINTER(_AuthInfo))
    library.xcb_connect_to_fd.restype = ctypes.c_void_p
    library.xcb_disconnect.argtypes = (ctypes.c_void_p,)
    library.xcb_disconnect.restype = None
    return library


def _load_xcb_shm() -> ctypes.CDLL:
    library = ctypes.CDLL("libxcb-shm.so.0")
    library.xcb_shm_attach_fd.argtypes = (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint8)
    library.xcb_shm_attach_fd.restype = _VoidCookie
    return library


def connect_to_fd(fd: int, auth_cookie: bytes | None) -> Any:
    """An xcffib connection over the connected socket `fd`, which libxcb owns from here on.

    Blocks for the server's answer. Raises xcffib's ConnectionException when the server refuses.
    """
    auth = None
    if auth_cookie is not None:
        name = b"MIT-MAGIC-COOKIE-1"
        auth = ctypes.byref(_AuthInfo(len(name), name, len(auth_cookie), auth_cookie))
    xcb = _load_xcb()
    pointer = xcb.xcb_connect_to_fd(fd, auth)
    try:
        return xcffib.wrap(pointer)  # type: ignore[no-untyped-call]
    except BaseException:
        xcb.xcb_disconnect(pointer)
        raise


class SealedSegment:
    """A memfd of `size_bytes`, mapped here and attached to a display server.

    The attach request is unchecked: a server that refused it refuses the first GetImage.
    """

    def __init__(self, connection: Any, size_bytes: int) -> None:
        """`connection` is xcffib's; does not wait for the server."""
        self.size_bytes = size_bytes
        descriptor, self._mapping = sealed_memory(size_bytes)
        try:
            self.segment_id: int = connection.generate_id()
            pointer = int(ffi.cast("uintptr_t", connection._conn))
        except BaseException:
            os.close(descriptor)
            raise
        # libxcb closes the descriptor when it has sent it.
        _load_xcb_shm().xcb_shm_attach_fd(pointer, self.segment_id, descriptor, 0)
        self._bytes = np.frombuffer(self._mapping, dtype=np.uint8)

    def pixels(self, width_px: int, height_px: int, first_px: int = 0) -> Any:
        """A (height, width, 4) view of the pixels from the `first_px`-th on; no copy."""
        return self._bytes[first_px * 4 : (first_px + width_px * height_px) * 4].reshape(height_px, width_px, 4)

    def close(self) -> None:
        """Lets go of the mapping, which ends with its last view; the server's side ends with its connection."""
        self._bytes = np.empty(0, dtype=np.uint8)
        self._mapping = None  # type: ignore[assignment]
