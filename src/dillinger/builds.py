"""`dillinger build`: wheels of an app with those of its packages that it needs, and the web part.

Each app builds by itself: what it shares is a wheel beside its own, so that an image copies one folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .needs import own_packages
from .steps import Step
from .tree import Tree, node_folder

APPS = ("core", "runner", "seat", "stream")
_WITH_PAGES = ("web", "core", "stream", "all")


def plan(tree: Tree, target: str) -> list[Step]:
    """The steps that build `target` into `dist/` (wheels) and `web/dist/` (pages)."""
    wheels = [_wheel(tree, folder, target) for folder in _folders(tree, target)]
    # The pages first: the wheel of `dillinger-stream` holds one of them.
    return [_web(tree), *wheels] if target in _WITH_PAGES else wheels


def _folders(tree: Tree, target: str) -> list[Path]:
    if target == "all":
        return [room.folder for room in tree.python_rooms]
    return [package.folder for package in own_packages(tree.root, f"dillinger-{target}")] if target in APPS else []


def _wheel(tree: Tree, folder: Path, target: str) -> Step:
    uv = Path(sys.executable).parent / "uv"
    out = tree.root / "dist" / target
    command = (str(uv), "build", "--wheel", "--no-build-isolation", "--out-dir", str(out), str(folder))
    environment = {"UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(Path(sys.executable).parents[1])}
    return Step(f"wheel of {folder.name if folder != tree.root else 'cli'}", command, tree.root, environment)


def _web(tree: Tree) -> Step:
    npm = node_folder().parent / "lib/node_modules/npm/bin/npm-cli.js"
    path = f"{node_folder()}:/usr/local/bin:/usr/bin:/bin"
    return Step("web part", (str(node_folder() / "node"), str(npm), "run", "build"), tree.web, {"PATH": path})
