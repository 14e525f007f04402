"""What is in each image, and what not; how large they are; whom they run as."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from tests import container_engine
from tests.compose import stack as compose

TIMEOUT_S = 120
MB = 1_000_000
"""As engines count."""
MOST_BYTES = {"seat": 350 * MB, "cell": 600 * MB, "wine": 2200 * MB}
CHECKED = {"core", "runner", "postgres", "proxy"}
"""Those whose health the engine asks after; the others are looked after by a runner."""
BUILD_TOOLS = ("gcc", "cc", "g++", "c++", "clang", "tcc", "pip", "pip3", "npm", "npx", "node")
LOOK = """
id -u
for tool in {tools}; do command -v $tool; done
for python in /usr/bin/python3 /opt/dillinger/bin/python; do
    [ ! -x $python ] || $python -c 'import importlib.util as it; it.find_spec("pip") and print("has pip")'
done
echo SBOM
cat /usr/share/doc/dillinger/sbom.json
"""


def said(*command: str) -> str:
    ended = subprocess.run(("docker", *command), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("name", ["core", "runner", "seat", "cell", "games", "wine", "postgres", "proxy"])
def test_an_image_holds_what_runs_says_what_it_is_and_runs_as_nobody(name: str) -> None:
    if (problem := compose.problem()) is not None:
        pytest.skip(problem)
    image = container_engine.image(name)
    [found] = json.loads(said("image", "inspect", image))
    config: dict[str, Any] = found["Config"]
    labels = config["Labels"]
    for label in ("title", "description", "licenses", "version"):
        assert labels[f"org.opencontainers.image.{label}"], label
    assert config["User"] == "1000:1000"
    assert (config["Healthcheck"]["Test"] != ["NONE"]) is (name in CHECKED), config["Healthcheck"]
    script = LOOK.format(tools=" ".join(BUILD_TOOLS))
    told = said("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", image, "-c", script)
    words, _, bill = told.partition("SBOM\n")
    assert words == "1000\n", "another user, or what builds"
    names = {component["name"] for component in json.loads(bill)["components"]}
    assert "libc6" in names, "what it is made of"
    layers = said("history", "--human=false", "--format", "{{.Size}}", image).split()
    assert sum(map(int, layers)) <= MOST_BYTES.get(name, 3000 * MB)
