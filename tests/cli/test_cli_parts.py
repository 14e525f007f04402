"""Small parts of the command line: log lines, delays, addresses, what a build is made of, the unit file."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from dillinger import banner, builds, doctor, service
from dillinger.apps import Overrides, make_plan
from dillinger.loglines import LogLines
from dillinger.supervisor import LONGEST_DELAY_S, STEADY_S, describe_end, next_delay
from dillinger.tree import find_tree
from dillinger_contracts.errors import Denied

WARNING = json.dumps({"event": "runner_link_lost", "level": "warning", "timestamp": "2026-01-02T03:04:05Z", "peer": 1})


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make_plan` writes to the environment; what a test left there is undone."""
    for name in ("DILLINGER_CORE_HTTPS_PORT", "DILLINGER_STATE_DIR", "DILLINGER_CORE_WEB_DIR", "DILLINGER_CONFIG"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)


def test_log_lines_for_people_are_short_and_for_programs_unchanged() -> None:
    people = LogLines("info", is_for_people=True, stream=io.StringIO()).render("core", WARNING)
    assert people is not None
    assert "03:04:05 core" in people
    assert "runner_link_lost" in people
    assert "peer=1" in people
    assert LogLines("info", is_for_people=False).render("core", WARNING) == WARNING


def test_log_level_hides_what_is_less_bad_and_never_a_traceback() -> None:
    lines = LogLines("error", is_for_people=True)
    assert lines.render("core", WARNING) is None
    assert lines.render("core", "Traceback (most recent call last):") == "core: Traceback (most recent call last):"
    assert lines.render("core", "17") == "core: 17"


def test_restart_waits_longer_each_time_and_forgets_after_a_steady_run() -> None:
    delays = [0.5]
    for _ in range(9):
        delays.append(next_delay(delays[-1], ran_s=1))
    assert delays == sorted(delays)
    assert delays[-1] == LONGEST_DELAY_S
    assert next_delay(LONGEST_DELAY_S, ran_s=STEADY_S) < 1


def test_ends_are_told_in_words() -> None:
    assert [describe_end(code) for code in (0, 3, -9, -99)] == ["exit code 0", "exit code 3", "SIGKILL", "signal 99"]


def test_first_login_is_shown_only_while_it_is_there(tmp_path: Path) -> None:
    plan = make_plan(Overrides(port=9443, state_dir=tmp_path), None)
    core = tmp_path / "core"
    core.mkdir()
    assert banner.first_login(core) is None
    (core / "first-login.json").write_text('{"name": "admin", "password": "once-only"}')
    text = "\n".join(
        f"{label} {line.plain}" for label, line in banner.rows(plan, ["10.0.0.7"], banner.first_login(core))
    )
    assert "https://10.0.0.7:9443" in text
    assert "https://10.0.0.7:9443/api/v1/ca.pem" in text
    assert "http://localhost:8080" in text
    assert "once-only" in text
    assert str(tmp_path) in text


def test_a_house_for_this_machine_only_shows_both_addresses(tmp_path: Path) -> None:
    plan = make_plan(Overrides(host="127.0.0.1", port=9443, http_port=9080, state_dir=tmp_path), None)
    shown = list(banner.rows(plan, banner.outside_addresses("127.0.0.1"), None))
    text = "\n".join(line.plain for _, line in shown)
    assert "http://localhost:9080" in text and "https://localhost:9443" in text
    assert "from others" not in [label for label, _ in shown]


def test_listener_on_loopback_has_no_outside_address() -> None:
    assert banner.outside_addresses("127.0.0.1") == []
    assert banner.outside_addresses("localhost") == []
    assert banner.outside_addresses("192.0.2.9") == ["192.0.2.9"]
    assert not [address for address in banner.outside_addresses("0.0.0.0") if address.startswith("127.")]


def test_each_app_is_built_with_what_it_shares() -> None:
    tree = find_tree()
    names = {target: [step.name for step in builds.plan(tree, target)] for target in (*builds.APPS, "all")}
    assert {"wheel of contracts", "wheel of runner"} <= set(names["runner"])
    assert "wheel of stream" not in names["runner"]
    assert names["seat"].index("wheel of stream") < names["seat"].index("wheel of seat")
    assert "web part" not in names["seat"] and "web part" in names["core"]
    assert names["stream"] == ["web part", "wheel of contracts", "wheel of stream"], "the page, which its wheel holds"
    assert names["all"][0] == "web part"


