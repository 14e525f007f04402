"""GStreamer in a process of its own: run by the system's python3, which alone sees `gi`. It encodes, or it watches.

It imports nothing of this package and no third-party module but `gi`, and that only when it runs: the other side
(`process.py`) imports it for the framing that both speak. On a stream socket, whose descriptor is the child's
argument: u32 length, u8 kind, payload. The first message says which of both it does.

    → OPEN    JSON: pipeline, frame_bytes, bitrate_property, is_dmabuf; with the picture's memory as a descriptor
    ← READY   nothing
    → FRAME   u64 time in ns, u8 whether it is to be a keyframe: the picture as it is in its memory now
    ← UNIT    u8 whether it is a keyframe, then the access unit
    → BITRATE u32 in kbit/s

    → WATCH   JSON: pipeline, memory_bytes; with memory for one picture and PipeWire's socket as descriptors
    ← READY   nothing
    ← NEWS    u64 time in ns (monotonic clock): there is a picture that was not fetched; once, until one is
    → FETCH   nothing: the newest picture, please
    ← PICTURE u32 width, height and bytes from row to row, in pixels BGRX in the memory; width 0: there is none
    → PING    nothing
    ← PONG    nothing

    ← FAULT   text; the child ends

The child ends when its socket does.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import select
import socket
import struct
import sys
import time
from typing import Any

OPEN, READY, FRAME, UNIT, BITRATE, FAULT = range(1, 7)
WATCH, NEWS, FETCH, PICTURE, PING, PONG = range(7, 13)
HEAD = struct.Struct("<IB")
FRAME_FIELDS = struct.Struct("<QB")
BITRATE_FIELDS = struct.Struct("<I")
NEWS_FIELDS = struct.Struct("<Q")
PICTURE_FIELDS = struct.Struct("<III")
MOST_BYTES = 64 << 20
_UNIT_DEADLINE_NS = 5_000_000_000
_ROUND_NS = 100_000_000
_PIXEL_BYTES = 4
_GSTREAMER = "libgstreamer-1.0.so.0"


def send(connection: socket.socket, kind: int, payload: bytes = b"", descriptors: tuple[int, ...] = ()) -> None:
    """One message; raises OSError."""
    head = HEAD.pack(len(payload), kind)
    if descriptors:
        socket.send_fds(connection, [head], list(descriptors))
    else:
        connection.sendall(head)
    connection.sendall(payload)


def receive(connection: socket.socket, *, descriptors: int = 0) -> tuple[int, bytes, list[int]]:
    """The next message, with as many descriptors at most; raises EOFError, OSError, and ValueError for what is none."""
    found: list[int] = []
    if descriptors:
        head, found, _, _ = socket.recv_fds(connection, HEAD.size, descriptors)
        head += _exactly(connection, HEAD.size - len(head)) if head else b""
        if not head:
            raise EOFError
    else:
        head = _exactly(connection, HEAD.size)
    length, kind = HEAD.unpack(head)
    if length > MOST_BYTES:
        raise ValueError(f"A message of {length} bytes")
    return kind, _exactly(connection, length), found


def _exactly(connection: socket.socket, count: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < count:
        chunk = connection.recv(min(count - len(chunks), 1 << 20))
        if not chunk:
            raise EOFError
        chunks += chunk
    return bytes(chunks)


class _Encoder:
    """The running pipeline; GStreamer's own threads do the work."""

    def __init__(self, gst: Any, allocators: Any, video: Any, order: dict[str, Any], descriptor: int) -> None:
        self._gst, self._video = gst, video
        self._property = order["bitrate_property"]
        if order["is_dmabuf"]:
            self._allocator = allocators.DmaBufAllocator.new()
            self._memory = allocators.DmaBufAllocator.alloc(self._allocator, descriptor, order["frame_bytes"])
        else:
            self._allocator = allocators.FdAllocator.new()
            flags = allocators.FdMemoryFlags.KEEP_MAPPED
            self._memory = allocators.FdAllocator.alloc(self._allocator, descriptor, order["frame_bytes"], flags)
        self._pipeline = gst.parse_launch(order["pipeline"])
        self._source, self._sink = self._pipeline.get_by_name("in"), self._pipeline.get_by_name("out")
        self._encoder = self._pipeline.get_by_name("encoder")
        self._bus = self._pipeline.get_bus()
        if self._pipeline.set_state(gst.State.PLAYING) == gst.StateChangeReturn.FAILURE:
            raise RuntimeError(self.fault() or "The pipeline does not start")

    def encode(self, at_ns: int, *, is_keyframe: bool) -> tuple[bool, bytes]:
        gst = self._gst
        if is_keyframe:
            event = self._video.video_event_new_upstream_force_key_unit(gst.CLOCK_TIME_NONE, True, 0)
            self._sink.send_event(event)
        buffer = gst.Buffer.new()
        buffer.append_memory(self._memory)
        buffer.pts = buffer.dts = at_ns
        if self._source.emit("push-buffer", buffer) != gst.FlowReturn.OK:
            raise RuntimeError(self.fault() or "The pipeline takes no picture")
        for _ in range(_UNIT_DEADLINE_NS // _ROUND_NS):
            sample = self._sink.emit("try-pull-sample", _ROUND_NS)
            if sample is not None:
                break
            if (fault := self.fault()) is not None:
                raise RuntimeError(fault)
        else:
            raise RuntimeError("The encoder keeps a picture for itself")
        made = sample.get_buffer()
        is_key = not made.has_flags(gst.BufferFlags.DELTA_UNIT)
        return is_key, made.extract_dup(0, made.get_size())

    def set_bitrate(self, kbps: int) -> None:
        self._encoder.set_property(self._property, kbps)

    def fault(self) -> str | None:
        message = self._bus.pop_filtered(self._gst.MessageType.ERROR)
        return None if message is None else str(message.parse_error()[0].message)

    def close(self) -> None:
        self._pipeline.set_state(self._gst.State.NULL)


class _Screen:
    """A pipeline whose newest picture lies ready until it is fetched; older ones are forgotten."""

    def __init__(self, gst: Any, video: Any, order: dict[str, Any], memory: int, remote: int) -> None:
        self._gst, self._video = gst, video
        self._memory = mmap.mmap(memory, order["memory_bytes"])
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        # What `gi` hands out of a buffer is a copy; this is the only one that is made.
        self._extract = ctypes.CDLL(_GSTREAMER).gst_buffer_extract
        self._extract.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t)
        self._extract.restype = ctypes.c_size_t
        self.news_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._since_ns = 0
        self._pipeline = gst.parse_launch(order["pipeline"])
        source = self._pipeline.get_by_name("remote")
        if source is not None:
            source.set_property("fd", remote)
        self._sink = self._pipeline.get_by_name("out")
        self._sink.connect("new-sample", self._on_sample)
        self._bus = self._pipeline.get_bus()
        self.bus_fd = self._bus.get_pollfd().fd
        if self._pipeline.set_state(gst.State.PLAYING) == gst.StateChangeReturn.FAILURE:
            self.look()
            raise RuntimeError("The pipeline does not start")

    def _on_sample(self, _sink: Any) -> Any:
        """On a thread of GStreamer's: the picture stays in the sink, which holds one."""
        self._since_ns = self._since_ns or time.monotonic_ns()
        os.eventfd_write(self.news_fd, 1)
        return self._gst.FlowReturn.OK

    def news(self) -> bytes:
        """What to tell of the picture that has come."""
        os.eventfd_read(self.news_fd)
        return NEWS_FIELDS.pack(self._since_ns or time.monotonic_ns())

    def fetch(self) -> bytes:
        """Puts the newest picture into the memory, and tells its form."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.news_fd)  # those that came until now are in what is fetched now
        self._since_ns = 0
        sample = self._sink.emit("try-pull-sample", 0)
        if sample is None:
            return PICTURE_FIELDS.pack(0, 0, 0)
        buffer, size = sample.get_buffer(), sample.get_buffer().get_size()
        form = self._video.VideoInfo.new_from_caps(sample.get_caps())
        meta = self._video.buffer_get_video_meta(buffer)
        offset = meta.offset[0] if meta else 0
        stride = meta.stride[0] if meta else form.stride[0]
        if not meta and size != stride * form.height and size % form.height == 0:
            stride = size // form.height
        wanted = stride * (form.height - 1) + form.width * _PIXEL_BYTES
        if stride < form.width * _PIXEL_BYTES or max(wanted, stride * form.height) > len(self._memory):
            raise ValueError(f"A picture of {form.width}x{form.height} in rows of {stride} bytes")
        if self._extract(hash(buffer), offset, self._address, stride * form.height) < wanted:
            raise ValueError(f"A picture of {size} bytes, {wanted} wanted")
        return PICTURE_FIELDS.pack(form.width, form.height, stride)

    def look(self) -> None:
        """Reads what the pipeline said; raises RuntimeError when it was its end."""
        while (message := self._bus.pop()) is not None:
            if message.type == self._gst.MessageType.ERROR:
                raise RuntimeError(message.parse_error()[0].message)
            if message.type == self._gst.MessageType.EOS:
                raise RuntimeError("There are no pictures any more")

    def close(self) -> None:
        self._pipeline.set_state(self._gst.State.NULL)


def _encode(connection: socket.socket, pipeline: _Encoder) -> None:
    while True:
        kind, payload, _ = receive(connection)
        if kind == FRAME:
            at_ns, is_keyframe = FRAME_FIELDS.unpack(payload)
            is_key, unit = pipeline.encode(at_ns, is_keyframe=bool(is_keyframe))
            send(connection, UNIT, bytes([is_key]) + unit)
        elif kind == BITRATE:
            pipeline.set_bitrate(*BITRATE_FIELDS.unpack(payload))
        else:
            raise ValueError(f"There is no message {kind}")


def _watch(connection: socket.socket, screen: _Screen) -> None:
    poll = select.poll()
    for descriptor in (connection.fileno(), screen.bus_fd, screen.news_fd):
        poll.register(descriptor, select.POLLIN)
    while True:
        readable = {descriptor for descriptor, _ in poll.poll()}
        if screen.bus_fd in readable:
            screen.look()
        if screen.news_fd in readable:
            send(connection, NEWS, screen.news())
            poll.unregister(screen.news_fd)  # until it was fetched, more of them are none
        if connection.fileno() not in readable:
            continue
        kind, _, _ = receive(connection)
        if kind == FETCH:
            send(connection, PICTURE, screen.fetch())
            poll.register(screen.news_fd, select.POLLIN)
        elif kind == PING:
            send(connection, PONG)
        else:
            raise ValueError(f"There is no message {kind}")


def _serve(connection: socket.socket) -> None:
    import gi

    for name in ("Gst", "GstAllocators", "GstApp", "GstVideo"):
        gi.require_version(name, "1.0")
    from gi.repository import Gst, GstAllocators, GstApp, GstVideo

    del GstApp  # gives appsrc and appsink their signals
    Gst.init(None)
    kind, payload, descriptors = receive(connection, descriptors=2)
    pipeline: _Encoder | _Screen
    if (kind, len(descriptors)) == (OPEN, 1):
        pipeline = _Encoder(Gst, GstAllocators, GstVideo, json.loads(payload), descriptors[0])
    elif (kind, len(descriptors)) == (WATCH, 2):
        pipeline = _Screen(Gst, GstVideo, json.loads(payload), *descriptors)
    else:
        raise ValueError("The first message opens the pipeline")
    try:
        send(connection, READY)
        if isinstance(pipeline, _Encoder):
            _encode(connection, pipeline)
        else:
            _watch(connection, pipeline)
    finally:
        pipeline.close()


def main() -> int:
    """Serves the socket that it was started with."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    try:
        _serve(connection)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it was is told to the other side, and ends this process
        send(connection, FAULT, f"{type(error).__name__}: {error}".encode()[:4000])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
