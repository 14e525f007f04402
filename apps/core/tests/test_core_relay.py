"""The relay: a browser's socket on one side, a seat's unix socket on the other, and nothing changed on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apps.core.tests.core_house import WITHIN_S, House, StandInRunner, add_user, open_house, until, until_async
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from dillinger_contracts import EndReason
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_core.settings import CoreSettings

Seat = Callable[[ServerConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def seat_at(house: House, tmp_path: Path, seat: Seat) -> AsyncIterator[None]:
    path = str(tmp_path / "s")
    house.runner.stream_path = path
    async with unix_serve(seat, path, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None, max_size=1 << 24):
        yield


async def play(client: httpx2.AsyncClient) -> str:
    session_id: str = (await client.post("/api/v1/sessions", json={"game_id": "testcard"})).json()["session_id"]
    return session_id


def stream(house: House, client: httpx2.AsyncClient, session_id: str, **extra: Any) -> connect:
    url = house.url.replace("http", "ws") + f"/api/v1/sessions/{session_id}/stream"
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    options: dict[str, Any] = {
        "subprotocols": [Subprotocol(SUBPROTOCOL)],
        "origin": house.url,
        "additional_headers": {"Cookie": cookie} if cookie else {},
        "max_size": 1 << 24,
        "proxy": None,
        **extra,
    }
    return connect(url, **options)


async def echo(seat: ServerConnection) -> None:
    async for message in seat:
        if '"tcp_path"' not in str(message):  # the relay's own word, ten times a second
            await seat.send(message)


async def closed(socket: ClientConnection) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as error:
        async with asyncio.timeout(WITHIN_S):
            while True:
                await socket.recv()
    frame = error.value.rcvd
    assert frame is not None
    return frame.code, frame.reason


async def test_messages_pass_both_ways_as_they_are(house: House, tmp_path: Path) -> None:
    async with house.admin() as client, seat_at(house, tmp_path, echo):
        async with stream(house, client, await play(client)) as socket:
            assert socket.subprotocol == SUBPROTOCOL
            for message in ('{"type":"hello"}', b"\x01\x02", "ünïcode", b"", "", bytes(60_000)):
                await socket.send(message)
                assert await socket.recv() == message
        figures = (await client.get("/api/v1/metrics")).text
        assert 'dillinger_core_relayed_messages_total{direction="up"} 6.0' in figures


async def test_keyframes_of_many_sizes_arrive_in_order(house: House, tmp_path: Path) -> None:
    sizes = [0, 1, 125, 126, 65_535, 65_536, 400_000, 4_000_000, 10]

    async def sender(seat: ServerConnection) -> None:
        for number, size in enumerate(sizes):
            await seat.send(bytes([number]) * size)

    async with (
        house.admin() as client,
        seat_at(house, tmp_path, sender),
        stream(house, client, await play(client)) as socket,
    ):
        for number, size in enumerate(sizes):
            assert await socket.recv() == bytes([number]) * size


async def test_close_codes_pass_both_ways(house: House, tmp_path: Path) -> None:
    seen: asyncio.Queue[tuple[int | None, str | None]] = asyncio.Queue()

    async def seat(socket: ServerConnection) -> None:
        if await socket.recv() == "close":
            await socket.close(4409, "somebody else plays")
        else:
            await socket.wait_closed()
        seen.put_nowait((socket.close_code, socket.close_reason))

    async with house.admin() as client, seat_at(house, tmp_path, seat):
        session_id = await play(client)
        async with stream(house, client, session_id) as socket:
            await socket.send("close")
            assert await closed(socket) == (4409, "somebody else plays")
        await seen.get()
        async with stream(house, client, session_id) as socket:
            await socket.send("stay")
            await socket.close(4000, "bye")
        assert await asyncio.wait_for(seen.get(), WITHIN_S) == (4000, "bye")


async def test_slow_browser_holds_back_the_seat(house: House, tmp_path: Path) -> None:
    """What the seat can send is bounded by the sockets between, not by core's memory."""
    sent = 0
    is_stuck = asyncio.Event()

    async def seat(socket: ServerConnection) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionClosed):
            while True:
                try:
                    async with asyncio.timeout(0.5):
                        await socket.send(bytes(1 << 20))
                except TimeoutError:
                    is_stuck.set()
                    return
                sent += 1

    async with (
        house.admin() as client,
        seat_at(house, tmp_path, seat),
        stream(house, client, await play(client), max_queue=1, close_timeout=0.2),
    ):
        await asyncio.wait_for(is_stuck.wait(), WITHIN_S)
        assert sent <= 24


