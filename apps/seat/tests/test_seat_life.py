"""A session's life from outside: it starts in order, shows, is played, ends as it should, and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from dillinger_contracts.control import PeersChanged, SeatReady, StatsTaken
from dillinger_contracts.input import KEY_CODES, Button, Key, Move, encode
from dillinger_contracts.lifecycle import EndReason
from dillinger_contracts.media import KIND_PICTURE
from dillinger_contracts.session import StreamProfile
from dillinger_contracts.signaling import ClientStats, Resize, SetProfile


async def test_start_is_reported_step_by_step_and_stop_leaves_nothing(rig: Any) -> None:
    rig.window()
    await rig.ready()
    assert sorted(rig.runner.steps) == ["cell", "display", "folder", "game", "sound", "stream", "window"]
    assert (rig.runtime_dir / "stream.sock").is_socket()
    assert len(rig.traces()) > 0
    await rig.runner.order_stop(EndReason.USER_STOP, grace_s=2)
    end = await rig.ended()
    assert end.reason is EndReason.USER_STOP
    assert await rig.runner.wait_for(lambda: rig.runner.end) == end
    assert rig.traces() == []


async def test_first_viewer_sees_the_picture_and_the_key_reaches_the_game(rig: Any) -> None:
    rig.window("--size", "320x240")
    await rig.ready()
    viewer = await rig.view()
    welcome = await rig.next_text(viewer, "welcome")
    assert welcome["role"] == "player" and welcome["has_sound"] is True
    config = await rig.next_text(viewer, "video_config")
    assert (config["width_px"], config["height_px"]) == (640, 480)
    while (await rig.next_binary(viewer))[0] != KIND_PICTURE:
        pass
    await rig.runner.wait_for(lambda: rig.runner.bodies(PeersChanged)[-1].peers == 1)
    await viewer.send(encode(Key(code=30, is_down=True)))
    await viewer.send(encode(Key(code=30, is_down=False)))
    await rig.printed("key 30")
    await viewer.send(ClientStats(shown_fps=58.5).model_dump_json())
    await rig.runner.wait_for(lambda: _shown_fps(rig) == 58.5)
    viewer.transport.abort()
    await rig.runner.wait_for(lambda: rig.runner.bodies(PeersChanged)[-1].peers == 0)


def _shown_fps(rig: Any) -> float | None:
    """What the player's browser was shown, as the runner hears of it."""
    taken = rig.runner.bodies(StatsTaken)
    return taken[-1].stats.shown_fps if taken else None


async def _watch(viewer: ClientConnection) -> None:
    """Takes what comes: who reads nothing is sent away."""
    async for _ in viewer:
        pass


async def test_keyboard_goes_to_a_dialog_and_to_what_is_clicked_and_back(rig: Any) -> None:
    rig.window("--then", "dialog")
    await rig.ready()
    await rig.printed("window is 640x480")
    viewer = await rig.view()
    watching = asyncio.create_task(_watch(viewer))

    async def type_until(code: int, line: str) -> None:
        """What a click changes is not waited for by the keys that follow, so a person's second try counts too."""
        async with asyncio.timeout(30):
            while not rig.has_printed(line):
                for is_down in (True, False):
                    await viewer.send(encode(Key(code=code, is_down=is_down)))
                with contextlib.suppress(AssertionError):
                    await rig.printed(line, timeout_s=0.5)

    async def click(x: float, y: float) -> None:
        await viewer.send(encode(Move(x=int(x * 65_535), y=int(y * 65_535))))
        for is_down in (True, False):
            await viewer.send(encode(Button(button=1, is_down=is_down)))

    await rig.printed("dialog shows")
    await type_until(30, "dialog key 30")
    await click(0.1, 0.1)
    await type_until(31, "key 31")
    await click(0.6, 0.5)
    await type_until(32, "dialog key 32")
    await type_until(1, "dialog key 1")
    await type_until(33, "key 33")
    watching.cancel()


