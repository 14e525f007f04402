"""`dillinger build`: wheels of an app with those of its packages that it needs, and the web part.

Each app builds by itself: what it shares is a wheel beside its own, so that an image copies one folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dillinger_contracts.errors import Unsupported

from .steps import Step
from .tree import Tree, node_folder

PARTS: dict[str, tuple[str, ...]] = {
    "core": ("contracts", "programs", "core"),
    "runner": ("contracts", "runner"),
    "seat": ("contracts", "programs", "stream", "seat"),
    "all": ("contracts", "programs", "stream", "seat", "runner", "core", "bench", "cli"),
}
TARGETS = ("core", "runner", "seat", "web", "all", "images")


def plan(tree: Tree, target: str) -> list[Step]:
    """The steps that build `target` into `dist/` (wheels) and `web/dist/` (pages)."""
    if target == "images":
        raise Unsupported(
            "There are no container images in this version",
            hint="./dillinger build core (or runner, seat) makes the wheels that an image would hold",
        )
    steps = [_wheel(tree, name, target) for name in PARTS.get(target, ())]
    if target in ("web", "core", "all"):
        steps.append(_web(tree))
    return steps


def _wheel(tree: Tree, name: str, target: str) -> Step:
    uv = Path(sys.executable).parent / "uv"
    out = tree.root / "dist" / target
    command = (str(uv), "build", "--wheel", "--no-build-isolation", "--out-dir", str(out), str(tree.room(name).folder))
    environment = {"UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
    return Step(f"wheel of {name}", command, tree.root, environment)


def _web(tree: Tree) -> Step:
    npm = node_folder().parent / "lib/node_modules/npm/bin/npm-cli.js"
    path = f"{node_folder()}:/usr/local/bin:/usr/bin:/bin"
    return Step("web part", (str(node_folder() / "node"), str(npm), "run", "build"), tree.web, {"PATH": path})
