"""`kill -9` of each part in each state: what must end ends with its reason, what need not end goes on."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from dillinger_bench.client import CoreClient
from dillinger_bench.house import House
from dillinger_bench.metering import seat_pid
from dillinger_bench.stream_client import StreamClient
from dillinger_bench.waiting import wait_until

STATES = ["starting", "ready", "streaming"]
END_TIMEOUT_S = 60.0

Play = Callable[[str], str]
Kill = Callable[[str, str], None]
FindGame = Callable[[str], psutil.Process]
FindPart = Callable[[str, str], psutil.Process | None]


@pytest.mark.parametrize("state", STATES)
def test_a_killed_seat_ends_its_session_and_leaves_nothing(
    state: str, play: Play, core: CoreClient, kill: Kill, household: Callable[[str], Any]
) -> None:
    session_id = play(state)
    remembered = household(session_id)
    kill(session_id, "seat")
    end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == "seat_lost" and end["message"]
    remembered.assert_gone()


@pytest.mark.parametrize("state", STATES)
def test_a_killed_runner_loses_no_session(
    state: str, play: Play, house: House, core: CoreClient, household: Callable[[str], Any]
) -> None:
    session_id = play(state)
    before = seat_pid(session_id)
    remembered = household(session_id)
    house.kill("runner")
    wait_until(lambda: core.session(session_id)["state"] == "unreachable", END_TIMEOUT_S, "the page knows")
    house.start("runner")
    view = core.wait_state(session_id, {state}, END_TIMEOUT_S)
    assert seat_pid(session_id) == before and view["end"] is None
    core.stop(session_id)
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "user_stop"
    remembered.assert_gone()


def test_a_stream_goes_on_while_the_runner_is_away(house: House, core: CoreClient, play: Play) -> None:
    session_id = play("ready")
    with StreamClient(core, session_id) as viewer:
        viewer.hello(core.ticket(session_id))
        viewer.wait_pictures(10)
        house.kill("runner")
        viewer.wait_pictures(60)
        house.start("runner")
        viewer.wait_pictures(60)
        core.wait_state(session_id, {"streaming"}, END_TIMEOUT_S)
        assert not [message for message in viewer.messages if message["type"] in ("ended", "notice")]


def test_a_seat_that_dies_while_the_runner_is_away_is_found_out(
    house: House, core: CoreClient, play: Play, kill: Kill, household: Callable[[str], Any]
) -> None:
    session_id = play("ready")
    remembered = household(session_id)
    house.kill("runner")
    kill(session_id, "seat")
    remembered.assert_processes_gone()
    house.start("runner")
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "seat_lost"
    remembered.assert_gone()


def test_a_cell_whose_init_hangs_dies_with_its_seat(
    house: House, play: Play, find_part: FindPart, kill: Kill, household: Callable[[str], Any]
) -> None:
    """Nobody is left to end it: no runner, no seat, and an init that does not hear them go."""
    session_id = play("ready")
    remembered = household(session_id)
    house.kill("runner")
    seat = find_part(session_id, "seat")
    assert seat is not None
    [init] = [child for child in seat.children(recursive=True) if "/run/dillinger/init.py" in child.cmdline()[:6]]
    init.suspend()
    kill(session_id, "seat")
    remembered.assert_processes_gone()


@pytest.mark.parametrize("part", ["seat", "runner", "core", "Xvfb", "pulseaudio"])
def test_what_is_killed_while_a_session_stops_ends_it_all_the_same(
    part: str, house: House, core: CoreClient, find_part: FindPart, household: Callable[[str], Any]
) -> None:
    session_id = core.play("fault-stubborn")["session_id"]
    core.wait_state(session_id, {"ready"})
    remembered = household(session_id)
    is_of_session = part not in ("runner", "core")
    victim = wait_until(lambda: find_part(session_id, part if is_of_session else "seat"), END_TIMEOUT_S, part)
    assert core.stop(session_id)["state"] == "stopping"
    if is_of_session:
        with contextlib.suppress(psutil.NoSuchProcess):
            victim.kill()
    elif part == "runner":
        house.kill("runner")
        house.start("runner")
    else:
        house.kill("core")
        house.start("core")
    assert core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]["reason"] == "user_stop"
    remembered.assert_gone()


def test_a_game_that_ends_while_the_runner_is_away_is_told_as_it_was(
    play: Play, house: House, core: CoreClient, find_game: FindGame, household: Callable[[str], Any]
) -> None:
    session_id = play("ready")
    remembered, game = household(session_id), find_game(session_id)
    house.kill("runner")
    game.send_signal(signal.SIGSEGV)
    remembered.assert_gone()
    house.start("runner")
    end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert (end["reason"], end["signal"]) == ("game_crashed", "SIGSEGV")


@pytest.mark.parametrize("state", STATES)
def test_a_killed_core_forgets_nothing(state: str, play: Play, house: House, core: CoreClient) -> None:
    session_id = play(state)
    before = seat_pid(session_id)
    house.kill("core")
    house.start("core")
    expected = "ready" if state == "streaming" else state
    core.wait_state(session_id, {expected}, END_TIMEOUT_S)
    assert seat_pid(session_id) == before
    if state != "starting":
        with StreamClient(core, session_id) as viewer:
            viewer.hello(core.ticket(session_id))
            viewer.wait_pictures(5)


@pytest.mark.parametrize("state", STATES)
def test_a_killed_display_server_ends_the_session_with_its_reason(
    state: str, play: Play, core: CoreClient, kill: Kill, household: Callable[[str], Any]
) -> None:
    session_id = play(state)
    remembered = household(session_id)
    kill(session_id, "Xvfb")
    end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == "cell_lost" and "display" in end["message"].lower()
    remembered.assert_gone()


@pytest.mark.parametrize("part", ["Xvfb", pytest.param("seat", marks=pytest.mark.full)])
def test_a_lost_cell_or_seat_is_started_once_more_where_the_game_allows_it(
    part: str, core: CoreClient, kill: Kill, household: Callable[[str], Any]
) -> None:
    """Who watches is told to come again, and finds the game; the second loss ends it."""
    session_id = core.play("fault-again")["session_id"]
    started = core.wait_state(session_id, {"ready"}, END_TIMEOUT_S)
    first = household(session_id)
    with StreamClient(core, session_id) as viewer:
        viewer.hello(core.ticket(session_id))
        viewer.wait_pictures(3)
        core.wait_state(session_id, {"streaming"}, END_TIMEOUT_S)
        kill(session_id, part)
        assert viewer.wait_close(END_TIMEOUT_S) == 4503
        assert not [message for message in viewer.messages if message["type"] == "ended"]
    first.assert_processes_gone()
    core.wait_again(started, END_TIMEOUT_S)
    second = household(session_id)
    with StreamClient(core, session_id) as viewer:
        viewer.hello(core.ticket(session_id))
        viewer.wait_pictures(3)
        kill(session_id, part)
        end = core.wait_state(session_id, {"ended"}, END_TIMEOUT_S)["end"]
    assert end["reason"] == ("seat_lost" if part == "seat" else "cell_lost") and end["message"]
    second.assert_gone()


@pytest.mark.parametrize("state", STATES)
def test_a_killed_sound_server_is_started_once_more_and_the_game_goes_on(
    state: str, play: Play, core: CoreClient, kill: Kill, find_part: FindPart
) -> None:
    session_id = play(state)
    first = wait_until(lambda: find_part(session_id, "pulseaudio"), END_TIMEOUT_S, "a sound server")
    kill(session_id, "pulseaudio")

    def restarted() -> bool:
        again = find_part(session_id, "pulseaudio")
        return again is not None and again.pid != first.pid

    wait_until(restarted, END_TIMEOUT_S, "another sound server")
    assert core.session(session_id)["state"] == state
    if state != "starting":
        kill(session_id, "pulseaudio")
        with StreamClient(core, session_id) as viewer:
            viewer.hello(core.ticket(session_id))
            viewer.wait_pictures(60)
