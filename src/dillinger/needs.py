"""What an app is made of: those of our own packages that it needs, and its part of requirements.lock.

An image of one app holds that app's dependencies and no others, and is built again only when one of those changes. Our
packages say in their pyproject.toml whom they need; the lock says of each package for whose sake it is there
(`# via …`, by `uv pip compile`): so both are found without a network. Standard library only, since a Dockerfile runs
this file by itself.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==")
_VIA = re.compile(r"^\s+#\s+(?:via\s+)?([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\(.*)?$")
_REQUIRED = re.compile(r"^[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Package:
    """One of our own distributions."""

    name: str
    folder: Path
    requires: frozenset[str]
    optional: frozenset[str]
    """What it needs for an extra only, which no app asks for."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of the lock."""

    name: str
    text: str
    """Its lines for pip: version, marker, hashes."""
    via: frozenset[str]
    """Who asked for it."""


def own_packages(root: Path, name: str) -> list[Package]:
    """The distribution `name` of the workspace at `root` and those of ours that it needs, lowest first.

    Raises `KeyError` when there is none of that name.
    """
    known = {package.name: package for package in _workspace(root)}
    ordered: dict[str, Package] = {}

    def add(one: str) -> None:
        for needed in sorted(known[one].requires & known.keys()):
            if needed not in ordered:
                add(needed)
        ordered[one] = known[one]

    add(name)
    return list(ordered.values())


def _workspace(root: Path) -> Iterator[Package]:
    for file in sorted([*root.glob("apps/*/pyproject.toml"), *root.glob("packages/*/pyproject.toml")]):
        project = tomllib.loads(file.read_text("utf-8"))["project"]
        required = _names(project.get("dependencies", ()))
        extras = project.get("optional-dependencies", {})
        optional = _names(line for lines in extras.values() for line in lines)
        yield Package(project["name"], file.parent, required, optional - required)


def _names(lines: Iterable[str]) -> frozenset[str]:
    return frozenset(found[0] for line in lines if (found := _REQUIRED.match(line)))


def pins(lock: str) -> Iterator[Pin]:
    """All packages of the lock's text."""
    name, lines, via = "", list[str](), set[str]()
    for line in [*lock.splitlines(), "end=="]:
        if begins := _PIN.match(line):
            if name:
                yield Pin(name, "\n".join(lines), frozenset(via))
            name, lines, via = begins[1], [line], set()
        elif asked := _VIA.match(line):
            via.add(asked[1])
        elif name and line.strip() and not line.lstrip().startswith("#"):
            lines.append(line)


def locked_part(lock: str, roots: Iterable[str], own: Iterable[Package] = ()) -> str:
    """What `roots` need, and those of them that the lock has itself, as a requirements file with hashes.

    The lock does not tell an extra's packages from the others: `own` does.
    """
    found = list(pins(lock))
    optional = {package.name: package.optional for package in own}
    wanted = set(roots)

    def is_wanted(pin: Pin) -> bool:
        return any(pin.name not in optional.get(name, ()) for name in pin.via & wanted)

    while more := {pin.name for pin in found if is_wanted(pin)} - wanted:
        wanted |= more
    return "".join(f"{pin.text}\n" for pin in found if pin.name in wanted)


def main(arguments: Sequence[str]) -> int:
    """`needs.py ROOT folders NAME` prints the folders of our packages; `needs.py ROOT lock NAME…` the lock's part."""
    if len(arguments) < 3 or arguments[1] not in ("folders", "lock"):
        print("usage: needs.py ROOT folders NAME | needs.py ROOT lock NAME...", file=sys.stderr)
        return 2
    root, what, *names = Path(arguments[0]), *arguments[1:]
    if what == "folders":
        print(*(package.folder for package in own_packages(root, names[0])), sep="\n")
        return 0
    own = [package for name in names if name.startswith("dillinger-") for package in own_packages(root, name)]
    roots = [*names, *(package.name for package in own)]
    part = locked_part((root / "requirements.lock").read_text("utf-8"), roots, own)
    print(part, end="")
    return 0 if part else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
