"""A house whose games do wrong and in which anything may be killed; what is dead is started again after each test."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.ledger import family, living
from dillinger_bench.metering import seat_pid
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.testcard.install import VARIANTS, Variant
from dillinger_bench.waiting import wait_until
from dillinger_contracts.errors import Unavailable

MIB = 1024 * 1024
START_TIMEOUT_S = 45
"""Long enough for a test that works on a start, short enough for the one that waits for it."""
END_TIMEOUT_S = 60.0

FAULTS = (
    Variant("fault-at-once", "Ends at once", command=("/bin/true",)),
    Variant("fault-fails", "Ends with a code", ("--mode", "idle", "--exit-after", "0.7", "--exit-code", "9")),
    Variant("fault-crashes", "Crashes", ("--mode", "idle", "--exit-after", "0.7", "--crash")),
    Variant("fault-no-window", "Never opens a window", ("--no-window",)),
    Variant("fault-missing", "Is not there", command=("no-such-program-anywhere",)),
    Variant("fault-forks", "Leaves children", ("--mode", "idle", "--fork-children", "3")),
    Variant("fault-stubborn", "Ignores SIGTERM", ("--mode", "idle", "--ignore-sigterm", "--fork-children", "2")),
    Variant("fault-again", "Is started once more", ("--mode", "light"), more=(("restart", "once"),)),
    Variant(
        "fault-memory", "Eats memory", ("--mode", "idle", "--eat-memory"), resources=(("memory_bytes", 256 * MIB),)
    ),
    Variant(
        "fault-disk", "Fills its disk", ("--mode", "idle", "--fill-disk", "~"), resources=(("saves_bytes", 16 * MIB),)
    ),
    Variant(
        "fault-scratch", "Fills its /tmp", ("--mode", "light", "--fill-disk", "/tmp"),
        resources=(("scratch_bytes", 16 * MIB),),
    ),
)  # fmt: skip


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A web part in small: what these tests ask for is whether anything outside of it is served."""
    folder = tmp_path_factory.mktemp("web")
    folder.chmod(0o755)
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<title>Dillinger</title>")
    (folder / "assets/app.js").write_text("play()")
    return folder


@pytest.fixture(scope="session")
def lasting_house(pages: Path) -> Iterator[House]:
    settings = {
        "DILLINGER_RUNNER_START_TIMEOUT_S": str(START_TIMEOUT_S),
        "DILLINGER_RUNNER_STOP_GRACE_S": "3",
        "DILLINGER_CORE_DESKTOP_ENTRY_DIRS": "",
    }
    with House(web_dir=pages, variants=(*VARIANTS, *FAULTS), settings=settings) as house:
        yield house


@pytest.fixture
def house(lasting_house: House, explained: list[House]) -> Iterator[House]:
    """The house, whole; afterwards no session lives and all that was killed is back."""
    explained.append(lasting_house)
    yield lasting_house
    for part in ("runner", "core"):
        process = lasting_house.processes.get(part)
        if process is None or process.poll() is not None:
            lasting_house.start(part)
    with lasting_house.client() as client:
        for view in client.sessions():
            if view["state"] != "ended":
                client.stop(view["session_id"])
        for view in client.sessions():
            client.wait_state(view["session_id"], {"ended"}, END_TIMEOUT_S)


@pytest.fixture
def core(house: House) -> Iterator[CoreClient]:
    with house.client() as client:
        yield client


@pytest.fixture
def play(house: House, core: CoreClient) -> Iterator[Callable[[str], str]]:
    """Brings a new session into a state: `starting`, `ready`, or `streaming` with somebody who watches."""
    viewers: list[StreamClient] = []
    watching: list[threading.Thread] = []

    def begin(state: str) -> str:
        game_id = "fault-no-window" if state == "starting" else "testcard-light"
        session_id: str = core.play(game_id)["session_id"]
        core.wait_state(session_id, {"starting" if state == "starting" else "ready"})
        if state == "starting":
            wait_until(lambda: "game" in step_names(core, session_id), END_TIMEOUT_S, "the game's start")
        if state == "streaming":
            viewer = StreamClient(core, session_id)
            viewers.append(viewer)
            viewer.hello(core.ticket(session_id))
            viewer.wait_pictures(3)
            core.wait_state(session_id, {"streaming"})
            watching.append(threading.Thread(target=watch, args=(viewer,), name="viewer", daemon=True))
            watching[-1].start()
        return session_id

    yield begin
    for viewer in viewers:
        viewer.close()
    for thread in watching:
        thread.join(END_TIMEOUT_S)


def watch(viewer: StreamClient) -> None:
    """Takes what comes until the stream is closed: who reads nothing is sent away."""
    with contextlib.suppress(Unavailable):
        while True:
            viewer.wait_pictures(1, timeout_s=3600)


def step_names(core: CoreClient, session_id: str) -> set[str]:
    """Names of the steps of a start that are done."""
    return {step["name"] for step in core.session(session_id)["steps"]}


def part_of(session_id: str, name: str) -> psutil.Process | None:
    """The process of this name in the session's cell, as the host sees it; `seat` is the seat."""
    if name == "seat":
        return psutil.Process(seat_pid(session_id))
    return next(iter(parts_of(session_id, lambda part: part.name().lower() == name.lower())), None)


def parts_of(session_id: str, is_meant: Callable[[psutil.Process], bool]) -> list[psutil.Process]:
    """Processes of the session's cell; some come and go meanwhile."""
    found = []
    for process in psutil.Process(seat_pid(session_id)).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if is_meant(process):
                found.append(process)
    return found


def game_of(session_id: str) -> psutil.Process:
    """The test card that the session plays, which is older than those that it may have started."""
    cards = parts_of(session_id, lambda part: "testcard.py" in part.cmdline())
    return min(cards, key=lambda card: (card.create_time(), card.pid))


def kill_part(session_id: str, name: str) -> None:
    """`kill -9` for the seat or a part of its cell."""
    process = wait_until(lambda: part_of(session_id, name), END_TIMEOUT_S, f"a process {name}")
    process.kill()


class Household:
    """All processes of a session, remembered so that none may be left."""

    def __init__(self, house: House, session_id: str) -> None:
        self._house, self._session_id = house, session_id
        self._processes = family([seat_pid(session_id)])
        assert len(self._processes) >= 4, "seat, sandbox, display server and game, at least"

    def assert_processes_gone(self) -> None:
        """Nothing of it runs."""
        wait_until(lambda: not living(self._processes), END_TIMEOUT_S, f"the end of {living(self._processes)}")

    def assert_gone(self) -> None:
        """Nothing of it runs and nothing of its runtime folder is left."""
        self.assert_processes_gone()
        folder = self._house.runtime_dir / self._session_id
        wait_until(lambda: not folder.exists(), END_TIMEOUT_S, f"{folder} gone")


@pytest.fixture
def household(house: House) -> Callable[[str], Household]:
    return lambda session_id: Household(house, session_id)


@pytest.fixture
def kill() -> Callable[[str, str], None]:
    return kill_part


@pytest.fixture
def find_game() -> Callable[[str], psutil.Process]:
    return game_of


@pytest.fixture
def find_part() -> Callable[[str, str], psutil.Process | None]:
    return part_of
