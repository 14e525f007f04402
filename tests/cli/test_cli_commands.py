"""The command line as a person meets it: help, wrong words, used ports, bad settings."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dillinger import reference
from dillinger.cli import app
from dillinger.tree import find_tree
from dillinger_contracts.settings import load
from dillinger_core.settings import CoreSettings
from dillinger_runner.settings import RunnerSettings

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def dillinger(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line without a terminal, in an environment without settings of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DILLINGER_")}
    return subprocess.run(
        [sys.executable, "-m", "dillinger", *arguments],
        env={**inherited, "COLUMNS": "120", "NO_COLOR": "1", **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["fly"], "fly"),
        (["up", "--prot", "1"], "--prot"),
        (["up", "--port", "eight"], "integer"),
        (["up", "--port", "70000"], "65535"),
        (["up", "--config", "/nowhere.toml"], "/nowhere.toml"),
        (["check", "kitchen"], "kitchen"),
        (["test", "--suite", "kitchen"], "kitchen"),
        (["test", "kitchen"], "kitchen"),
        (["service", "start"], "start"),
        (["build", "castle"], "castle"),
    ],
)
def test_wrong_word_is_named_and_exits_with_2(arguments: list[str], word: str) -> None:
    ended = dillinger(*arguments)
    assert ended.returncode == 2
    assert word in ANSI.sub("", ended.stderr)
    assert "Traceback" not in ended.stderr


def test_every_command_has_help() -> None:
    for command in re.findall(r"^## `dillinger ([a-z -]*[a-z])", reference.cli_page(app), re.MULTILINE):
        if command != "bench":  # its help is its own
            ended = CliRunner().invoke(app, [*command.split(), "--help"])
            assert ended.exit_code == 0, command
            assert "Usage" in ended.stdout


def test_version_is_one_line() -> None:
    assert re.fullmatch(r"dillinger \d+\.\d+\.\d+\S*\n", dillinger("--version").stdout)


def test_used_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = dillinger("up", "--http-port", str(port), "--state-dir", str(tmp_path))
    assert ended.returncode == 1
    assert f"port {port}" in ended.stderr
    assert f"--http-port {port + 1}" in ended.stderr
    assert not list(tmp_path.iterdir())


def test_unknown_setting_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "dillinger.toml"
    file.write_text("[core]\nhttps_prot = 1\n")
    ended = dillinger("up", "--config", str(file), "--state-dir", str(tmp_path / "state"))
    assert ended.returncode == 1
    assert "core.https_prot" in ended.stderr
    assert "https_port" in ended.stderr
    assert not (tmp_path / "state").exists()


def test_config_show_tells_where_a_value_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "dillinger.toml"
    file.write_text("[runner]\nmax_sessions = 3\n")
    variables = {"DILLINGER_CORE_HTTPS_PORT": "9443", "DILLINGER_RUNNER_API_KEYS": "do-not-show-this"}
    shown = dillinger("config", "show", "--origin", "--config", str(file), **variables).stdout
    assert re.search(r"runner\.max_sessions +3 +file ", shown)
    assert re.search(r"core\.https_port +9443 +environment DILLINGER_CORE_HTTPS_PORT", shown)
    assert re.search(r"core\.http_port +8080 +default", shown)
    assert "do-not-show-this" not in shown
    asked = dillinger("config", "show", "--state-dir", str(tmp_path / "elsewhere"), "--http-port", "9080").stdout
    assert re.search(r"core\.http_port +9080", asked)
    assert str(tmp_path / "elsewhere") in asked.replace("\n", "")


def test_doctor_looks_at_what_up_would_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = dillinger("doctor", "--http-port", str(port), "--state-dir", str(tmp_path / "not-there-yet")).stdout
    assert f"port {port}" in said and "Another program uses" in said
    assert not (tmp_path / "not-there-yet").exists()


def test_a_lost_password_is_replaced_by_a_one_time_password(tmp_path: Path) -> None:
    said = dillinger("admin", "reset-password", "--state-dir", str(tmp_path))
    assert (said.returncode, said.stdout) == (1, "")
    assert "There is no user admin" in said.stderr and "Traceback" not in said.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_names_the_command(shell: str) -> None:
    ended = dillinger("completion", shell)
    assert ended.returncode == 0
    assert "_DILLINGER_COMPLETE" in ended.stdout


def test_completion_completes() -> None:
    ended = dillinger(_DILLINGER_COMPLETE="complete_bash", COMP_WORDS="dillinger do", COMP_CWORD="1")
    assert ended.stdout.split() == ["doctor", "docs"]


def test_images_without_an_engine_are_refused_with_a_hint(tmp_path: Path) -> None:
    ended = dillinger("build", "images", "seat", DOCKER_HOST=f"unix://{tmp_path}/nobody-listens.sock")
    assert ended.returncode == 1
    assert "engine" in ended.stderr
    assert "Install Docker Engine" in ended.stderr or "DOCKER_HOST" in ended.stderr


def test_an_unknown_image_is_refused_with_those_that_there_are() -> None:
    ended = dillinger("build", "images", "sheet")
    assert ended.returncode == 1
    assert "seat, postgres, proxy, cell" in ended.stderr


def test_generated_pages_are_current() -> None:
    assert reference.stale(find_tree().root, reference.pages(app)) == []


def test_the_template_of_the_settings_says_the_defaults(tmp_path: Path) -> None:
    """With every default uncommented it is a settings file, and changes nothing."""
    text = re.sub(r"^#(\w+ = .)", r"\1", reference.settings_template(), flags=re.MULTILINE)
    (tmp_path / "dillinger.toml").write_text(text)
    assert text.count("\nhttps_port = 8443\n") == 1
    for section, settings in (("core", CoreSettings), ("runner", RunnerSettings)):
        assert f"[{section}]" in text
        values, origins = load(settings, section=section, file=tmp_path / "dillinger.toml", environment={})
        named = {name for name, origin in origins.items() if origin.source.startswith("file")}
        assert len(named) > len(origins) / 2
        defaults = settings()
        for name in named - {"seat_command"}:  # an interpreter's path is this machine's
            assert getattr(values, name) == getattr(defaults, name), name


def test_stale_page_is_noticed_and_mended(tmp_path: Path) -> None:
    page = reference.Page(Path("docs/x.md"), "new\n")
    assert reference.stale(tmp_path, [page]) == [page.path]
    assert reference.write(tmp_path, [page]) == [page.path]
    assert reference.stale(tmp_path, [page]) == []


def test_service_without_systemd_says_so() -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("this machine is run by systemd")
    ended = dillinger("service", "install")
    assert ended.returncode == 1
    assert "not run by systemd" in ended.stderr