async def test_desktop_follows_the_viewer_where_the_game_allows_it(rig: Any) -> None:
    rig.window("--size", "320x240")
    await rig.ready()
    await rig.printed("window is 640x480")
    viewer = await rig.view()
    await viewer.send(Resize(width_px=800, height_px=600).model_dump_json())
    await rig.printed("window is 800x600")
    while (await rig.next_text(viewer, "video_config"))["width_px"] != 800:
        pass


async def test_desktop_takes_the_size_of_a_window_that_has_only_one(rig: Any) -> None:
    rig.window("--size", "400x300", "--fixed")
    await rig.ready()
    viewer = await rig.view()
    config = await rig.next_text(viewer, "video_config")
    assert (config["width_px"], config["height_px"]) == (400, 300)


@pytest.mark.parametrize(
    ("then", "reason", "code", "signal_name"),
    [
        ("exit:0", EndReason.GAME_EXITED, 0, None),
        ("exit:7", EndReason.GAME_CRASHED, 7, None),
        ("segfault", EndReason.GAME_CRASHED, None, "SIGSEGV"),
    ],
)
async def test_end_of_the_game_is_told_with_code_signal_and_log(
    rig: Any, then: str, reason: EndReason, code: int | None, signal_name: str | None
) -> None:
    rig.window("--then", then)
    end = await rig.ended()
    assert (end.reason, end.exit_code, end.signal) == (reason, code, signal_name), rig.describe()
    assert "window shows" in end.log_tail
    assert rig.traces() == []


async def test_viewers_are_told_how_the_session_ended(rig: Any) -> None:
    rig.window()
    await rig.ready()
    viewer = await rig.view()
    await rig.next_text(viewer, "welcome")
    await rig.runner.order_stop(EndReason.ADMIN_STOP, grace_s=1)
    ended = await rig.next_text(viewer, "ended")
    assert ended["end"]["reason"] == "admin_stop"
    assert (await rig.ended()).reason is EndReason.ADMIN_STOP


async def test_saves_stay_and_nothing_else_can_be_written(rig: Any) -> None:
    command = "echo played > save; for f in /game/x /usr/x /etc/x /x /tmp/.X11-unix/x /run/dillinger/x; do"
    rig.start("/bin/sh", "-c", command + " touch $f && echo wrote $f; done; exit 5")
    end = await rig.ended()
    assert end.exit_code == 5
    assert not [line for line in end.log_tail if line.startswith("wrote")]
    assert (rig.saves_dir / "save").read_text() == "played\n"
    assert sorted(path.name for path in rig.saves_dir.iterdir()) == ["save"]


async def test_nobody_watching_for_too_long_ends_the_session(rig: Any) -> None:
    rig.overrides["idle_timeout_s"] = 0.3
    rig.window()
    end = await rig.ended()
    assert end.reason is EndReason.IDLE_TIMEOUT
    await rig.runner.wait_for(lambda: rig.runner.bodies(SeatReady))


async def test_sigterm_cuts_the_grace_of_a_game_that_was_asked_to_end(rig: Any) -> None:
    rig.window("--then", "ignore-term")
    await rig.ready()
    await rig.printed("did ignore-term")
    await rig.runner.order_stop(EndReason.USER_STOP, grace_s=60)
    await asyncio.to_thread(rig.wait_log, "session_ending")
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.ended(30)).reason is EndReason.USER_STOP, "half of its grace was not waited for"
    assert rig.traces() == []


async def test_without_isolation_it_plays_too_and_leaves_nothing(rig: Any) -> None:
    rig.overrides["isolation"] = "none"
    rig.start("/usr/bin/python3", "-I", "./window.py", "--then", "fork", directory="game")
    await rig.ready()
    viewer = await rig.view()
    await rig.next_text(viewer, "video_config")
    rig.process.send_signal(signal.SIGTERM)
    assert (await rig.ended()).reason is EndReason.SEAT_LOST
    assert rig.traces() == []


