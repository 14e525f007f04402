"""Which of a folder's programs is the game: pure, on what a survey found.

A guess, and shown as one: every program is offered, the likeliest first, with what speaks against it.
"""

from __future__ import annotations

import math
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dillinger_contracts import LaunchSpec, NativeLaunch, WineLaunch
from dillinger_contracts.game import INSTALLED_PREFIX
from dillinger_programs import Format, Program

_UNPACKED = {Format.APPIMAGE: {"APPIMAGE_EXTRACT_AND_RUN": "1"}}
"""A cell has no FUSE: an AppImage unpacks itself into the cell's scratch space at each start."""
_REDISTRIBUTABLE = re.compile(
    r"vc_?redist|dxsetup|dxwebsetup|dotnet|oalinst|physx|xnafx|directx|ue4prereq|ue5prereq|gfwl|webview2", re.I
)
_REDISTRIBUTABLE_FOLDER = re.compile(
    r"(^|/)(_?commonredist|redist(ributables?)?|directx|__installer|prereq[^/]*)/", re.I
)
_INSTALLER = "an installer"
_DOUBTS: tuple[tuple[re.Pattern[str], str, int], ...] = (
    (re.compile(r"^unins|uninst", re.I), "an uninstaller", -90),
    (re.compile(r"crash|bugreport|bugsplat|report(er)?$|dump", re.I), "a crash reporter", -80),
    (re.compile(r"^(set-?up|install(er)?)|setup$|installer", re.I), _INSTALLER, -60),
    (re.compile(r"server|dedicated", re.I), "a server", -40),
    (re.compile(r"edit(or)?|config|settings|tool|bench|update|patch|helper|convert|dump|test", re.I), "a tool", -30),
    (re.compile(r"launch", re.I), "a launcher", -10),
)
_INSTALLED_C = f"{INSTALLED_PREFIX}/drive_c"
_WINES_OWN = re.compile(
    rf"{re.escape(_INSTALLED_C)}/(windows|ProgramData|"
    r"Program Files( \(x86\))?/(Common Files|Internet Explorer|Windows [^/]+))/"
)
"""What Wine itself put on a Windows drive."""
_TERMINAL = ("xterm", "-fa", "Monospace", "-fs", "14", "-maximized", "-e")
_SOFT_NAMES = re.compile(r"^(start|run|play|game|launch)([._-]|$)", re.I)


