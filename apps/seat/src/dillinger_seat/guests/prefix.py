"""Makes a Wine prefix ready, inside the cell: with the game's rights, so that nothing it left can mislead a seat.

Runs as `/usr/bin/python3 -I -S -c TEXT WISH READY_FD`: the standard library and the module that knows Wines, no more;
their text travels as an argument, so that it needs no file in any kind of cell. WISH is JSON (`wish` in `wine.py`); one
line of JSON on READY_FD says what was found. What is printed is for the log; the last line tells why it failed, if it
did.

A prefix is drive and registry. Most of it, 690 MB, is Wine's own: a template that every prefix shares. Where an overlay
of the template is mounted over the prefix, nothing has to be made; else what is missing is filled in: shared blocks
where the file system can, links to a template that nobody can write to, copies otherwise. Without a template Wine makes
the prefix itself, which takes seconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from dillinger_programs.wine import GET_32_BIT, GET_WINE, has_32_bit, version_of, wine_loader, wine_version

REGISTRY_FILES = ("user.reg", "system.reg")
LAYERS = {"dxvk": ("d3d8", "d3d9", "d3d10core", "d3d11", "dxgi"), "vkd3d": ("d3d12", "d3d12core")}
"""Which of Wine's libraries each stands in for."""
SYSTEM_FOLDERS = (("system32", 64), ("syswow64", 32))
DOWNLOADS = "winetricks"
"""Among the library's runtimes: what winetricks would download, a folder for each verb, since a cell has no network."""
_REGISTRY_HEAD = "WINE REGISTRY Version 2"
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FICLONE = 0x40049409
_WORTH_SHARING_BYTES = 32 * 1024
_PE_I386 = 0x14C


class FailedError(Exception):
    """The prefix can't be had; the message is a sentence for the player."""


# The registry: Wine keeps it in text files while no server runs. Pure, but for the last two.


def quoted(text: str) -> str:
    """`text` as it stands between quotes in a registry file."""
    return "".join(_ESCAPES.get(c) or (c if " " <= c <= "~" else _by_number(c)) for c in text)


def _by_number(char: str) -> str:
    raw = char.encode("utf-16-le", "surrogatepass")
    return "".join(f"\\x{unit:04x}" for unit in struct.unpack(f"<{len(raw) // 2}H", raw))


def header(key: str) -> str:
    """The line that a key's values stand under, without its time."""
    return f"[{quoted(key)}]"


def registry_line(name: str, value: str | int) -> str:
    """A value's line: a number is a dword."""
    left = f'"{quoted(name)}"' if name else "@"
    return f"{left}=dword:{value:08x}" if isinstance(value, int) else f'{left}="{quoted(value)}"'


def merged(text: str, edits: list[tuple[str, str, str | int | None]]) -> str:
    """The registry file `text` with each (key, name, value) set, or taken away where the value is None."""
    lines = text.rstrip("\n").split("\n")
    for key, name, value in edits:
        _edit(lines, key, name, value)
    return "\n".join(lines) + "\n"


def _edit(lines: list[str], key: str, name: str, value: str | int | None) -> None:
    fresh = [] if value is None else [registry_line(name, value)]
    start = next((at for at, line in enumerate(lines) if line.lower().startswith(header(key).lower())), None)
    if start is None:
        lines += ["", f"{header(key)} 0", *fresh] if fresh else []
        return
    end = next((at for at in range(start + 1, len(lines)) if lines[at].startswith("[")), len(lines))
    left = (f'"{quoted(name)}"=' if name else "@=").lower()
    found = next((at for at in range(start + 1, end) if lines[at].lower().startswith(left)), None)
    if found is None:
        lines[start + 1 : start + 1] = fresh
        return
    after = found + 1
    while after < end and lines[after - 1].endswith("\\"):  # a long one goes on in the next line
        after += 1
    lines[found:after] = fresh


def write_registry(prefix: Path, edits: list[tuple[Any, ...]]) -> None:
    """Sets (file, key, name, value) in the prefix's registry files; only what differs is written."""
    for name in sorted({edit[0] for edit in edits}):
        text = (prefix / name).read_text("latin-1")
        if not text.startswith(_REGISTRY_HEAD):
            raise FailedError(f"The prefix is damaged: {name} is no registry. Reset it")
        fresh = merged(text, [edit[1:] for edit in edits if edit[0] == name])
        if fresh != text:
            write_whole(prefix / name, fresh)


