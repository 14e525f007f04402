"""Who may have a game on the machine's own display: nobody unless the settings name it, and one at a time."""

from __future__ import annotations

import pytest
from apps.runner.tests.runner_lab import RunnerLab
from pydantic import ValidationError

from dillinger_contracts import Conflict, HostScreen, Unsupported
from dillinger_runner.admission import admit_screen
from dillinger_runner.settings import RunnerSettings

SCREEN = HostScreen(display=":0")


def test_a_machine_that_names_no_display_shows_nothing() -> None:
    with pytest.raises(Unsupported) as refused:
        admit_screen(None, "process", reaches_it=True, taken_by=None)
    assert "host_display" in (refused.value.hint or "")


def test_a_backend_that_does_not_reach_it_says_so() -> None:
    with pytest.raises(Unsupported, match="docker backend"):
        admit_screen(SCREEN, "docker", reaches_it=False, taken_by=None)


def test_there_is_one_display() -> None:
    admit_screen(SCREEN, "process", reaches_it=True, taken_by=None)
    with pytest.raises(Conflict, match="Doom, played by ann, is on"):
        admit_screen(SCREEN, "process", reaches_it=True, taken_by="Doom, played by ann,")


@pytest.mark.parametrize("name", ["0", "wayland", "box:0", ":0.1", ":123456", ":0; reboot", "wayland-0/../x"])
def test_a_name_that_is_no_display_of_this_machine_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is a display of this machine"):
        RunnerSettings(host_display=name)


async def test_one_session_at_a_time(lab: RunnerLab) -> None:
    lab.settings = {"host_display": ":77", "host_authority": "/nowhere/Xauthority", "host_full_screen": "false"}
    lab.add_game("game", "well")
    await lab.start()
    async with lab.client() as client:
        assert (await client.get("/capacity")).json()["showsHere"] is True
        streamed = await lab.play(client, "game")
        assert (await lab.spec(client, streamed["sessionId"]))["screen"] is None
        shown = (await lab.play(client, "game", show="host", userId="bob"))["sessionId"]
        assert (await lab.spec(client, shown))["screen"] == {
            "display": ":77", "authority_file": "/nowhere/Xauthority", "is_full_screen": False, "sound_server": None,
        }  # fmt: skip
        answer = await client.get(f"/sessions/{shown}/stream")
        assert answer.status_code == 409 and "not streamed" in answer.json()["detail"]
        wish = {"gameId": "game", "userId": "cid", "show": "host"}
        answer = await client.post("/sessions", json=wish)
        assert answer.status_code == 409 and "game, played by bob, is on" in answer.json()["detail"]
        await client.delete(f"/sessions/{shown}")
        await lab.until(client, shown, "ended")
        assert (await client.post("/sessions", json=wish)).status_code == 201
