"""What `./dillinger check` looks at, per room: style, types, imports, generated pages. Nothing here changes a file."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import which

from .steps import Step
from .tree import Room, Tree, node_folder

ROOMS = ("core", "runner", "seat", "stream", "contracts", "programs", "saves", "bench", "cli", "web")
TOOLS = Path(sys.executable).parent


def _tool(name: str) -> str:
    return str(TOOLS / name)


def plan(tree: Tree, room: str | None = None) -> list[Step]:
    """The steps for one room, or for all of the house where none is named."""
    if room == "web":
        return _web(tree)
    rooms = tree.python_rooms if room is None else (tree.room(room),)
    steps = _python(tree, rooms, everything=room is None)
    if room in (None, "cli"):
        steps += _shell(tree)
    if room is None:
        steps.append(Step("generated pages", (sys.executable, "-m", "dillinger", "docs", "--check"), tree.root))
        steps += _web(tree)
    return steps


def _python(tree: Tree, rooms: tuple[Room, ...], *, everything: bool) -> list[Step]:
    sources = [room.source for room in rooms]
    tests = [room.tests for room in rooms if any(room.tests.rglob("*.py"))]
    if everything:
        tests += [folder for folder in sorted((tree.root / "tests").iterdir()) if any(folder.rglob("*.py"))]
    paths = tuple(dict.fromkeys(str(path.relative_to(tree.root)) for path in (*sources, *tests)))
    return [
        Step("ruff", (_tool("ruff"), "check", *paths), tree.root),
        Step("ruff format", (_tool("ruff"), "format", "--check", *paths), tree.root),
        Step("mypy --strict", (_tool("mypy"), *paths), tree.root),
        Step("imports run down only", (_tool("lint-imports"),), tree.root),
    ]


def _shell(tree: Tree) -> list[Step]:
    scripts = [tree.root / "dillinger", *sorted((tree.root / "deploy").rglob("*.sh"))]
    names = tuple(str(script.relative_to(tree.root)) for script in scripts)
    syntax = 'for script do sh -n "$script" || exit 1; done'
    steps = [Step("shell syntax", ("sh", "-c", syntax, "sh", *names), tree.root)]
    if which("shellcheck"):
        steps.append(Step("shellcheck", ("shellcheck", "-x", *names), tree.root))
    return steps


def _web(tree: Tree) -> list[Step]:
    if not (tree.web / "package.json").is_file():
        return []
    node = node_folder()
    path = {"PATH": f"{node}:/usr/local/bin:/usr/bin:/bin"}
    tools = tree.web / "node_modules/.bin"
    return [
        Step("tsc", (str(tools / "tsc"), "--noEmit"), tree.web, path),
        Step("biome", (str(tools / "biome"), "check", "."), tree.web, path),
    ]
