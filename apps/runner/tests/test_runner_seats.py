"""The seats' socket: one-time tokens, hostile messages, links that come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from apps.runner.tests.runner_lab import RunnerLab
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from dillinger_contracts import Unavailable
from dillinger_contracts.control import TraceWanted
from dillinger_runner import link

AT = "2030-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Mute:
    """A session whose seat runs and never dials: the test dials for it."""

    lab: RunnerLab
    session_id: str
    token: str

    def dial(self) -> connect:
        return connect(f"ws://127.0.0.1:{self.lab.port}/seats", proxy=None)

    async def enroll(self, socket: ClientConnection, token: str, **more: object) -> dict[str, Any]:
        """The runner's answer to an enrolment with this token."""
        await socket.send(
            json.dumps({"type": "enroll", "session_id": self.session_id, "token": token, "last_report": 0, **more})
        )
        return await receive(socket)


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def refusal(socket: ClientConnection) -> int | None:
    """The code with which the runner closes."""
    with pytest.raises(ConnectionClosed) as closed:
        await socket.recv()
    return closed.value.rcvd.code if closed.value.rcvd else None


def report(number: int, **body: object) -> str:
    return json.dumps({"type": "report", "number": number, "at": AT, "body": body})


@pytest.fixture
async def mute(shared_lab: RunnerLab) -> AsyncIterator[Mute]:
    shared_lab.add_game("mute", "mute")
    async with shared_lab.client() as client:
        session_id = (await shared_lab.play(client, "mute"))["sessionId"]
        spec = await shared_lab.spec(client, session_id)
        yield Mute(shared_lab, session_id, spec["control_token"])
        await client.delete(f"/sessions/{session_id}")
        await shared_lab.until(client, session_id, "ended")


async def test_a_token_works_until_the_next_is_used(mute: Mute) -> None:
    """Neither a lost answer nor a crash locks the seat out; a token that was passed over is dead."""
    async with mute.dial() as socket:
        second = (await mute.enroll(socket, mute.token))["next_token"]
    async with mute.dial() as socket:
        third = (await mute.enroll(socket, mute.token))["next_token"]
    assert third != second
    async with mute.dial() as socket:
        await mute.enroll(socket, third)
    for dead in (mute.token, second, "", "guess", third + "x"):
        async with mute.dial() as socket:
            message = {"type": "enroll", "session_id": mute.session_id, "token": dead, "last_report": 0}
            await socket.send(json.dumps(message))
            assert await refusal(socket) == 4403
    digests = (mute.lab.sessions_dir / mute.session_id / "token.sha256").read_text()
    assert third not in digests


async def test_reports_move_the_session_and_are_acknowledged_once(mute: Mute) -> None:
    """Steps, ready, viewers, figures; a repeat changes nothing and is acknowledged again."""
    async with mute.lab.client() as client, mute.dial() as socket:
        await mute.enroll(socket, mute.token)
        step = {"name": "sound", "duration_ms": 3.5}
        for _ in range(2):
            await socket.send(report(1, kind="step_done", step=step))
            assert await receive(socket) == {"type": "ack", "number": 1}
        await socket.send(report(2, kind="seat_ready"))
        await socket.send(report(3, kind="peers_changed", peers=2))
        stats = {"measured_at": AT, "peers": 2, "capture_fps": 60, "shown_fps": 58.5, "stages_ms_p50": {"encode": 2.5}}
        await socket.send(report(4, kind="stats_taken", stats=stats))
        assert [(await receive(socket))["number"] for _ in range(3)] == [2, 3, 4]
        view = (await client.get(f"/sessions/{mute.session_id}")).json()
        assert view["state"] == "streaming"
        assert view["peers"] == 2
        assert view["steps"] == [{"name": "sound", "durationMs": 3.5, "shareDone": None}]
        assert view["stats"]["captureFps"] == 60
        figures = (await client.get("/metrics")).text
        assert (
            f'dillinger_session_shown_fps{{game_id="{view["gameId"]}",session_id="{mute.session_id}"}} 58.5' in figures
        )
        assert "dillinger_session_loss_ratio{" not in figures, "what nobody measured is absent"
        [stage] = [line for line in figures.splitlines() if line.startswith("dillinger_session_stage_ms{")]
        assert 'quantile="0.5"' in stage and 'stage="encode"' in stage and stage.endswith(" 2.5")
        await socket.send(report(5, kind="peers_changed", peers=0))
        await mute.lab.until(client, mute.session_id, "ready")