async def test_seat_that_dies_or_is_not_there(house: House, tmp_path: Path) -> None:
    async def dying(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async with house.admin() as client:
        session_id = await play(client)
        async with seat_at(house, tmp_path, dying), stream(house, client, session_id) as socket:
            await socket.send("die")
            assert (await closed(socket))[0] == 4503
        async with stream(house, client, session_id) as socket:
            assert (await closed(socket))[0] == 4503
        house.runner.stream_path = None
        async with stream(house, client, session_id) as socket:
            assert (await closed(socket))[0] == 4503


async def test_a_seat_cut_off_in_the_middle_of_a_picture_leaves_no_browser_waiting(
    house: House, tmp_path: Path
) -> None:
    async def dying(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.write(b"\x82\x7f" + (1 << 20).to_bytes(8) + bytes(1000))
        socket.transport.close()

    async with house.admin() as client, seat_at(house, tmp_path, dying):
        async with stream(house, client, await play(client)) as socket:
            await socket.send("die")
            with pytest.raises(ConnectionClosed) as error:
                async with asyncio.timeout(WITHIN_S):
                    await socket.recv()
        assert error.value.rcvd is None  # no word fits into a picture


async def test_what_is_no_seat_is_told_as_gone(house: House, tmp_path: Path) -> None:
    answers = [b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 100_000, b"", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"]

    async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers.pop())
        writer.close()

    path = str(tmp_path / "s")
    house.runner.stream_path = path
    async with await asyncio.start_unix_server(impostor, path), house.admin() as client:
        session_id = await play(client)
        while answers:
            async with stream(house, client, session_id) as socket:
                assert (await closed(socket))[0] == 4503


async def refused(connection: connect) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as error:
        async with connection:
            pass
    response = error.value.response
    return response.status_code, bytes(response.body or b"").decode()


async def test_who_may_not_open_a_stream(house: House, tmp_path: Path) -> None:
    touched: list[str] = []

    async def seat(socket: ServerConnection) -> None:
        touched.append("seat")

    await add_user(house.settings, "guest", "user")
    async with house.admin() as client, house.logged_in("guest") as guest, seat_at(house, tmp_path, seat):
        session_id = await play(client)
        async with house.client() as nobody:
            status, body = await refused(stream(house, nobody, session_id))
            assert status == 403 and "login_required" in body
        status, body = await refused(stream(house, client, session_id, origin="https://evil.example"))
        assert status == 403 and "origin_refused" in body
        assert (await refused(stream(house, guest, session_id)))[0] == 404
        assert (await refused(stream(house, client, "z" * 20)))[0] == 404
        assert (await refused(stream(house, client, session_id, subprotocols=["other"])))[0] == 422
        house.runner.end(session_id, EndReason.GAME_EXITED)

        async def has_ended() -> bool:
            return bool((await client.get(f"/api/v1/sessions/{session_id}")).json()["state"] == "ended")

        await until_async(has_ended)
        assert (await refused(stream(house, client, session_id)))[0] == 409
        assert touched == []


async def test_too_long_message_of_a_browser_closes_its_socket_only(house: House, tmp_path: Path) -> None:
    async with house.admin() as client, seat_at(house, tmp_path, echo):
        session_id = await play(client)
        async with stream(house, client, session_id) as good:
            async with stream(house, client, session_id) as bad:
                with contextlib.suppress(ConnectionClosed):
                    await bad.send(bytes(1 << 20))
                assert (await closed(bad))[0] == 1009
            await good.send("still here")
            assert await good.recv() == "still here"


async def test_silence_and_logout_end_a_stream(settings: CoreSettings, runner: StandInRunner, tmp_path: Path) -> None:
    await add_user(settings, "admin", "admin")
    quick = settings.model_copy(update={"relay_idle_timeout_s": 0.3})
    async with open_house(quick, runner) as house:
        await until(lambda: house.parts.sessions.is_runner_reachable)
        async with house.admin() as client, seat_at(house, tmp_path, echo):
            session_id = await play(client)
            async with stream(house, client, session_id) as socket:
                assert (await closed(socket))[0] == 1001
            async with stream(house, client, session_id) as socket:
                await client.post("/api/v1/logout")
                assert (await closed(socket))[0] in (4403, 1001)
