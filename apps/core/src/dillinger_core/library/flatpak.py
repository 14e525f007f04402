"""The folder of a Flatpak app as a game: what its metadata say of how it starts.

An app's folder (`…/flatpak/app/ID/current/active`, or what `flatpak build` makes) has its files in `files/` and says in
`metadata` what it starts and which runtime it is made for; it expects its files in `/app`, where a cell has a link to
them. The runtime is not in it: what a cell lacks may come from one in the library. `flatpak` itself runs nothing here:
it would need namespaces of its own, which a cell does not give. Format: flatpak-metadata(5). Blocking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from dillinger_contracts import DillingerError, Invalid
from dillinger_contracts.cell import GAME, PATH

from . import volume
from .candidates import Candidate
from .desktop_entries import MAX_ENTRY_BYTES, parse_entry

FILES, METADATA = "files", "metadata"
_MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_KEY = re.compile(r"^\s*(?P<key>[A-Za-z0-9-]+)\s*=\s*(?P<value>.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Flatpak:
    """What the metadata say."""

    name: str
    """Such as `org.example.Game`."""
    command: str
    runtime: str
    """Such as `org.freedesktop.Platform/x86_64/23.08`."""
    title: str | None = None

    @property
    def program(self) -> str:
        """What is started, from the app's folder."""
        return f"{FILES}/bin/{self.command}"

    @property
    def environment(self) -> dict[str, str]:
        """What an app is told of where its files are."""
        files = f"{GAME}/{FILES}"
        return {
            "PATH": f"{files}/bin:{PATH}",
            "LD_LIBRARY_PATH": f"{files}/lib",
            "XDG_DATA_DIRS": f"{files}/share:/usr/local/share:/usr/share",
            "FLATPAK_ID": self.name,
        }

    def first(self, ranked: list[Candidate]) -> list[Candidate]:
        """The app's programs, what it starts first, each with what it is told."""
        told = [replace(one, environment=self.environment) for one in ranked]
        best = [replace(one, about=f"{one.about} of a Flatpak", doubt=None) for one in told if one.path == self.program]
        return [*best, *(one for one in told if one.path != self.program)]


def flatpak_of(root: Path, *parts: str) -> Flatpak | None:
    """The app in the folder `root/parts…`; None where there is none."""
    if not volume.is_folder(root, *parts, FILES):
        return None
    try:
        metadata = volume.read_inside(root, *parts, METADATA, limit_bytes=_MAX_BYTES)
        app = parse_metadata(metadata.decode("utf-8", "replace"))
    except DillingerError:
        return None
    try:
        place = (*parts, "export", "share", "applications", f"{app.name}.desktop")
        text = volume.read_inside(root, *place, limit_bytes=MAX_ENTRY_BYTES).decode("utf-8", "replace")
        return replace(app, title=parse_entry(text).name)
    except DillingerError:
        return app


def parse_metadata(text: str) -> Flatpak:
    """What `metadata` says; raises `Invalid` where it is no app's."""
    values: dict[str, str] = {}
    group = None
    for line in text.splitlines():
        if line.startswith("["):
            group = line.strip()[1:-1]
        elif group == "Application" and (found := _KEY.match(line)):
            values.setdefault(found["key"], found["value"])
    name = values.get("name", "")
    command = values.get("command", name).removeprefix("/app/bin/")
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(command):
        raise Invalid("The metadata are no Flatpak app's")
    return Flatpak(name, command, values.get("runtime", "")[:255])
