"""A GStreamer pipeline of one encoder, in a process of its own: run by the system's python3, which alone sees `gi`.

It imports nothing of this package and no third-party module but `gi`, and that only when it runs: the other side
(`gstreamer.py`) imports it for the framing that both speak. On a stream socket, whose descriptor is the child's
argument: u32 length, u8 kind, payload.

    → OPEN    JSON: pipeline, frame_bytes, bitrate_property, is_dmabuf; with the picture's memory as a descriptor
    ← READY   nothing
    → FRAME   u64 time in ns, u8 whether it is to be a keyframe: the picture as it is in its memory now
    ← UNIT    u8 whether it is a keyframe, then the access unit
    → BITRATE u32 in kbit/s
    ← FAULT   text; the child ends

The child ends when its socket does.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from typing import Any

OPEN, READY, FRAME, UNIT, BITRATE, FAULT = range(1, 7)
HEAD = struct.Struct("<IB")
FRAME_FIELDS = struct.Struct("<QB")
BITRATE_FIELDS = struct.Struct("<I")
MOST_BYTES = 64 << 20
_UNIT_DEADLINE_NS = 5_000_000_000
_ROUND_NS = 100_000_000


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


class _Pipeline:
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


def _serve(connection: socket.socket) -> None:
    import gi

    for name in ("Gst", "GstAllocators", "GstApp", "GstVideo"):
        gi.require_version(name, "1.0")
    from gi.repository import Gst, GstAllocators, GstApp, GstVideo

    del GstApp  # gives appsrc and appsink their signals
    Gst.init(None)
    kind, payload, descriptors = receive(connection, descriptors=1)
    if kind != OPEN or len(descriptors) != 1:
        raise ValueError("The first message opens the pipeline")
    pipeline = _Pipeline(Gst, GstAllocators, GstVideo, json.loads(payload), descriptors[0])
    try:
        send(connection, READY)
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
