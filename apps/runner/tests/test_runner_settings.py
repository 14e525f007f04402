"""What the settings refuse before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dillinger_contracts import Invalid
from dillinger_contracts.settings import load
from dillinger_runner.settings import LONGEST_RUNTIME_DIR_BYTES, RunnerSettings


def test_a_runtime_folder_too_deep_for_sockets_is_refused() -> None:
    longest = Path("/run") / ("d" * (LONGEST_RUNTIME_DIR_BYTES - len("/run/")))

    def loaded(folder: Path) -> Path:
        environment = {"DILLINGER_RUNNER_RUNTIME_DIR": str(folder)}
        return load(RunnerSettings, section="runner", environment=environment)[0].runtime_dir

    assert loaded(longest) == longest
    with pytest.raises(Invalid, match=r"65 bytes long.*64 at most.*shorter folder"):
        loaded(longest.with_name(longest.name + "d"))
