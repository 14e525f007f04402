"""What the compose files say, as compose itself reads them; no engine is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest
from tests.compose import stack as compose

DEVELOPMENT = ("compose.yaml", "compose.dev.yaml")


def read(*arguments: str, files: tuple[str, ...] = ("compose.yaml",)) -> str:
    if (problem := compose.problem()) is not None:
        pytest.skip(problem)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DILLINGER_")}
    ended = subprocess.run(
        compose.command(*arguments, files=files), env=inherited, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def config(*arguments: str, files: tuple[str, ...] = ("compose.yaml",)) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(*arguments, "config", "--format", "json", files=files))
    return found


def test_in_development_the_runner_starts_only_when_it_is_asked_for() -> None:
    assert set(config(files=DEVELOPMENT)["services"]) == {"core"}
    asked = config("--profile", "runner", files=DEVELOPMENT)["services"]
    assert set(asked) == {"core", "runner"}
    assert asked["runner"]["build"]["dockerfile"].endswith("Dockerfile.dev")


def test_only_the_pages_are_published_and_only_the_runner_gets_a_socket() -> None:
    services = config()["services"]
    published = {name: [port["target"] for port in one.get("ports", ())] for name, one in services.items()}
    assert published == {"core": [8443], "runner": []}
    given = {name for name, one in services.items() if any("docker.sock" in each["target"] for each in one["volumes"])}
    assert given == {"runner"}
    assert config()["networks"]["inside"]["internal"] is True


def test_behind_the_proxy_core_itself_is_not_published() -> None:
    services = config(files=("compose.yaml", "compose.proxy.yaml"))["services"]
    assert [port["target"] for port in services["core"]["ports"]] == [8444, 8081]
    assert services["proxy"]["network_mode"] == "service:core"
    assert "ports" not in services["proxy"]


def test_the_example_names_every_variable_and_every_variable_has_its_default() -> None:
    text = "".join(file.read_text("utf-8") for file in compose.FOLDER.glob("compose*.yaml"))
    used = set(re.findall(r"\$\{(DILLINGER_[A-Z_]+)", text))
    without_default = set(re.findall(r"\$\{(DILLINGER_[A-Z_]+)\}", text))
    example = (compose.FOLDER / ".env.example").read_text("utf-8")
    assert used == set(re.findall(r"^#?\s?(DILLINGER_[A-Z_]+)=", example, re.MULTILINE))
    assert not without_default
