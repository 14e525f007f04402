"""`dillinger-stream` as a service of its user's systemd: what is written, that it comes and goes, who is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packages.stream.tests.program.program_house import Shelf

from dillinger_contracts.errors import Denied, Invalid, Unavailable, Unsupported
from dillinger_stream.program.service import NAME, ensure_possible, unit_of, unit_text
from dillinger_stream.program.systemd import command_line

PROGRAM = ["/opt/my stream/bin/dillinger-stream"]


def test_the_unit_makes_sense_to_systemd_and_keeps_keys_out_of_logs(shelf: Shelf, tmp_path: Path) -> None:
    printed = shelf.command("service", "print")
    assert printed.returncode == 0, printed.stderr
    lines = printed.stdout.splitlines()
    assert any(line.startswith('ExecStart="/') and line.endswith(" start --log-level info") for line in lines)
    assert {"StandardOutput=null", "NoNewPrivileges=yes", "WantedBy=graphical-session.target"} <= set(lines)
    if (analyse := shutil.which("systemd-analyze")) is None:
        return
    unit = tmp_path / NAME
    unit.write_text(printed.stdout)
    ended = subprocess.run(
        [analyse, "--user", "--man=no", "verify", str(unit)], capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


def test_it_comes_is_brought_up_to_date_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$*" >> {calls}\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    unit = unit_of({"HOME": str(tmp_path)})
    assert unit.path == tmp_path / ".config/systemd/user" / NAME
    for _ in range(2):
        unit.install(unit_text(PROGRAM))
        assert unit.path.read_text() == unit_text(PROGRAM)
        assert calls.read_text().splitlines() == [
            "--user daemon-reload",
            f"--user enable {NAME}",
            f"--user restart {NAME}",
        ]
        calls.unlink()
    assert unit.remove()
    assert not unit.path.exists()
    assert not unit.remove()
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho no bus >&2; exit 1\n")
    with pytest.raises(Unavailable, match="no bus"):
        unit.install(unit_text(PROGRAM))


def test_root_and_who_has_no_systemd_are_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="not by root"):
        ensure_possible({}, uid=0)
    with pytest.raises(Unsupported, match="no systemd") as refused:
        ensure_possible({"XDG_RUNTIME_DIR": str(tmp_path)}, uid=1000)
    assert "service print" in str(refused.value.hint)
    (tmp_path / "systemd").mkdir()
    ensure_possible({"XDG_RUNTIME_DIR": str(tmp_path)}, uid=1000)


def test_a_path_of_any_kind_is_one_word() -> None:
    assert command_line(['/a b/"c"', "100%", "$HOME\\"]) == '"/a b/\\"c\\"" "100%%" "$$HOME\\\\"'
    with pytest.raises(Invalid):
        command_line(["/a\nExecStartPre=/bin/false"])
