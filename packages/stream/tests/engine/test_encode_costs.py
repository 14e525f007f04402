"""What this machine encodes in time is tried once, and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dillinger_stream.encode import trial
from dillinger_stream.encode.costs import EncodingCosts, machine_key


async def test_what_was_tried_before_is_known_at_once(tmp_path: Path) -> None:
    file = tmp_path / "encoding.json"
    file.write_text(json.dumps({"key": machine_key(), "cost_ms": {"h264": 4.5, "av1": 20, "theora": 1, "vp9": "slow"}}))
    costs = EncodingCosts(file)
    assert costs.known().cost_ms == {}
    assert (await costs.learn()).cost_ms == {"h264": 4.5, "av1": 20}
    assert costs.known().takes_ms("av1", 500_000) == 10


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 7}', '{"key": "another machine", "cost_ms": {"h264": 1}}'])
async def test_another_machines_or_broken_notes_are_tried_again(
    tmp_path: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial itself has its own test; here its place is taken by a program that says what a trial says."""
    file = tmp_path / "deep" / "encoding.json"
    file.parent.mkdir()
    file.write_text(content)
    said = tmp_path / "python"
    said.write_text("#!/bin/sh\necho '{\"h264\": 3.5}'\n")
    said.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(said))
    assert (await EncodingCosts(file).learn()).cost_ms == {"h264": 3.5}
    assert json.loads(file.read_text()) == {"key": machine_key(), "cost_ms": {"h264": 3.5}}


async def test_a_trial_that_fails_and_a_folder_that_can_not_be_written_leave_the_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setattr("sys.executable", "/bin/false")
    assert (await EncodingCosts(in_the_way / "encoding.json").learn()).cost_ms == {}
    monkeypatch.setattr("sys.executable", str(tmp_path / "no such program"))
    assert (await EncodingCosts(tmp_path / "x.json").learn()).cost_ms == {}


def test_the_trial_encodes_for_real() -> None:
    assert 0.1 < trial.cost_ms("h264") < 10_000