@dataclass(frozen=True, slots=True)
class Found:
    """A program in a game's folder."""

    path: str
    """From the game's folder, with slashes."""
    program: Program
    size_bytes: int
    is_executable: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that may be the game."""

    path: str
    about: str
    """What it is, for people: `Windows program, 64 bit`."""
    kind: Literal["native", "wine"] | None
    """How it would start; None where nothing of this release starts it."""
    doubt: str | None
    """Why it is likely not the game, or can't be started."""
    score: float
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it is told, beside what every game is."""
    installer: Format | None = None
    """What kind of installer it is, where its bytes say so."""

    @property
    def is_installer(self) -> bool:
        """Whether it has to be run once before there is a game."""
        return self.doubt == _INSTALLER


def rank(found: Iterable[Found], name: str, *, machine: str | None = None) -> list[Candidate]:
    """The programs of the game called `name`, the likeliest first; libraries are left out."""
    here = machine or platform.machine()
    own = [one for one in found if not one.program.is_library and not _WINES_OWN.match(one.path)]
    ranked = [_judged(one, name, here) for one in own]
    return sorted(ranked, key=lambda one: (one.kind is None, -one.score, one.path))


def _judged(found: Found, name: str, machine: str) -> Candidate:
    program, stem = found.program, found.path.rpartition("/")[2].rpartition(".")[0] or found.path.rpartition("/")[2]
    kind, obstacle = _kind(program, machine)
    doubt, score = obstacle, 100.0 - 8 * found.path.count("/")
    if program.installer:
        doubt, score = doubt or _INSTALLER, score - 60
    elif _REDISTRIBUTABLE.search(stem) or _REDISTRIBUTABLE_FOLDER.search(found.path):
        doubt, score = doubt or "a part that games bring along", score - 80
    else:
        for pattern, word, points in _DOUBTS:
            if pattern.search(stem):
                doubt, score = doubt or word, score + points
                break
    score += _likeness(stem, name) + min(10.0, math.log10(found.size_bytes + 1))
    if program.format is Format.SCRIPT:
        score += 15 if _SOFT_NAMES.search(stem) else -20
    if program.is_console:
        score -= 15
    if program.bits == 64:
        score += 5
    if kind == "native":
        score += 10
    installer = program.format if program.installer else None
    return Candidate(found.path, about(program), kind, doubt, round(score, 1), installer=installer)


def _kind(program: Program, machine: str) -> tuple[Literal["native", "wine"] | None, str | None]:
    """How it starts, and else why it does not."""
    match program.format:
        case Format.ELF | Format.APPIMAGE:
            fits = program.machine == machine or (machine == "x86_64" and program.machine == "i386")
            return ("native", None) if fits else (None, f"made for {program.machine}, and this machine is {machine}")
        case Format.SCRIPT:
            return "native", None
        case Format.PE:
            fits = program.machine in ("i386", "x86_64")
            return ("wine", None) if fits else (None, f"made for Windows on {program.machine}")
        case Format.DOS | Format.NE:
            return None, "16-bit programs can't be started yet"
        case Format.MSI:
            return "wine", _INSTALLER
        case Format.MAKESELF:
            return "native", _INSTALLER
        case Format.ARCHIVE:
            return None, "an archive, which has to be unpacked first"


def about(program: Program) -> str:
    """What it is, for people."""
    bits = f", {program.bits} bit" if program.bits else ""
    match program.format:
        case Format.PE:
            return f"Windows {'console ' if program.is_console else ''}program{bits}"
        case Format.ELF:
            return f"Linux program{bits}"
        case Format.APPIMAGE:
            return f"AppImage{bits}"
        case Format.SCRIPT:
            return f"Script for {(program.interpreter or 'a shell').rpartition('/')[2]}"
        case Format.NE:
            return "Program for Windows 3"
        case Format.DOS:
            return "MS-DOS program"
        case Format.MSI:
            return "Windows Installer package"
        case Format.MAKESELF:
            return "Self-extracting installer for Linux"
        case Format.ARCHIVE:
            return "Archive"


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _likeness(stem: str, name: str) -> float:
    """Points for being called like the game."""
    ours, theirs = _letters(re.sub(r"(?i)[._-]?(x86_64|x64|x86|win64|win32|linux64|linux)$", "", stem)), _letters(name)
    if not ours or not theirs:
        return 0
    if ours == theirs:
        return 40
    initials = "".join(word[0] for word in re.findall(r"[A-Za-z0-9]+", name)).lower()
    if len(ours) > 2 and (ours in theirs or theirs in ours):
        return 25
    return 15 if len(initials) > 2 and ours == initials else 0


def launch_of(candidate: Candidate, program: Program | None = None) -> LaunchSpec | None:
    """How `candidate` is started by default; None where it can't be."""
    command: tuple[str, ...] = (f"./{candidate.path}",)
    if candidate.installer is Format.MAKESELF:  # it asks its questions in a terminal
        return NativeLaunch(command=(*_TERMINAL, "/bin/sh", *command, "--nox11"), directory="game")
    if candidate.installer is Format.MSI:
        return WineLaunch(command=("msiexec", "/i", "Z:\\game\\" + candidate.path.replace("/", "\\")))
    if candidate.path.startswith(f"{_INSTALLED_C}/"):
        command = ("C:\\" + candidate.path.removeprefix(f"{_INSTALLED_C}/").replace("/", "\\"),)
    if candidate.kind == "native":
        environment = {**(_UNPACKED.get(program.format, {}) if program else {}), **candidate.environment}
        return NativeLaunch(command=command, directory="game", environment=environment)
    return WineLaunch(command=command) if candidate.kind == "wine" else None


def title_of(name: str) -> str:
    """A title from a folder's or a file's name: `Super_Tux-0.6.3-linux64` → `Super Tux`."""
    words = re.split(r"[\s._-]+", re.sub(r"\.(exe|appimage|x86_64|x86|sh|zip)$", "", name, flags=re.I))
    kept: list[str] = []
    for word in words:
        if kept and re.fullmatch(
            r"v?\d+|linux\d*|win(dows|32|64)?|x64|x86|64|32bit|64bit|setup|amd64|portable|gog", word, re.I
        ):
            if not re.fullmatch(r"\d{1,4}", word) or kept[-1].isdigit():
                break
            if len(words) > words.index(word) + 1 and words[words.index(word) + 1].isdigit():
                break
        if word:
            kept.append(word)
    text = " ".join(kept) or name
    return (text if any(letter.isupper() for letter in text) else text.title())[:200].strip() or "Game"


def id_of(title: str) -> str:
    """A game id from a title; empty where nothing of it can stay."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:64].strip("-")