def write_whole(path: Path, text: str) -> None:
    """Writes the file, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, "latin-1")
    part.replace(path)


# The drive.


def fill(template: Path, prefix: Path) -> int:
    """Gives `prefix` what it lacks of `template`; what is there stays. Returns how many files were made."""
    made = 0
    is_fixed = bool(os.statvfs(template).f_flag & os.ST_RDONLY)
    waiting = [template]
    while waiting:
        folder = waiting.pop()
        there = prefix / folder.relative_to(template)
        there.mkdir(parents=True, exist_ok=True)
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                waiting.append(entry)
            elif not stat.S_ISCHR(entry.lstat().st_mode):  # an overlay's mark of what an installer removed
                made += give(entry, there / entry.name, is_fixed=is_fixed)
    return made


def give(source: Path, target: Path, *, is_fixed: bool) -> bool:
    """One file, shared where that is safe: the template has other users, and a game must not write into it."""
    if target.is_symlink() or target.exists():
        is_dead_link = target.is_symlink() and not source.is_symlink() and not target.exists()
        if not is_dead_link and not stat.S_ISCHR(target.lstat().st_mode):
            return False
        target.unlink()  # a link into a template that has gone, or an overlay's mark of a deleted file
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif not is_worth_sharing(source) or not (cloned(source, target) or linked(source, target, is_fixed)):
        shutil.copyfile(source, target)
    return True


def is_worth_sharing(source: Path) -> bool:
    """Whether it is more than a block or some."""
    return source.stat().st_size >= _WORTH_SHARING_BYTES


def cloned(source: Path, target: Path) -> bool:
    """Whether `target` is a copy now that shares its blocks (ioctl_ficlone(2))."""
    with source.open("rb") as old, target.open("wb") as new, contextlib.suppress(OSError):
        fcntl.ioctl(new, _FICLONE, old.fileno())
        return True
    target.unlink()
    return False


def linked(source: Path, target: Path, is_fixed: bool) -> bool:
    """Whether `target` is a link now. Only Wine's own libraries, which installers replace and don't write into."""
    if is_fixed and "windows" in source.parts:
        target.symlink_to(source)
        return True
    return False


# Wine itself.


def boot(loader: str, option: str, environment: dict[str, str]) -> None:
    """Lets Wine make (`-i`) or bring up to date (`-u`) the prefix, without a display, and waits until it is on disk."""
    quiet = {name: value for name, value in environment.items() if name not in ("DISPLAY", "XAUTHORITY")}
    for command in ([loader, "wineboot", option], ["wineserver", "-w"]):
        subprocess.run(command, env=quiet, stdin=subprocess.DEVNULL, check=True)


def is_32_bit(program: str) -> bool:
    """Whether a PE file is for 32-bit Windows; False too for what is none (it may be for Wine to find)."""
    try:
        with Path(program).open("rb") as file:
            head = file.read(64)
            if head[:2] != b"MZ" or len(head) < 64:
                return False
            file.seek(struct.unpack_from("<I", head, 60)[0])
            signature = file.read(6)
    except OSError:
        return False
    return len(signature) == 6 and signature[:4] == b"PE\0\0" and struct.unpack_from("<H", signature, 4)[0] == _PE_I386


def drive_path(prefix: Path, windows_path: str) -> Path | None:
    r"""Where `C:\…` is, whatever its letters' case; None where it is not there or on another drive."""
    drive, _, rest = windows_path.replace("/", "\\").partition("\\")
    if drive.lower() != "c:":
        return None
    at = prefix / "drive_c"
    for part in rest.split("\\"):
        entries = at.iterdir() if at.is_dir() else iter(())
        found = next((entry for entry in entries if entry.name.lower() == part.lower()), None)
        if found is None:
            return None
        at = found
    return at


# All of it.


def read_state(path: Path) -> dict[str, Any]:
    """What the last session left; nothing where that can't be read."""
    try:
        state = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def ensure_made(wish: dict[str, Any], prefix: Path, state: dict[str, Any], loader: str) -> str:
    """The prefix's drive and registry, of this Wine; says what was done."""
    template, version = Path(wish["template"]), wine_version()
    installed = Path(wish["installed"])  # what the game's installer left, which is below the player's own
    is_new = state.get("base") is None
    if is_new and wish["installed"] and installed.is_dir():
        state["base"] = read_state(installed.with_suffix(".json")).get("base")
        if not prefix.is_mount():
            fill(installed, prefix)
    is_there = (prefix / "system.reg").exists()
    is_new = not is_there or state.get("base") is None
    is_current = not is_new and state.get("base") == version
    done = "kept"
    if prefix.is_mount():
        done = "laid over the template" if is_new else done
    elif version is not None and version_of(template) == version and wish["architecture"] == "win64":
        if not (is_current and state.get("is_whole")):
            done = f"filled in {fill(template, prefix)} files"
    elif not is_there:
        boot(loader, "-i", wish["environment"])
        done = "made by Wine"
    state["is_whole"] = not prefix.is_mount()
    if not is_new and not is_current:
        boot(loader, "-u", wish["environment"])
        done = f"{done}, brought up to this Wine"
    state["base"] = version
    return done


def apply_settings(wish: dict[str, Any], prefix: Path, state: dict[str, Any]) -> None:
    """Writes what the game's entry says, and takes back what it said the last time and no longer does."""
    wanted = [tuple(edit) for edit in wish["registry"]]
    places = {edit[:3] for edit in wanted}
    before = [tuple(edit[:3]) for edit in state.get("registry", []) if isinstance(edit, list) and len(edit) == 4]
    dropped = [(*place, None) for place in before if place not in places and place[0] in REGISTRY_FILES]
    write_registry(prefix, [*dropped, *wanted])
    state["registry"] = [list(edit) for edit in wanted]


