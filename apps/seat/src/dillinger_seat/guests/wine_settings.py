"""What a Windows game's entry says, as Wine takes it: variables and registry values. Pure."""

from __future__ import annotations

from dillinger_contracts.wine import RegistryValue, WineLaunch
from dillinger_saves.layout import PREFIXES

from .prefix import LAYERS

RegistryEdit = tuple[str, str, str, str | int]
"""File of the prefix, key, name, value; a number is a dword."""

_QUIET = "fixme-all"
_NOT_HERE = ("mscoree", "mshtml")
"""Wine's own need add-ons that it would offer to download; what a game brings or winetricks installs is let in."""
_FILES = {"HKEY_CURRENT_USER": "user.reg", "HKEY_LOCAL_MACHINE": "system.reg"}
_LINKED = "system\\currentcontrolset"


def prefix_path(home: str, name: str) -> str:
    """Where a prefix is, by its name."""
    return f"{home}/{PREFIXES}/{name}"


def wine_variables(launch: WineLaunch, home: str) -> dict[str, str]:
    """What every process of this prefix has to have."""
    absent = () if launch.winetricks else tuple(name for name in _NOT_HERE if name not in launch.dll_overrides)
    return {
        "WINEPREFIX": prefix_path(home, launch.prefix),
        "WINEARCH": launch.architecture,
        "WINEDEBUG": launch.wine_debug or _QUIET,
        "WINEDLLOVERRIDES": ";".join(f"{name}=" for name in ("winemenubuilder.exe", *absent)),
    }


def layers(launch: WineLaunch) -> list[str]:
    """What draws instead of Wine's own Direct3D."""
    return [name for name, is_wanted in (("dxvk", launch.dxvk), ("vkd3d", launch.vkd3d)) if is_wanted]


def registry_edits(settings: WineLaunch) -> list[RegistryEdit]:
    """The values that hold `settings`, the game's own last, so that they win."""
    user = "user.reg"
    edits: list[RegistryEdit] = [(user, "Software\\Wine\\WineDbg", "ShowCrashDialog", 0)]
    if settings.windows_version is not None:
        edits.append((user, "Software\\Wine", "Version", settings.windows_version))
    stood_in_for = [dll for layer in layers(settings) for dll in LAYERS[layer]]
    for name, order in (dict.fromkeys(stood_in_for, "native") | settings.dll_overrides).items():
        edits.append((user, "Software\\Wine\\DllOverrides", name, "" if order == "disabled" else order))
    if settings.virtual_desktop is not None:
        size = settings.virtual_desktop
        edits.append((user, "Software\\Wine\\Explorer", "Desktop", "Default"))
        edits.append((user, "Software\\Wine\\Explorer\\Desktops", "Default", f"{size.width_px}x{size.height_px}"))
    return [*edits, *(_edit_of(value) for value in settings.registry)]


def _edit_of(value: RegistryValue) -> RegistryEdit:
    root, _, key = value.key.partition("\\")
    if key.lower() == _LINKED or key.lower().startswith(f"{_LINKED}\\"):
        key = f"System\\ControlSet001{key[len(_LINKED) :]}"  # in the file there is only what the link leads to
    return _FILES[root], key, value.name, value.value
