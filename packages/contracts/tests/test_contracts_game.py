"""What a game.toml and a launch request may say: good ones, broken ones and hostile ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dillinger_contracts.game import MIB, Game, NativeLaunch, QemuLaunch, Resources, Size
from dillinger_contracts.session import GameLaunchRequest, ResourceOverrides, SeatSpec, StreamProfile

GOOD: dict[str, Any] = {
    "game_id": "doom",
    "schema": 1,
    "title": " Doom ",
    "launch": {"kind": "native", "command": ["chocolate-doom", "-iwad", "doom.wad"], "environment": {"SDL_A": "1"}},
    "display": {"width_px": 640, "height_px": 480, "resizable": False},
    "resources": {"memory_bytes": 512 * MIB},
    "art": {"icon": "icon.png"},
}


def with_value(path: str, value: object) -> dict[str, Any]:
    """GOOD with one value changed, by dotted path."""
    whole: dict[str, Any] = {name: dict(part) if isinstance(part, dict) else part for name, part in GOOD.items()}
    *parents, name = path.split(".")
    place = whole
    for parent in parents:
        place = place[parent]
    place[name] = value
    return whole


def test_a_good_game_is_read_and_comes_back_the_same() -> None:
    game = Game.model_validate(GOOD)
    assert game.title == "Doom" and isinstance(game.launch, NativeLaunch) and game.launch.directory == "home"
    assert Game.model_validate_json(game.model_dump_json(by_alias=True)) == game


def test_the_kind_says_what_a_launch_is() -> None:
    game = Game.model_validate(with_value("launch", {"kind": "qemu", "image": "win98.qcow2"}))
    assert isinstance(game.launch, QemuLaunch)


@pytest.mark.parametrize(
    "game_id",
    [
        "..",
        ".",
        "a/b",
        "../etc",
        "a..",
        ".a",
        "-a",
        "A",
        "a b",
        "a\n",
        "",
        "a" * 65,
        "a\x00b",
        "ä",
        "con/../x",
        "a\\b",
        "%2e",
    ],
    ids=repr,
)
def test_no_id_leaves_its_folder(game_id: str) -> None:
    with pytest.raises(ValidationError):
        Game.model_validate(with_value("game_id", game_id))
    with pytest.raises(ValidationError):
        GameLaunchRequest.model_validate({"gameId": game_id, "userId": "admin"})


@pytest.mark.parametrize("game_id", ["doom", "a", "io.github.freedoom.phase1", "0ad", "a_b-c", "x" * 64])
def test_usual_ids_are_taken(game_id: str) -> None:
    assert Game.model_validate(with_value("game_id", game_id)).game_id == game_id


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=70))
def test_whatever_is_taken_as_an_id_is_a_plain_file_name(text: str) -> None:
    try:
        game_id = GameLaunchRequest.model_validate({"gameId": text, "userId": "admin"}).game_id
    except ValidationError:
        return
    assert "/" not in game_id and "\x00" not in game_id and game_id == game_id.strip()
    assert not game_id.startswith(".") and not game_id.endswith(".") and len(game_id) <= 64


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", 2),
        ("schema", "1"),
        ("title", ""),
        ("title", "   "),
        ("title", "x" * 201),
        ("titel", "x"),
        ("launch", {"kind": "native"}),
        ("launch", {"kind": "native", "command": []}),
        ("launch", {"kind": "native", "command": "rm -rf /"}),
        ("launch", {"kind": "native", "command": [" "]}),
        ("launch", {"kind": "native", "command": ["a\x00b"]}),
        ("launch", {"kind": "native", "command": ["x" * 5000]}),
        ("launch", {"kind": "native", "command": ["a"] * 257}),
        ("launch", {"kind": "shell", "command": ["a"]}),
        ("launch", {"command": ["a"]}),
        ("launch.directory", "/etc"),
        ("launch.environment", {"LD_PRELOAD": "/tmp/x.so"}),
        ("launch.environment", {"DISPLAY": ":0"}),
        ("launch.environment", {"HOME": "/root"}),
        ("launch.environment", {"A=B": "x"}),
        ("launch.environment", {"A": "x\x00y"}),
        ("launch.environment", {f"A{n}": "x" for n in range(129)}),
        ("display.width_px", 641),
        ("display.width_px", 0),
        ("display.width_px", 1e9),
        ("display.width_px", -640),
        ("display.desktop", "windows"),
        ("resources.memory_bytes", 1),
        ("resources.memory_bytes", 1 << 60),
        ("resources.cpu_cores", 0),
        ("resources.cpu_cores", float("nan")),
        ("resources.cpu_cores", float("inf")),
        ("resources.pids", 1),
        ("art.icon", "../../../etc/passwd"),
        ("art.icon", "/etc/passwd"),
        ("art.icon", ".hidden"),
        ("art.icon", "a/b.png"),
        ("art.icon", "a.png\n"),
        ("art.icon", "x" * 129),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_hostile_value_is_refused(path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Game.model_validate(with_value(path, value))


def test_the_refusal_of_a_reserved_variable_says_why() -> None:
    with pytest.raises(ValidationError, match="LD_PRELOAD belongs to the cell"):
        Game.model_validate(with_value("launch.environment", {"LD_PRELOAD": "x"}))


def test_overrides_replace_only_what_they_name() -> None:
    limits = ResourceOverrides.model_validate({"memoryBytes": 64 * MIB}).over(Resources(pids=99))
    assert (limits.memory_bytes, limits.pids) == (64 * MIB, 99)
    with pytest.raises(ValidationError):
        ResourceOverrides(memory_bytes=1).over(Resources())


def test_the_runner_s_api_takes_camel_case_and_answers_in_it() -> None:
    asked = GameLaunchRequest.model_validate({"gameId": "doom", "userId": "ann", "ticketKey": "k" * 43})
    assert asked == GameLaunchRequest(game_id="doom", user_id="ann", ticket_key="k" * 43)
    assert asked.model_dump(exclude_none=True) == {"gameId": "doom", "userId": "ann", "ticketKey": "k" * 43}
    for wrong in ({"gameId": "doom", "userId": "ann", "gmaeId": 1}, {"gameId": "doom"}, {"gameId": 5, "userId": "ann"}):
        with pytest.raises(ValidationError):
            GameLaunchRequest.model_validate(wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"width_px": 1281}, {"rate_hz": 0}, {"rate_hz": float("nan")}, {"bitrate_bps": 10}, {"codec": "av2"}],
    ids=str,
)
def test_a_strange_profile_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StreamProfile.model_validate(wrong)


def test_a_seat_s_secrets_are_not_shown_in_its_representation() -> None:
    fields = SeatSpec.model_fields
    assert not fields["control_token"].repr and not fields["ticket_key"].repr


@settings(derandomize=True, database=None, deadline=None)
@given(st.integers(-10, 10_000), st.integers(-10, 10_000))
def test_any_window_has_a_size_that_a_desktop_can_have_and_that_one_keeps_its_own(
    width_px: int, height_px: int
) -> None:
    size = Size.nearest(width_px, height_px)
    assert Size.nearest(size.width_px, size.height_px) == size
    assert size.width_px == width_px & ~1 or width_px < 160 == size.width_px or width_px > 7680 == size.width_px
    assert size.height_px == height_px & ~1 or height_px < 120 == size.height_px or height_px > 4320 == size.height_px
