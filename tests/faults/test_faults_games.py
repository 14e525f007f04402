"""Games that do wrong: each ends its session with the right reason, leaves nothing, and the house lives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import psutil
import pytest

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.waiting import wait_until

END_TIMEOUT_S = 90.0


def end_of(core: CoreClient, game_id: str) -> dict[str, Any]:
    session_id = core.play(game_id)["session_id"]
    end: dict[str, Any] = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    return end


def test_a_game_that_ends_at_once_has_ended(core: CoreClient) -> None:
    end = end_of(core, "fault-at-once")
    assert (end["reason"], end["exit_code"]) == ("game_exited", 0)


def test_a_game_that_fails_is_told_with_its_code_and_log(core: CoreClient) -> None:
    end = end_of(core, "fault-fails")
    assert (end["reason"], end["exit_code"]) == ("game_crashed", 9)
    assert any("testcard: fail on request" in line for line in end["log_tail"])


def test_a_game_that_crashes_is_told_with_its_signal_and_log(core: CoreClient) -> None:
    end = end_of(core, "fault-crashes")
    assert (end["reason"], end["signal"]) == ("game_crashed", "SIGSEGV")
    assert any("testcard: crash on request" in line for line in end["log_tail"])


@pytest.mark.full
def test_a_game_without_a_window_ends_at_its_deadline(core: CoreClient) -> None:
    end = end_of(core, "fault-no-window")
    assert end["reason"] == "start_timeout" and "window" in end["message"]


def test_a_program_that_is_not_there_is_named(core: CoreClient) -> None:
    end = end_of(core, "fault-missing")
    assert end["reason"] in ("refused", "placement_failed")
    assert "no-such-program-anywhere" in end["message"]


def test_children_that_a_game_leaves_behind_go_with_it(
    core: CoreClient, find_game: Callable[[str], psutil.Process], household: Callable[[str], Any]
) -> None:
    session_id = core.play("fault-forks")["session_id"]
    core.wait_state(session_id, {"ready"})
    remembered = household(session_id)
    find_game(session_id).terminate()
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "game_exited"
    remembered.assert_gone()


def test_a_game_that_ignores_sigterm_ends_all_the_same(core: CoreClient, household: Callable[[str], Any]) -> None:
    session_id = core.play("fault-stubborn")["session_id"]
    core.wait_state(session_id, {"ready"})
    remembered = household(session_id)
    core.stop(session_id)
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "user_stop"
    remembered.assert_gone()


def memory_is_limited() -> bool:
    """Whether this user may make cgroups here; without them only each process's data segment is limited."""
    probe = subprocess.run(
        [sys.executable, "-m", "dillinger_runner", "probe"], capture_output=True, text=True, timeout=60
    )
    findings = json.loads(probe.stdout.splitlines()[-1])["findings"]
    return any(finding["name"] == "limits" and finding["ok"] for finding in findings)


def test_a_game_that_eats_memory_ends_as_such_and_the_machine_lives(core: CoreClient, house: House) -> None:
    if not memory_is_limited():
        pytest.skip("no cgroups for this user: memory is not limited for a game as a whole")
    available = psutil.virtual_memory().available
    bystander = core.play("testcard-light")["session_id"]
    core.wait_state(bystander, {"ready"})
    end = end_of(core, "fault-memory")
    assert end["reason"] == "out_of_memory" and "memory" in end["message"]
    with StreamClient(core, bystander) as viewer:
        viewer.hello(core.ticket(bystander))
        viewer.wait_pictures(30)
    wait_until(lambda: psutil.virtual_memory().available > available * 0.7, END_TIMEOUT_S, "the memory is free again")


def test_a_game_that_fills_its_disk_ends_as_such_and_the_disk_has_room(core: CoreClient, house: House) -> None:
    end = end_of(core, "fault-disk")
    assert end["reason"] == "out_of_disk"
    written = sum(file.stat().st_size for file in (house.state_dir / "saves").rglob("*") if file.is_file())
    assert written < 256 * 1024 * 1024


