"""What the kernel tells of a connection: read from a real one."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path

from apps.core.tests.core_house import House
from apps.core.tests.test_core_relay import play, seat_at, stream
from websockets.asyncio.server import ServerConnection

from dillinger_contracts.signaling import TcpPath, parse_from_browser
from dillinger_contracts.tcp_path import TcpCounters, parse_counters, read_counters, report


def test_a_real_connection_is_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as far:
        near, _ = server.accept()
        with near:
            before = read_counters(near)
            assert before is not None
            near.sendall(bytes(10_000))
            received = 0
            while received < 10_000:
                received += len(far.recv(65_536))
            deadline_s = time.monotonic() + 30
            while (after := read_counters(near)) is not None and after.acked_bytes - before.acked_bytes < 10_000:
                assert time.monotonic() < deadline_s  # an acknowledgement may be held back for some milliseconds
            assert after is not None
            assert after.acked_bytes - before.acked_bytes == 10_000
            assert after.sent_segments > before.sent_segments
            assert after.unsent_bytes == 0
            assert 0 < after.rtt_us < 60_000_000


def test_unsent_bytes_are_counted_while_nobody_reads() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        near, _ = server.accept()
        with near:
            near.setblocking(False)
            try:
                while True:
                    near.send(bytes(65_536))
            except BlockingIOError:
                counters = read_counters(near)
            assert counters is not None
            assert counters.unsent_bytes > 100_000


def test_what_is_no_tcp_connection_tells_nothing() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert read_counters(one) is None
    assert parse_counters(bytes(100)) is None, "an older kernel's answer is shorter"


def test_a_report_is_what_happened_since_the_one_before() -> None:
    before = TcpCounters(50_000, 10, 1_000, 0, 500, 2)
    now = TcpCounters(60_000, 15, 26_000, 3_000, 600, 4)
    path = report(before, now, interval_s=0.1, buffered_bytes=500)
    assert (path.rtt_ms, path.acked_bytes, path.queued_bytes) == (60.0, 25_000, 3_500)
    assert (path.sent_segments, path.resent_segments, path.duplicate_segments) == (100, 5, 2)


async def test_the_seat_is_told_while_its_stream_runs(house: House, tmp_path: Path) -> None:
    told: asyncio.Queue[TcpPath] = asyncio.Queue()

    async def seat(connection: ServerConnection) -> None:
        async def send() -> None:
            while True:
                await connection.send(bytes(1000))
                await asyncio.sleep(0.01)

        sending = asyncio.create_task(send())
        try:
            async for message in connection:
                signal = parse_from_browser(message)
                assert isinstance(signal, TcpPath)
                assert signal.relay_ms is not None, "and how long core holds what it passes on"
                told.put_nowait(signal)
        finally:
            sending.cancel()

    async with house.admin() as client, seat_at(house, tmp_path, seat):
        session_id = await play(client)
        async with stream(house, client, session_id) as browser, asyncio.timeout(30):
            for _ in range(20):
                assert isinstance(await browser.recv(), bytes), "the browser hears nothing of it"
            path = await told.get()
    assert path.acked_bytes > 0
    assert json.loads(path.model_dump_json())["type"] == "tcp_path"