def test_doctor_names_the_package_of_a_missing_command() -> None:
    packages = find_tree().root / "deploy/debian-packages.txt"
    found = {
        finding.name: finding for finding in doctor.commands(packages, lambda name: None if name == "bwrap" else "/x")
    }
    assert found["bwrap"].verdict is doctor.Verdict.BAD
    assert "bubblewrap" in found["bwrap"].mend
    assert found["Xvfb"].verdict is doctor.Verdict.GOOD
    assert "chocolate-doom" not in found


@pytest.mark.parametrize(
    ("name", "version", "architecture", "has_cgroups_2", "verdict"),
    [
        ("debian", "12", "x86_64", False, doctor.Verdict.GOOD),
        ("debian", "12", "x86_64", True, doctor.Verdict.UNVERIFIED),
        ("debian", "13", "aarch64", False, doctor.Verdict.UNVERIFIED),
        ("ubuntu", "24.04", "x86_64", False, doctor.Verdict.UNVERIFIED),
        (None, None, "x86_64", False, doctor.Verdict.UNVERIFIED),
    ],
)
def test_doctor_says_where_nobody_has_run_it_yet(
    name: str | None, version: str | None, architecture: str, has_cgroups_2: bool, verdict: doctor.Verdict
) -> None:
    release = {"ID": name, "VERSION_ID": version, "PRETTY_NAME": f"{name} {version}"} if name and version else {}
    found = doctor.machine(release, architecture, has_cgroups_2=has_cgroups_2)
    assert found.verdict is verdict
    assert ("install.md" in found.mend) == (verdict is doctor.Verdict.UNVERIFIED)


def test_doctor_calls_hardware_unverified_or_absent(tmp_path: Path) -> None:
    (tmp_path / "dri").mkdir()
    verdicts = {finding.name: finding.verdict for finding in doctor.hardware(tmp_path)}
    assert verdicts == {"graphics card": doctor.Verdict.UNVERIFIED}


def test_doctor_says_what_gamepads_lack(tmp_path: Path) -> None:
    finding, *_ = doctor.gamepads(1, tmp_path / "interposer.so")
    assert finding.verdict is doctor.Verdict.ABSENT and "compiler" in finding.detail and "gcc" in finding.mend


def test_unit_runs_this_tree_and_keeps_games_when_it_is_killed() -> None:
    tree = find_tree()
    text = service.unit_text(tree)
    assert f"ExecStart={tree.root}/dillinger up\n" in text
    assert "@TREE@" not in text
    assert {"User=dillinger", "Delegate=yes", "KillMode=process", "Type=notify"} <= set(text.splitlines())


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that systemd runs, asked by root; its `systemctl` notes what it is told."""
    calls = tmp_path / "calls"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$*" >> {calls}\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(service, "RUNNING", tmp_path)
    monkeypatch.setattr(service, "UNIT", tmp_path / "dillinger.service")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return calls


def test_a_service_comes_is_brought_up_to_date_and_goes(systemd: Path) -> None:
    tree = find_tree()
    for _ in range(2):
        service.install(tree)
        assert service.UNIT.read_text() == service.unit_text(tree)
        assert systemd.read_text().splitlines() == [
            "daemon-reload",
            "enable dillinger.service",
            "restart dillinger.service",
        ]
        systemd.unlink()
    assert service.remove() and not service.UNIT.exists()
    assert systemd.read_text().splitlines() == ["disable --now dillinger.service", "daemon-reload"]
    assert not service.remove(), "there is none any more"


@pytest.mark.usefixtures("systemd")
def test_a_service_is_for_root_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Denied, match="root"):
        service.install(find_tree())
    assert not service.UNIT.exists()


def test_doctor_tells_libraries_for_native_games_from_protons(tmp_path: Path) -> None:
    (tmp_path / "runtimes/sniper/usr/lib").mkdir(parents=True)
    (tmp_path / "runtimes/half-a-proton").mkdir()
    found = {finding.name: finding for finding in doctor.windows_games(tmp_path)}
    assert (found["sniper"].verdict, found["sniper"].detail) == (doctor.Verdict.GOOD, "libraries for native games")
    assert found["half-a-proton"].verdict is doctor.Verdict.ABSENT
