"""Writes what an image is made of, as CycloneDX 1.5, to /usr/share/doc/dillinger/sbom.json.

Debian's packages and Python's, by name, version and purl.

Standard library only; runs in the image itself, as the last step of its build. The same content gives the same text.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

SBOM = Path("/usr/share/doc/dillinger/sbom.json")


def debian() -> list[dict[str, str]]:
    """Every installed package of Debian."""
    form = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
    listed = subprocess.run(["dpkg-query", "-W", "-f", form], capture_output=True, text=True, check=True).stdout
    rows = (line.split("\t") for line in listed.splitlines())
    return [
        component(name, version, f"pkg:deb/debian/{name}@{version}?arch={architecture}")
        for status, name, version, architecture in rows
        if status == "installed"
    ]


def python(folders: list[str]) -> list[dict[str, str]]:
    """Every distribution in `folders`."""
    found = ((one.name, one.version) for one in importlib.metadata.distributions(path=folders))
    return [component(name, version, f"pkg:pypi/{name.lower()}@{version}") for name, version in sorted(found)]


def component(name: str, version: str, purl: str) -> dict[str, str]:
    """One entry."""
    return {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}


def main() -> None:
    """`sbom.py IMAGE [FOLDER…]`: what image it is, and where its Python packages are."""
    image, *folders = sys.argv[1:]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": image, "bom-ref": image}},
        "components": debian() + python([str(found) for folder in folders for found in Path("/").glob(folder[1:])]),
    }
    SBOM.parent.mkdir(parents=True, exist_ok=True)
    SBOM.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
