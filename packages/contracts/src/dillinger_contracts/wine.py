"""How a Windows game starts: under Wine, or under a Proton that lies in the library; what winecfg sets, as data.

A prefix is a Windows drive with its registry: each player has their own for each game, by name, since a game and its
editor may want different ones. What is said here is written into the prefix before each start, so that a line that is
changed is in force the next time; what is not said stays as the game or its player left it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from .launch import Argument, Command, Environment, refuse_reserved
from .model import HeightPx, Model, WidthPx

WINE_TEMPLATE = "/opt/dillinger/wine-template"
"""In a cell: the prefix that new ones are made of, read-only."""
RUNTIMES = "/opt/dillinger/runtimes"
"""In a cell: the library's runtimes, read-only."""
RUNTIMES_FOLDER = "runtimes"
"""In the library: a folder for each Proton, as its archive has it. No game can have this id: it has no `game.toml`."""

PREFIX_NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$"
PrefixName = Annotated[str, StringConstraints(pattern=PREFIX_NAME_PATTERN)]
RuntimeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$")]
WindowsVersion = Literal[
    "win11", "win10", "win81", "win8", "win7", "win2008", "vista", "win2003", "winxp64", "winxp", "win2k", "nt40",
    "winme", "win98", "win95", "win31",
]  # fmt: skip
DllName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._*-]{0,63}$")]
LoadOrder = Literal["native", "builtin", "native,builtin", "builtin,native", "disabled"]
DebugChannels = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+,:.-]{1,200}$")]
Verb = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_=.-]{0,63}$")]

_ROOTS = {
    "HKCU": "HKEY_CURRENT_USER",
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKEY_CURRENT_USER": "HKEY_CURRENT_USER",
    "HKEY_LOCAL_MACHINE": "HKEY_LOCAL_MACHINE",
}
_KEY = re.compile(r"[^\\\x00-\x1f\[\]]{1,255}(?:\\[^\\\x00-\x1f\[\]]{1,255}){0,31}")
_DWORD_END = 1 << 32
_OURS = frozenset({"WINEPREFIX", "WINEARCH", "WINEDLLOVERRIDES", "WINEDEBUG", "WINELOADER", "WINESERVER"})


def _keep_wine_s(value: dict[str, str]) -> dict[str, str]:
    refuse_reserved(value, _OURS, ("STEAM_COMPAT_",))
    return value


WineEnvironment = Annotated[Environment, AfterValidator(_keep_wine_s)]


class RegistryValue(Model):
    """One value of the prefix's registry."""

    key: str = Field(max_length=1024)
    r"""Such as `HKEY_CURRENT_USER\Software\My Game`; `HKCU` and `HKLM` are understood."""
    name: Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f]*$")] = ""
    """Empty for the key's default value."""
    type: Literal["string", "dword"] = "string"
    value: Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")] | int

    @field_validator("key")
    @classmethod
    def _is_key(cls, value: str) -> str:
        root, _, path = value.partition("\\")
        if root.upper() not in _ROOTS:
            raise ValueError("a key starts with HKEY_CURRENT_USER or HKEY_LOCAL_MACHINE")
        if not _KEY.fullmatch(path):
            raise ValueError("a key has names between its backslashes")
        return f"{_ROOTS[root.upper()]}\\{path}"

    @model_validator(mode="after")
    def _fits(self) -> RegistryValue:
        if isinstance(self.value, int) is not (self.type == "dword"):
            raise ValueError("a dword takes a number, a string takes a text")
        if isinstance(self.value, int) and not 0 <= self.value < _DWORD_END:
            raise ValueError("a dword has 32 bits")
        return self


class VirtualDesktop(Model):
    """A window of Wine's own that a game takes for the whole screen."""

    width_px: WidthPx
    height_px: HeightPx


class WineSettings(Model):
    """What winecfg sets."""

    windows_version: WindowsVersion | None = None
    dll_overrides: dict[DllName, LoadOrder] = Field(default_factory=dict, max_length=128)
    virtual_desktop: VirtualDesktop | None = None
    registry: tuple[RegistryValue, ...] = Field(default=(), max_length=256)


class WineLaunch(WineSettings):
    """A Windows program under the cell's Wine."""

    kind: Literal["wine"] = "wine"
    command: Command
    r"""The first is a file of the game's folder (`./bin/game.exe`), a Windows path (`C:\…`), an absolute path of the
    cell, or a program that Wine brings (`notepad`)."""
    directory: Literal["program", "game", "home"] = "program"
    """Where it starts: most Windows games look for their files beside themselves."""
    environment: WineEnvironment = Field(default_factory=dict)
    prefix: PrefixName = "default"
    architecture: Literal["win64", "win32"] = "win64"
    """`win64` runs 32-bit programs too, where the machine's Wine has its 32-bit half."""
    dxvk: bool = False
    """Direct3D 8 to 11 by Vulkan instead of OpenGL."""
    vkd3d: bool = False
    """Direct3D 12 by vkd3d-proton instead of Wine's own."""
    winetricks: tuple[Verb, ...] = Field(default=(), max_length=32)
    """What winetricks installs into the prefix, once each. The cell has no network: what it would download has to be in
    the library's `runtimes/winetricks/<verb>/`, or in the player's own cache."""
    wine_debug: DebugChannels | None = None
    """WINEDEBUG; without it Wine says what went wrong and no more."""

    @property
    def program(self) -> str:
        """The program's file name, without its folders."""
        return re.split(r"[\\/]", self.command[0])[-1]


class ProtonLaunch(Model):
    """A Windows program under a Proton of the library (`library/runtimes/<runtime>/proton`)."""

    kind: Literal["proton"] = "proton"
    command: Command
    """The first is a file of the game's folder (`./bin/game.exe`), an absolute path of the cell, or a Windows path."""
    directory: Literal["program", "game", "home"] = "program"
    environment: WineEnvironment = Field(default_factory=dict)
    runtime: RuntimeName
    """The folder's name, such as `GE-Proton9-20`."""
    app_id: int = Field(default=0, ge=0, le=0xFFFF_FFFF)
    """Steam's number of the game, by which Proton knows what it needs; 0 where it has none."""
    prefix: PrefixName = "default"
    wine_debug: DebugChannels | None = None

    @property
    def program(self) -> str:
        """The program's file name, without its folders."""
        return re.split(r"[\\/]", self.command[0])[-1]


__all__ = [
    "RUNTIMES",
    "RUNTIMES_FOLDER",
    "WINE_TEMPLATE",
    "Argument",
    "ProtonLaunch",
    "RegistryValue",
    "VirtualDesktop",
    "WineLaunch",
    "WineSettings",
]