def apply_layers(wish: dict[str, Any], prefix: Path, state: dict[str, Any]) -> None:
    """Puts the libraries of DXVK and vkd3d-proton in the place of Wine's own, and those back that nobody wishes now."""
    before = [name for name in state.get("layers", []) if name in LAYERS]
    for folder, bits in SYSTEM_FOLDERS:
        system = prefix / "drive_c/windows" / folder
        if not system.is_dir():
            continue
        for name in before:
            if name not in wish["layers"]:
                template = Path(wish["template"]) / "drive_c/windows" / folder
                put_libraries(template, LAYERS[name], system)
        for name in wish["layers"]:
            found = layer_folder(name, Path(wish["runtimes"]), bits)
            if found is not None:
                put_libraries(found, LAYERS[name], system)
            elif bits == 64:
                raise FailedError(f"There is no {name} here. Unpack its release into the library: runtimes/{name}-…")
    state["layers"] = list(wish["layers"])


def layer_folder(name: str, runtimes: Path, bits: int) -> Path | None:
    """Where its libraries are: the newest in the library's runtimes, or the system's package."""
    unpacked = sorted(runtimes.glob(f"{name}*/{'x64' if bits == 64 else 'x[38]*'}"))
    system = Path(f"/usr/lib/{name}/wine{bits}")
    if unpacked:
        return unpacked[-1]
    return system if system.is_dir() else None


def put_libraries(source: Path, names: tuple[str, ...], folder: Path) -> None:
    """Those that are there; never through a link, which may lead to what others use.

    Debian builds DXVK as ELF libraries, which Wine takes by a link that has the library's Windows name.
    """
    for name in names:
        library, built_as_elf, target = source / f"{name}.dll", source / f"{name}.dll.so", folder / f"{name}.dll"
        if library.is_file():
            target.unlink(missing_ok=True)
            shutil.copyfile(library, target)
        elif built_as_elf.is_file():
            target.unlink(missing_ok=True)
            target.symlink_to(built_as_elf)


def run_winetricks(wish: dict[str, Any], state: dict[str, Any]) -> None:
    """Each verb once."""
    done = [verb for verb in state.get("winetricks", []) if isinstance(verb, str)]
    fresh = [verb for verb in wish["winetricks"] if verb not in done]
    if not fresh:
        return
    if shutil.which("winetricks") is None:
        raise FailedError("There is no winetricks on this machine. Install it (Debian has it in contrib)")
    if not has_32_bit():  # what sets a value is a 32-bit program to it
        raise FailedError(f"winetricks wants the 32-bit half of Wine, which is not here. Install it: {GET_32_BIT}")
    downloads = Path(wish["runtimes"]) / DOWNLOADS
    environment = wish["environment"] | ({"W_CACHE": str(downloads)} if downloads.is_dir() else {})
    ended = subprocess.run(["winetricks", "-q", *fresh], env=environment, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode:
        raise FailedError(
            f"winetricks {' '.join(fresh)} failed with code {ended.returncode}: cell.log has its words. "
            f"What it downloads has to be in the library: runtimes/{DOWNLOADS}/<verb>/<file>"
        )
    state["winetricks"] = [*done, *fresh]


def start_folder(program: str, prefix: Path, home: str) -> str:
    """The program's own folder, where it is known and there."""
    path = Path(program) if program.startswith("/") else drive_path(prefix, program)
    return str(path.parent) if path is not None and path.parent.is_dir() else home


def ready(wish: dict[str, Any]) -> dict[str, Any]:
    """Makes the prefix ready; what the seat needs to know. Raises `FailedError` or an OSError."""
    loader = wine_loader()
    if loader is None:
        raise FailedError(f"There is no Wine on this machine. Install it: {GET_WINE}")
    if wish["program"].startswith("/") and not Path(wish["program"]).is_file():
        raise FailedError("The file is not there. Mend the command in game.toml")
    if not has_32_bit(loader) and (wish["architecture"] == "win32" or is_32_bit(wish["program"])):
        raise FailedError(f"This is a 32-bit program, and the Wine here has no 32-bit half. Install it: {GET_32_BIT}")
    prefix = Path(wish["environment"]["WINEPREFIX"])
    prefix.mkdir(mode=0o700, parents=True, exist_ok=True)
    notes = prefix.with_name(f"{prefix.name}.json")
    state = read_state(notes)
    done = ensure_made(wish, prefix, state, loader)
    apply_settings(wish, prefix, state)
    apply_layers(wish, prefix, state)
    run_winetricks(wish, state)
    write_whole(notes, json.dumps(state))
    print(f"prefix {prefix.name}: {done}", flush=True)
    return {"loader": loader, "folder": start_folder(wish["program"], prefix, wish["environment"]["HOME"])}


def main() -> None:
    """Takes the wish from the command line."""
    wish = json.loads(sys.argv[1])
    try:
        found = ready(wish)
    except FailedError as failure:
        sys.exit(str(failure))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"The prefix can't be made ready: {error}")
    with os.fdopen(int(sys.argv[2]), "w", encoding="ascii") as said:
        said.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
