"""Reads `.desktop` files as the Desktop Entry Specification 1.5 says, as far as games need it. Pure.

Keys in other languages are skipped: the library shows the unlocalised name.
"""

from __future__ import annotations

from dataclasses import dataclass

from dillinger_contracts import Invalid

MAX_ENTRY_BYTES = 128 * 1024
_GROUP = "Desktop Entry"
_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\", ";": ";"}
_DROPPED_CODES = frozenset("fFuUdDnNvmik")
"""Files and URLs to open (there are none), the icon, the entry's path, and the deprecated ones."""


@dataclass(frozen=True, slots=True)
class DesktopEntry:
    """The keys of one entry that matter here, unescaped."""

    name: str
    comment: str
    exec_line: str
    try_exec: str
    icon: str
    kind: str
    categories: frozenset[str]
    is_hidden: bool
    """`NoDisplay` or `Hidden`."""
    is_terminal: bool

    @property
    def is_game(self) -> bool:
        """Whether it is a graphical game that menus show."""
        return self.kind == "Application" and "Game" in self.categories and not self.is_hidden and not self.is_terminal


def parse_entry(text: str) -> DesktopEntry:
    """The `[Desktop Entry]` group of `text`; raises `Invalid` when there is none or it has no name."""
    values: dict[str, str] = {}
    group: str | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("[") and stripped.endswith("]"):
            group = stripped[1:-1]
        elif group == _GROUP and "=" in stripped:
            key, _, value = stripped.partition("=")
            values.setdefault(key.rstrip(), unescape(value.lstrip()))
    if not values.get("Name"):
        raise Invalid("There is no [Desktop Entry] with a Name")
    return DesktopEntry(
        name=values["Name"],
        comment=values.get("Comment", ""),
        exec_line=values.get("Exec", ""),
        try_exec=values.get("TryExec", ""),
        icon=values.get("Icon", ""),
        kind=values.get("Type", ""),
        categories=frozenset(part for part in values.get("Categories", "").split(";") if part),
        is_hidden=values.get("NoDisplay") == "true" or values.get("Hidden") == "true",
        is_terminal=values.get("Terminal") == "true",
    )


def unescape(value: str) -> str:
    """`value` with the escapes of the type string resolved; unknown ones stay as they are."""
    out: list[str] = []
    position = 0
    while position < len(value):
        character = value[position]
        following = value[position + 1 : position + 2]
        if character == "\\" and following in _ESCAPES and following:
            out.append(_ESCAPES[following])
            position += 2
        else:
            out.append(character)
            position += 1
    return "".join(out)


def command_of(entry: DesktopEntry) -> tuple[str, ...]:
    """The argument list of the Exec key, without field codes; raises `Invalid` when it can't be read."""
    words = [_expand(word, entry) for word in _split(entry.exec_line)]
    command = tuple(word for word in words if word is not None)
    if not command or not command[0]:
        raise Invalid("Exec names no program")
    if "=" in command[0]:
        raise Invalid(f"Exec begins with {command[0]!r}, which is no program")
    return command


def _split(line: str) -> list[str]:
    words: list[str] = []
    position = 0
    while position < len(line):
        if line[position] == " ":
            position += 1
            continue
        word, position = _quoted(line, position + 1) if line[position] == '"' else _plain(line, position)
        words.append(word)
    return words


def _plain(line: str, start: int) -> tuple[str, int]:
    end = line.find(" ", start)
    end = len(line) if end < 0 else end
    return line[start:end], end


def _quoted(line: str, start: int) -> tuple[str, int]:
    out: list[str] = []
    position = start
    while position < len(line):
        character = line[position]
        if character == '"':
            return "".join(out), position + 1
        if character == "\\" and line[position + 1 : position + 2] in ('"', "`", "$", "\\"):
            position += 1
            character = line[position]
        out.append(character)
        position += 1
    raise Invalid("Exec has a quote that does not end")


def _expand(word: str, entry: DesktopEntry) -> str | None:
    """`word` without field codes; None when nothing but a dropped code was in it."""
    if "%" not in word:
        return word
    out: list[str] = []
    position = 0
    while position < len(word):
        character = word[position]
        if character != "%":
            out.append(character)
            position += 1
            continue
        code = word[position + 1 : position + 2]
        if code == "%":
            out.append("%")
        elif code == "c":
            out.append(entry.name)
        elif code not in _DROPPED_CODES or not code:
            raise Invalid(f"Exec has the unknown field code %{code}")
        position += 2
    return "".join(out) or None