def test_a_full_scratch_folder_is_the_game_s_own_problem(core: CoreClient, house: House) -> None:
    session_id = core.play("fault-scratch")["session_id"]
    core.wait_state(session_id, {"ready"})
    log = house.target.session_dir(session_id) / "guest.log"
    wait_until(lambda: "No space left" in log.read_text("utf-8"), END_TIMEOUT_S, "a full /tmp in the cell")
    with StreamClient(core, session_id) as viewer:
        viewer.hello(core.ticket(session_id))
        viewer.wait_pictures(10)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title = [", "TOML"),
        ('schema = 1\ntitle = "x"\n', "launch"),
        ('schema = 1\ntitle = "x"\nspeed = 3\n[launch]\nkind = "native"\ncommand = ["x"]\n', "speed"),
        ('schema = 9\ntitle = "x"\n[launch]\nkind = "native"\ncommand = ["x"]\n', "schema"),
        ('schema = 1\ntitle = "x"\n[launch]\nkind = "native"\ncommand = "rm"\n', "command"),
    ],
)
def test_a_broken_game_is_shown_as_broken_and_is_refused(
    text: str, complaint: str, core: CoreClient, house: House
) -> None:
    folder = house.library_dir / "broken-game"
    folder.mkdir(exist_ok=True)
    (folder / "game.toml").write_text(text)

    def shown() -> dict[str, Any] | None:
        cards = [card for card in core.games() if card["game_id"] == "broken-game"]
        return cards[0] if cards and complaint.lower() in (cards[0]["problem"] or "").lower() else None

    try:
        card = wait_until(shown, END_TIMEOUT_S, f"the broken game with {complaint} in its problem")
        assert not card["is_playable"]
        answer = core.http.post("/sessions", json={"game_id": "broken-game"})
        assert answer.status_code in (409, 422, 501) and answer.headers["content-type"] == "application/problem+json"
    finally:
        (folder / "game.toml").unlink()
        folder.rmdir()


def test_a_library_that_is_missing_is_told_and_comes_back(core: CoreClient, house: House) -> None:
    known = {folder.name for folder in house.library_dir.iterdir() if (folder / "game.toml").is_file()}

    def is_known() -> bool:
        return {card["game_id"] for card in core.games()} == known

    wait_until(is_known, END_TIMEOUT_S, "the library without what the tests before took away")
    session_id = core.play("testcard-light")["session_id"]
    core.wait_state(session_id, {"ready"})
    away = house.library_dir.with_name("away")
    house.library_dir.rename(away)
    try:
        for answer in (core.http.get("/games"), core.http.post("/sessions", json={"game_id": "testcard"})):
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert str(house.library_dir) in answer.json()["detail"] and answer.json()["hint"]
        with StreamClient(core, session_id) as viewer:
            viewer.hello(core.ticket(session_id))
            viewer.wait_pictures(10)
        assert not house.library_dir.exists(), "nothing is written where a volume shall be"
    finally:
        away.rename(house.library_dir)
    wait_until(is_known, END_TIMEOUT_S, "the library as it was")
    core.wait_state(core.play("testcard")["session_id"], {"ready"})


def test_many_clicks_on_play_at_once_start_one_game(core: CoreClient, house: House) -> None:
    def click(_: int) -> httpx2.Response:
        return core.http.post("/sessions", json={"game_id": "testcard-light"})

    with ThreadPoolExecutor(6) as people:
        answers = list(people.map(click, range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    [session_id] = {answer.json()["session_id"] for answer in answers}
    core.wait_state(session_id, {"ready"})
    with house.runner_client() as runner:
        sessions = runner.call("GET", "/sessions")["sessions"]
    assert [view["sessionId"] for view in sessions if view["state"] != "ended"] == [session_id]
