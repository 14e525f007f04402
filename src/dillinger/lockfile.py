"""`dillinger lock`: pins every dependency with its hashes, for every platform, in requirements.lock."""

from __future__ import annotations

import sys
from pathlib import Path

from .steps import Step
from .tree import Tree

OURS = ("core", "runner", "seat", "stream", "bench", "contracts", "programs", "saves")


def plan(tree: Tree, *, upgrade: bool) -> Step:
    """The step that writes the lock; pins stay as they are unless `upgrade`."""
    command = [
        str(Path(sys.executable).parent / "uv"), "pip", "compile", "pyproject.toml", "-o", "requirements.lock",
        "--universal", "--generate-hashes", "--python-version", "3.11", "--no-emit-index-url", "--no-emit-find-links",
        "--group", "dev", "--group", "build", "--quiet",
    ]  # fmt: skip
    for name in OURS:
        command += ["--no-emit-package", f"dillinger-{name}"]
    if upgrade:
        command.append("--upgrade")
    environment = {"UV_CUSTOM_COMPILE_COMMAND": "./dillinger lock", "UV_PYTHON_DOWNLOADS": "never"}
    return Step("pinning dependencies", tuple(command), tree.root, environment)
