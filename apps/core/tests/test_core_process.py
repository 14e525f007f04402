"""Core as a process of its own: both listeners, a quick end with everything open, and a kill in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from apps.core.tests.core_house import (
    PASSWORD,
    WITHIN_S,
    StandInRunner,
    add_user,
    listening,
    log_in,
    until,
    until_async,
)
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from dillinger_contracts import EndReason, SessionState
from dillinger_contracts.signaling import SUBPROTOCOL
from dillinger_core.settings import CoreSettings


@dataclass
class CoreProcess:
    process: asyncio.subprocess.Process
    http: str
    https: str
    log: Path

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.http, trust_env=False, timeout=WITHIN_S)

    async def end(self, number: int) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(WITHIN_S):
            return await self.process.wait()


def environment(settings: CoreSettings, **extra: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(settings.state_dir),
        "DILLINGER_STATE_DIR": str(settings.state_dir),
        "DILLINGER_CORE_RUNNER_URL": str(settings.runner_url),
        "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": "",
        "DILLINGER_CORE_HTTPS_HOST": "127.0.0.1",
        **extra,
    }


@contextlib.asynccontextmanager
async def running(settings: CoreSettings) -> AsyncIterator[CoreProcess]:
    log = settings.state_dir / "core.log"
    ports = {"DILLINGER_CORE_HTTP_PORT": "0", "DILLINGER_CORE_HTTPS_PORT": "0"}  # the system's choice
    with log.open("ab") as file:
        before = file.tell()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dillinger_core", "serve",
            env=environment(settings, **ports), stderr=file, stdout=file,
        )  # fmt: skip
    try:
        listeners: dict[str, int] = {}

        def is_listening() -> bool:
            assert process.returncode is None, log.read_text()
            told = (json.loads(line) for line in log.read_bytes()[before:].splitlines() if line.endswith(b"}"))
            listeners.update(next((entry for entry in told if entry["event"] == "listening"), {}))
            return bool(listeners)

        await until(is_listening)
        http, https = listeners["http_port"], listeners["https_port"]
        core = CoreProcess(process, f"http://127.0.0.1:{http}", f"https://localhost:{https}", log)
        async with core.client() as client:

            async def is_up() -> bool:
                assert process.returncode is None, log.read_text()
                with contextlib.suppress(httpx2.TransportError):
                    return bool((await client.get("/api/v1/health")).json()["runner"]["is_reachable"])
                return False

            await until_async(is_up)
        yield core
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_both_listeners_and_a_quick_end_with_everything_open(
    settings: CoreSettings, runner: StandInRunner, tmp_path: Path
) -> None:
    async def seat(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                await socket.send(message)

    runner.stream_path = str(tmp_path / "s")
    async with (
        unix_serve(seat, runner.stream_path, subprotocols=[Subprotocol(SUBPROTOCOL)], compression=None),
        running(settings) as core,
        core.client() as client,
    ):
        first = json.loads((settings.core_dir / "first-login.json").read_text())
        await log_in(client, first["name"], first["password"])
        body = {"old_password": first["password"], "new_password": PASSWORD}
        await client.post("/api/v1/me/password", json=body)
        answer = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
        session_id = answer.json()["session_id"]

        trust = ssl.create_default_context(cadata=(await client.get("/api/v1/ca.pem")).text)
        async with httpx2.AsyncClient(base_url=core.https, verify=trust, trust_env=False) as secure:
            await log_in(secure, "admin", PASSWORD)
            [cookie] = [cookie for cookie in secure.cookies.jar if cookie.name == "dillinger_login"]
            assert cookie.secure
            with pytest.raises(httpx2.ConnectError):
                async with httpx2.AsyncClient(trust_env=False) as distrustful:
                    await distrustful.get(core.https)
            url = f"{core.https.replace('https', 'wss')}/api/v1/sessions/{session_id}/stream"
            headers = {"Cookie": f"dillinger_login={cookie.value}"}
            async with (
                secure.stream("GET", "/api/v1/events") as events,
                connect(
                    url, subprotocols=[Subprotocol(SUBPROTOCOL)], origin=core.https, ssl=trust,  # type: ignore[arg-type]
                    additional_headers=headers, proxy=None,
                ) as socket,
            ):  # fmt: skip
                await socket.send(b"key")
                assert await socket.recv() == b"key"
                assert await core.end(signal.SIGTERM) == 0
                assert [line async for line in events.aiter_lines() if line.startswith("data")]
        text = core.log.read_text()
        for secret in (first["password"], PASSWORD, cookie.value or "?", "Traceback"):
            assert secret not in text


async def test_sigint_ends_it_too(settings: CoreSettings) -> None:
    async with running(settings) as core:
        assert await core.end(signal.SIGINT) == 0


async def test_kill_9_loses_no_session(settings: CoreSettings, runner: StandInRunner) -> None:
    await add_user(settings, "admin", "admin")
    async with running(settings) as core, core.client() as client:
        await log_in(client, "admin", PASSWORD)
        running_id = (await client.post("/api/v1/sessions", json={"game_id": "testcard"})).json()["session_id"]
        # A second wish is on its way to the runner when core dies.
        (settings.library / "other").mkdir()
        (settings.library / "other/game.toml").write_text((settings.library / "testcard/game.toml").read_text())

        async def is_there() -> bool:
            return (await client.get("/api/v1/games")).text.count("game_id") == 2

        await until_async(is_there)
        runner.holds = asyncio.Event()
        click = asyncio.create_task(client.post("/api/v1/sessions", json={"game_id": "other"}))
        await until_async(lambda: _has_launches(runner, 2))
        await core.end(signal.SIGKILL)
        with contextlib.suppress(httpx2.TransportError):
            await click
    runner.change(running_id, SessionState.STREAMING, peers=1)
    waiting_id = runner.launches[1].session_id
    runner.holds = None
    async with running(settings) as core, core.client() as client:
        await log_in(client, "admin", PASSWORD)
        views = {v["session_id"]: v for v in (await client.get("/api/v1/sessions")).json()["sessions"]}
        assert views[running_id]["state"] == "streaming"
        assert waiting_id is not None and views[waiting_id]["state"] == "starting"
        again = await client.post("/api/v1/sessions", json={"game_id": "testcard"})
        assert (again.status_code, again.json()["session_id"]) == (200, running_id)
        runner.end(running_id, EndReason.GAME_EXITED)

        async def has_ended() -> bool:
            view = (await client.get(f"/api/v1/sessions/{running_id}")).json()
            return bool(view["state"] == "ended")

        await until_async(has_ended)


async def _has_launches(runner: StandInRunner, count: int) -> bool:
    return len(runner.launches) == count


async def command(settings: CoreSettings, *words: str, **extra: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dillinger_core", *words, env=environment(settings, **extra),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_settings_that_make_no_sense_are_one_sentence(settings: CoreSettings) -> None:
    for extra, words in (
        ({"DILLINGER_CORE_HTTP_HOST": "0.0.0.0"}, "loopback"),
        ({"DILLINGER_CORE_HTTP_PORTT": "1"}, "http_port"),
        ({"DILLINGER_CORE_HTTPS_PORT": "many"}, "https_port"),
    ):
        code, output = await command(settings, "serve", **extra)
        assert code == 1 and words in output and "Traceback" not in output, output
    with listening() as taken:
        port = str(taken.getsockname()[1])
        code, output = await command(settings, "serve", DILLINGER_CORE_HTTP_PORT=port, DILLINGER_CORE_HTTPS_PORT="0")
        assert code == 1 and "taken" in output and "DILLINGER_CORE_HTTP_PORT" in output, output


async def test_command_line_beside_serve(settings: CoreSettings) -> None:
    await add_user(settings, "admin", "admin")
    code, output = await command(settings, "config", "show", "--origin", "--set", "http_port=1234")
    assert code == 0 and "http_port = 1234   (command line)" in output
    assert "https_host = 127.0.0.1   (environment DILLINGER_CORE_HTTPS_HOST)" in output
    code, output = await command(settings, "library", "scan")
    assert (code, output.splitlines()[-1]) == (0, "testcard: Test Card")
    code, output = await command(settings, "admin", "reset-password")
    assert code == 0 and "password: " in output
    code, output = await command(settings, "admin", "reset-password", "nobody")
    assert code == 1 and "no user nobody" in output
