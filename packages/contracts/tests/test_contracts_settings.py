"""The settings loader: which source wins, and what it says about wrong keys and values."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from dillinger_contracts.errors import Invalid
from dillinger_contracts.paths import places
from dillinger_contracts.settings import MOST_FILE_BYTES, AppSettings, load


class Tavern(AppSettings):
    """An app's settings, to test with."""

    port: int = Field(default=3002, ge=1, le=65_535)
    """Where it listens."""
    start_timeout_s: float = 30.0
    """How long a start may take; 0 never ends it."""
    name: str = "inn"
    """Its name."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dillinger.toml"
    path.write_text('[tavern]\nport = 4000\nname = "from file"\n[other]\nwhatever = 1\n')
    return path


def test_command_line_beats_environment_beats_file_beats_default(file: Path) -> None:
    environment = {"DILLINGER_TAVERN_PORT": "5000", "DILLINGER_TAVERN_START_TIMEOUT_S": "2.5"}
    settings, origins = load(
        Tavern, section="tavern", file=file, environment=environment, command_line={"port": 6000, "name": None}
    )
    assert (settings.port, settings.start_timeout_s, settings.name) == (6000, 2.5, "from file")
    assert origins["port"].source == "command line"
    assert origins["start_timeout_s"].source == "environment DILLINGER_TAVERN_START_TIMEOUT_S"
    assert origins["name"].source == f"file {file}"


def test_defaults_are_told_as_such() -> None:
    settings, origins = load(Tavern, section="tavern", environment={})
    assert settings == Tavern()
    assert {origin.source for origin in origins.values()} == {"default"}
    assert origins["port"].value == 3002


def test_foreign_variables_with_a_setting_s_name_don_t_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99")
    monkeypatch.setenv("NAME", "not ours")
    assert load(Tavern, section="tavern", environment={})[0] == Tavern(port=3002, name="inn")


def test_variables_of_another_app_are_not_ours() -> None:
    environment = {"DILLINGER_STATE_DIR": "/x", "DILLINGER_OTHER_PORT": "1", "HOME": "/"}
    assert load(Tavern, section="tavern", environment=environment)[0].port == 3002


@pytest.mark.parametrize("source", ["environment", "file", "command line"])
def test_an_unknown_key_is_named_with_the_nearest_known_one(source: str, tmp_path: Path) -> None:
    path = tmp_path / "dillinger.toml"
    path.write_text("[tavern]\nprot = 1\n" if source == "file" else "")
    with pytest.raises(Invalid) as refusal:
        load(
            Tavern, section="tavern", file=path,
            environment={"DILLINGER_TAVERN_PROT": "1"} if source == "environment" else {},
            command_line={"prot": 1} if source == "command line" else None,
        )  # fmt: skip
    assert refusal.value.field == "tavern.prot" and source in refusal.value.message
    assert refusal.value.hint == "Did you mean port?"


def test_an_unknown_key_that_resembles_nothing_lists_the_known_ones() -> None:
    with pytest.raises(Invalid) as refusal:
        load(Tavern, section="tavern", environment={"DILLINGER_TAVERN_ZZZZZZ": "1"})
    assert refusal.value.hint == "Known are: name, port, start_timeout_s"


def test_a_wrong_value_is_named_with_its_source() -> None:
    with pytest.raises(Invalid, match=r"tavern.port \(environment DILLINGER_TAVERN_PORT\)") as refusal:
        load(Tavern, section="tavern", environment={"DILLINGER_TAVERN_PORT": "70000"})
    assert refusal.value.field == "tavern.port"


@pytest.mark.parametrize("text", ["port = = 1", "tavern = 5", "\x00", '[tavern]\nport = "many"'])
def test_a_broken_file_is_told_with_its_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(Invalid, match=r"broken\.toml"):
        load(Tavern, section="tavern", file=path, environment={})


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can't be read"):
        load(Tavern, section="tavern", file=tmp_path / "none.toml", environment={})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match="not TOML"):
        load(Tavern, section="tavern", file=tmp_path / "binary.toml", environment={})


def test_a_number_out_of_range_is_told_the_range() -> None:
    with pytest.raises(Invalid) as refusal:
        load(Tavern, section="tavern", environment={"DILLINGER_TAVERN_PORT": "0"})
    assert refusal.value.hint == "It is from 1 to 65_535"


def test_what_is_no_small_file_is_refused_and_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "huge").write_text("#" * (MOST_FILE_BYTES + 1))
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "huge", Path("/dev/zero")):
        with pytest.raises(Invalid, match="can't be read"):
            load(Tavern, section="tavern", file=path, environment={})


def test_a_program_s_variables_may_begin_otherwise() -> None:
    environment = {"DILLINGER_STREAM_TAVERN_PORT": "5", "DILLINGER_TAVERN_PORT": "6"}
    settings, origins = load(Tavern, section="tavern", environment=environment, prefix="DILLINGER_STREAM_TAVERN_")
    assert settings.port == 5 and origins["port"].source == "environment DILLINGER_STREAM_TAVERN_PORT"


def test_settings_are_frozen() -> None:
    settings = load(Tavern, section="tavern", environment={})[0]
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_root_a_person_and_variables_have_their_places() -> None:
    assert str(places({}, uid=0).state_dir) == "/var/lib/dillinger"
    person = places({"HOME": "/home/ann", "XDG_RUNTIME_DIR": "/run/user/1000"}, uid=1000)
    assert str(person.state_dir) == "/home/ann/.local/share/dillinger"
    assert str(person.runtime_dir) == "/run/user/1000/dillinger"
    assert str(places({"HOME": "/home/ann"}, uid=1000).runtime_dir) == "/tmp/dillinger-1000"
    told = {"DILLINGER_STATE_DIR": "/s", "DILLINGER_RUNTIME_DIR": "/r", "DILLINGER_CONFIG": "/c.toml"}
    for uid in (0, 1000):
        found = places(told, uid=uid)
        assert [str(place) for place in (found.state_dir, found.runtime_dir, found.config_file)] == [
            "/s",
            "/r",
            "/c.toml",
        ]