@pytest.mark.parametrize(
    ("launch", "reason", "words"),
    [
        ({"kind": "native", "command": ["no-such-game"]}, EndReason.REFUSED, ("no-such-game",)),
        ({"kind": "native", "command": ["./missing"]}, EndReason.REFUSED, ("./missing", "game's folder")),
        ({"kind": "native", "command": ["/etc/os-release"]}, EndReason.REFUSED, ("/etc/os-release", "not executable")),
        ({"kind": "qemu", "image": "x.img"}, EndReason.REFUSED, ("qemu", "native")),
        ({"kind": "native", "command": ["/bin/true"]}, EndReason.GAME_EXITED, ("/bin/true", "before it showed")),
        ({"kind": "native", "command": ["/bin/false"]}, EndReason.GAME_CRASHED, ("exit code 1",)),
    ],
    ids=["missing", "missing-in-folder", "not-executable", "other-kind", "exits-at-once", "fails-at-once"],
)
async def test_game_that_does_not_start_is_told_by_name(
    rig: Any, launch: dict[str, Any], reason: EndReason, words: tuple[str, ...]
) -> None:
    rig.start_launch(launch)
    end = await rig.ended()
    assert end.reason is reason, rig.describe()
    assert all(word in end.message for word in words), end.message
    assert rig.traces() == []


async def test_broken_spec_is_refused_without_quoting_its_secrets(rig: Any, tmp_path: Path) -> None:
    rig.start_raw('{"control_token": "sesame", "session": 5}')
    code = await asyncio.to_thread(rig.process.wait, 60)
    log = (rig.session_dir / "seat.log").read_text()
    assert code == 2 and "spec.json" in log and "sesame" not in log


async def test_the_third_sign_of_a_key_and_a_letter_of_two_keys_arrive_in_a_program(rig: Any) -> None:
    """On a German keyboard AltGr and E write a euro sign, a dead accent and E an accented letter."""
    types = "echo types > /tmp/told; cat > /tmp/told"
    tells = "mkfifo /tmp/told; while cat /tmp/told; do :; done & while sleep 0.1; do setxkbmap -query; done"
    rig.start("/bin/sh", "-c", f"{tells} & LC_ALL=C.UTF-8 exec xterm -e /bin/sh -c '{types}'")
    await rig.ready()
    await rig.printed("types")
    viewer = await rig.view()
    await rig.next_text(viewer, "welcome")
    await viewer.send(SetProfile(profile=StreamProfile(keyboard="de")).model_dump_json())
    await rig.printed("layout:     de")

    async def press(*names: str) -> None:
        for is_down, order in ((True, names), (False, names[::-1])):
            for name in order:
                await viewer.send(encode(Key(code=KEY_CODES[name], is_down=is_down)))

    await press("AltRight", "KeyE")
    await press("Equal")
    await press("KeyE")
    await press("ShiftLeft", "KeyY")
    await press("Enter")
    await rig.printed("€éZ")


async def test_keys_write_what_is_printed_on_the_player_s_keyboard(rig: Any) -> None:
    """The layout of the one who chose last; one that does not exist is told, and changes nothing."""
    ask = "/usr/bin/python3 -I /game/window.py & while sleep 0.1; do setxkbmap -query; done"
    rig.start("/bin/sh", "-c", ask)
    await rig.ready()
    await rig.printed("layout:     us")
    viewer = await rig.view()
    await rig.next_text(viewer, "welcome")
    await viewer.send(SetProfile(profile=StreamProfile(keyboard="de")).model_dump_json())
    await rig.printed("layout:     de")
    await viewer.send(SetProfile(profile=StreamProfile(keyboard="us:dvorak")).model_dump_json())
    await rig.printed("variant:    dvorak")
    await viewer.send(SetProfile(profile=StreamProfile(keyboard="xx")).model_dump_json())
    notice = await rig.next_text(viewer, "notice")
    assert "keyboard layout" in notice["message"]
    await viewer.send(SetProfile(profile=StreamProfile(keyboard="fr")).model_dump_json())
    await rig.printed("layout:     fr")