async def test_a_recording_is_asked_of_the_seat(mute: Mute) -> None:
    """Its answer goes to who asked; one that nobody waits for harms nothing; without a seat there is none."""
    path = f"/sessions/{mute.session_id}/trace"
    picture = {"sequence": 7, "captured_at_us": 1, "encoded_at_us": 2, "bits": 8, "stages_ms": {"encode": 1.5}}
    async with mute.lab.client() as client:
        assert (await client.get(path)).status_code == 503
        async with mute.dial() as socket:
            await mute.enroll(socket, mute.token)
            await socket.send(json.dumps({"type": "trace_told", "number": 99, "trace": {}}))
            asking = asyncio.create_task(client.get(path))
            wanted = await receive(socket)
            trace = {"transport": "websocket", "pictures": [picture]}
            await socket.send(json.dumps({"type": "trace_told", "number": wanted["number"], "trace": trace}))
            told = (await asking).json()
            await socket.send(report(1, kind="seat_ready"))
            assert await receive(socket) == {"type": "ack", "number": 1}
    assert wanted["type"] == "trace_wanted"
    assert told["pictures"][0]["stagesMs"] == {"encode": 1.5}


async def test_who_asked_a_seat_that_goes_hears_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "ANSWER_S", 600.0)
    seat = link.SeatLink()
    asking = asyncio.create_task(seat.trace())
    assert isinstance(await seat.next(), TraceWanted)
    seat.gone()
    with pytest.raises(Unavailable, match="does not answer"):
        await asyncio.wait_for(asking, 30)


async def test_a_lost_link_is_told_and_mended(mute: Mute) -> None:
    async with mute.lab.client() as client:
        async with mute.dial() as socket:
            token = (await mute.enroll(socket, mute.token))["next_token"]
            await socket.send(report(1, kind="seat_ready"))
            await mute.lab.until(client, mute.session_id, "ready")
        await mute.lab.until(client, mute.session_id, "unreachable")
        async with mute.dial() as socket:
            answer = await mute.enroll(socket, token, is_ready=True, peers=1, last_report=1)
            assert answer["last_report"] == 1
            await mute.lab.until(client, mute.session_id, "streaming")


async def test_a_newer_link_replaces_an_older_one(mute: Mute) -> None:
    async with mute.lab.client() as client, mute.dial() as old:
        await mute.enroll(old, mute.token)
        async with mute.dial() as new:
            await mute.enroll(new, mute.token)
            assert await refusal(old) == 4409
            await new.send(report(1, kind="seat_ready"))
            await mute.lab.until(client, mute.session_id, "ready")


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "x",
        "{}",
        "[]",
        '{"type": "report"}',
        '{"type": "enrolled"}',
        "[" * 10_000,
        b"\x00\xff",
        "null",
        '{"type": "x"}',
    ],
)
async def test_garbage_is_refused_before_and_after_enrolment(mute: Mute, garbage: str | bytes) -> None:
    async with mute.dial() as socket:
        await socket.send(garbage)
        assert await refusal(socket) == 4422
    async with mute.dial() as socket:
        await mute.enroll(socket, mute.token)
        await socket.send(garbage)
        assert await refusal(socket) == 4422


async def test_messages_that_are_too_big_are_refused(mute: Mute) -> None:
    async with mute.dial() as socket:
        await socket.send("x" * 1_000_000)
        assert await refusal(socket) == 1009


async def test_strangers_and_other_versions_are_refused(mute: Mute) -> None:
    for message, code in (
        ({"session_id": "z" * 20, "token": mute.token}, 4404),
        ({"session_id": "../" * 6 + "zz", "token": mute.token}, 4422),
        ({"session_id": mute.session_id, "token": mute.token, "version": 99}, 4403),
        ({"session_id": mute.session_id, "token": "x" * 300}, 4422),
    ):
        async with mute.dial() as socket:
            await socket.send(json.dumps({"type": "enroll", "last_report": 0, **message}))
            assert await refusal(socket) == code


async def test_a_session_that_is_to_end_asks_its_seat_again_after_a_new_link(mute: Mute) -> None:
    async with mute.lab.client() as client, mute.dial() as socket:
        await mute.enroll(socket, mute.token)
        await client.delete(f"/sessions/{mute.session_id}")
        stop = await receive(socket)
        assert stop["type"] == "stop"
        assert stop["reason"] == "user_stop"
        await socket.send(report(1, kind="seat_ended", end={"reason": "user_stop", "ended_at": AT}))
        assert (await receive(socket))["type"] == "ack"
