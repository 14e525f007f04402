"""A seat as its user sees it: a real process with a real cell, a runner's control server, and a viewer's socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from dillinger_contracts.control import (
    Ack,
    Enroll,
    Enrolled,
    FromSeat,
    PartRestarted,
    Report,
    SeatEnded,
    SeatReady,
    StepDone,
    StopSeat,
    TraceTold,
    TraceWanted,
)
from dillinger_contracts.game import Game, Resources
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.session import CellCgroup, SeatSpec, SessionEnd, SessionSpec, StreamProfile
from dillinger_contracts.signaling import Hello
from dillinger_contracts.stages import StreamTrace
from dillinger_seat.cell.isolation import probe

WAIT_S = 60.0


class FakeRunner:
    """The runner's side of `/seats`: one-time tokens, numbered reports, and whatever else a test wants it to do."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(16)
        self.enrolments: list[Enroll] = []
        self.reports: list[Report] = []
        self.traces: list[StreamTrace] = []
        self.refused_tokens = 0
        self.acks = True
        self._news = asyncio.Condition()
        self._server: Server | None = None
        self._seat: ServerConnection | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await serve(self._serve, "127.0.0.1", self.port)
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """As if killed: the connection goes, and nothing answers any more."""
        if self._server is not None:
            if self._seat is not None:
                self._seat.transport.abort()
            self._server.close(close_connections=False)
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, connection: ServerConnection) -> None:
        first = FromSeat.validate_json(await connection.recv())
        assert isinstance(first, Enroll)
        if first.token != self.token:
            self.refused_tokens += 1
            await connection.close(4403, "wrong token")
            return
        self.token = secrets.token_urlsafe(16)
        self.enrolments.append(first)
        self._seat = connection
        seen = max((report.number for report in self.reports), default=0)
        await connection.send(Enrolled(next_token=self.token, last_report=seen if self.acks else 0).model_dump_json())
        await self._notify()
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                report = FromSeat.validate_json(text)
                if isinstance(report, TraceTold):
                    self.traces.append(report.trace)
                    await self._notify()
                    continue
                assert isinstance(report, Report)
                self.reports.append(report)
                if self.acks:
                    await connection.send(Ack(number=report.number).model_dump_json())
                await self._notify()

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def order_stop(self, reason: EndReason, grace_s: float) -> None:
        assert self._seat is not None
        await self._seat.send(StopSeat(reason=reason, grace_s=grace_s).model_dump_json())

    async def ask_trace(self) -> StreamTrace:
        assert self._seat is not None
        told = len(self.traces)
        await self._seat.send(TraceWanted(number=told + 1).model_dump_json())
        await self.wait_for(lambda: len(self.traces) > told)
        return self.traces[-1]

    async def wait_for(self, fact: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(fact)
        return fact()

    def times_seen(self, number: int) -> int:
        return sum(report.number == number for report in self.reports)

    def bodies(self, kind: type[Any]) -> list[Any]:
        return [report.body for report in self.reports if isinstance(report.body, kind)]

    @property
    def end(self) -> SessionEnd | None:
        ends: list[SeatEnded] = self.bodies(SeatEnded)
        return ends[0].end if ends else None

    @property
    def steps(self) -> dict[str, float]:
        bodies: list[StepDone] = self.bodies(StepDone)
        return {body.step.name: body.step.duration_ms for body in bodies}

    @property
    def restarts(self) -> list[str]:
        bodies: list[PartRestarted] = self.bodies(PartRestarted)
        return [body.part for body in bodies]


class SeatRig:
    """One session: its folders, its spec, its seat's process."""

    def __init__(self, root: Path, runner: FakeRunner) -> None:
        self.root = root
        self.runner = runner
        self.session_id = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(20))
        self.key = secrets.token_bytes(32)
        self.session_dir = root / "sessions" / self.session_id
        self.runtime_dir = root / "r"
        self.saves_dir = root / "saves"
        self.game_dir = root / "library" / "testgame"
        for folder in (self.session_dir, self.runtime_dir, self.saves_dir, self.game_dir):
            folder.mkdir(parents=True, mode=0o700)
        shutil.copy(Path(__file__).with_name("guests") / "window.py", self.game_dir)
        self.process: subprocess.Popen[bytes] | None = None
        self.display: dict[str, Any] = {"width_px": 640, "height_px": 480}
        self.game: dict[str, Any] = {}
        self.resources: dict[str, Any] = {}
        self.overrides: dict[str, Any] = {}

    def spec(self, launch: dict[str, Any]) -> SeatSpec:
        entry = {"game_id": "testgame", "title": "Test", "launch": launch, "display": self.display}
        game = Game.model_validate(entry | self.game)
        return SeatSpec(
            session=SessionSpec(
                session_id=self.session_id, user_id="ann", game=game, resources=Resources(**self.resources),
                profile=StreamProfile(width_px=640, height_px=480), created_at=datetime.now(UTC),
            ),
            session_dir=str(self.session_dir), runtime_dir=str(self.runtime_dir),
            library_dir=str(self.root / "library"), saves_dir=str(self.saves_dir),
            control_url=f"ws://127.0.0.1:{self.runner.port}/seats", control_token=self.runner.token,
            ticket_key=base64.urlsafe_b64encode(self.key).decode().rstrip("="),
            **self.overrides,
        )  # fmt: skip

    def window(self, *arguments: str) -> None:
        """Starts a session of the test guest `window.py`."""
        self.start("/usr/bin/python3", "-I", "/game/window.py", *arguments)

    def start(self, *command: str, **launch: Any) -> None:
        self.start_launch({"kind": "native", "command": command, **launch})

    def start_launch(self, launch: dict[str, Any]) -> None:
        self.start_raw(self.spec(launch).model_dump_json(by_alias=True))

    def start_raw(self, spec_text: str) -> None:
        (self.session_dir / "spec.json").write_text(spec_text)
        with (self.session_dir / "seat.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dillinger_seat", "--dir", str(self.session_dir)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.session_dir, start_new_session=True,
            )  # fmt: skip

    async def ready(self, timeout_s: float = WAIT_S) -> None:
        """The seat has reported ready; a seat that ended instead fails the test, saying how."""
        await self.runner.wait_for(lambda: self.runner.bodies(SeatReady) or self.runner.end, timeout_s)
        assert self.runner.end is None, self.describe()

    async def ended(self, timeout_s: float = WAIT_S) -> SessionEnd:
        """How it ended, once the process is gone; what it wrote and what it reported are the same."""
        assert self.process is not None
        code = await asyncio.to_thread(self.process.wait, timeout_s)
        assert code == 0, self.describe()
        return SessionEnd.model_validate_json((self.session_dir / "end.json").read_bytes())

    def describe(self) -> str:
        logs = [f"--- {path.name}\n{path.read_text(errors='replace')}" for path in self.session_dir.glob("*.log")]
        return "\n".join([str(self.runner.end), *logs])

    def processes(self) -> dict[int, str]:
        """The seat's descendants that live, by pid."""
        assert self.process is not None
        parent_of = self.all_processes()
        found: dict[int, str] = {}
        for pid in parent_of:
            at = pid
            while at in parent_of and at != self.process.pid:
                at = parent_of[at]
            if at == self.process.pid:
                with contextlib.suppress(OSError):
                    found[pid] = (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    @staticmethod
    def all_processes() -> dict[int, int]:
        """Every process that lives → its parent."""
        parent_of: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, IndexError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    if fields[0] not in "ZX":
                        parent_of[int(entry.name)] = int(fields[1])
        return parent_of

    def pid_of(self, word: str) -> int:
        """The one process whose command line begins with `word`; a child has its parent's until it has become that."""
        deadline = time.monotonic() + WAIT_S
        while True:
            pids = [pid for pid, line in self.processes().items() if line.startswith(word)]
            if len(pids) == 1:
                return pids[0]
            assert time.monotonic() < deadline, (word, self.processes())
            time.sleep(0.005)

    def traces(self) -> list[str]:
        """What must be gone with the session: files of its runtime folder, and processes that know its folders."""
        left = [str(path) for path in self.runtime_dir.rglob("*")] if self.runtime_dir.exists() else []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    mounts = (entry / "mountinfo").read_bytes()
                    if str(self.root).encode() in line or str(self.saves_dir).encode() in mounts:
                        left.append(f"{entry.name} {line!r}")
        return left

    def ticket(self, **changes: Any) -> str:
        now = int(time.time())
        claims = {"jti": secrets.token_urlsafe(16), "sub": "ann", "sid": self.session_id, "role": "player"}
        key = changes.pop("key", self.key)
        return jwt.encode({"alg": "HS256"}, {**claims, "iat": now, "exp": now + 60, **changes}, OctKey.import_key(key))

    async def connect(self) -> ClientConnection:
        path = str(self.runtime_dir / "stream.sock")
        return await unix_connect(path, "ws://seat/", subprotocols=["dillinger.signal.v1"], max_size=None)

    async def view(self, ticket: str | None = None) -> ClientConnection:
        """A viewer who has said hello."""
        connection = await self.connect()
        hello = Hello(version=1, ticket=ticket or self.ticket(), transport="websocket", is_webrtc_able=False)
        await connection.send(hello.model_dump_json())
        return connection

    @staticmethod
    async def next_text(connection: ClientConnection, kind: str, timeout_s: float = WAIT_S) -> dict[str, Any]:
        """The next signaling message of `kind`."""
        async with asyncio.timeout(timeout_s):
            async for message in connection:
                if isinstance(message, str):
                    document: dict[str, Any] = json.loads(message)
                    if document["type"] == kind:
                        return document
        raise AssertionError(f"the seat closed without saying {kind}")

    @staticmethod
    async def next_binary(connection: ClientConnection, timeout_s: float = WAIT_S) -> bytes:
        """The next media message."""
        async with asyncio.timeout(timeout_s):
            async for message in connection:
                if isinstance(message, bytes):
                    return message
        raise AssertionError("the seat closed without media")

    async def printed(self, line: str, timeout_s: float = WAIT_S) -> None:
        """The game has printed `line`."""
        await asyncio.to_thread(
            self._wait, lambda: line in self._guest_lines(), timeout_s, f"{line!r} was never printed"
        )

    def has_printed(self, line: str) -> bool:
        """Whether the game has printed `line` by now."""
        return line in self._guest_lines()

    def _guest_lines(self) -> list[str]:
        path = self.session_dir / "guest.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def wait_log(self, word: str) -> None:
        """The seat has logged `word`."""
        self._wait(lambda: word in (self.session_dir / "seat.log").read_text(), WAIT_S, f"{word} was never logged")

    def wait_file(self, path: Path) -> None:
        """`path` exists."""
        self._wait(path.exists, WAIT_S, f"{path} never came")

    def _wait(self, fact: Callable[[], bool], timeout_s: float, complaint: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not fact():
            assert time.monotonic() < deadline, f"{complaint}\n{self.describe()}"
            time.sleep(0.01)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
async def runner() -> AsyncIterator[FakeRunner]:
    fake = FakeRunner()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def root() -> Iterator[Path]:
    """A short path: a socket's name has 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="dseat-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def rig(root: Path, runner: FakeRunner) -> Iterator[SeatRig]:
    found = probe()
    if not found.is_ok:
        pytest.skip(f"no sandbox: {found.problem}")
    made = SeatRig(root, runner)
    yield made
    made.kill()


@pytest.fixture
def memory_cgroup() -> Iterator[CellCgroup]:
    """A memory cgroup of 256 MiB, where this user may make one."""
    mount = Path("/sys/fs/cgroup/memory")
    base = mount / "dillinger" if (mount / "dillinger").is_dir() else mount  # the launcher gives the first to its user
    folder = base / f"dillinger-seat-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(256 << 20))
    except OSError as error:
        pytest.skip(f"no writable memory cgroup: {error.strerror}")
    yield CellCgroup(version=1, directories={"memory": str(folder)})
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            folder.rmdir()
            return
        except OSError:
            assert time.monotonic() < deadline, f"{folder} is still in use"
            signal.sigtimedwait([], 0.05)
