"""Pixels → encoder → network, and input back. Knows no seat and no runner, and is usable alone.

Threads: the video pipeline has one of its own (capture, convert, encode), sound has one, transports and signaling live
on the asyncio loop. Raw pixels never leave the pipeline's thread; between stages waits at most one frame: the
newest wins.
"""
