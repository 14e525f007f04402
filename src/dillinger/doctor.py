"""`dillinger doctor`: tries each thing that Dillinger needs, and says what is missing and what mends it.

Each probe does the thing itself where it can (a sandbox is run, a frame is encoded); nothing here changes the machine.
What only other hardware could prove is told as unverified.
"""

from __future__ import annotations

import json
import os
import platform
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx2
import psutil

from dillinger_contracts.errors import DillingerError
from dillinger_contracts.session import HostScreen
from dillinger_runner.runtimes import runtimes
from dillinger_seat.cell.layers import overlay_refusal
from dillinger_seat.pads.library import INTERPOSER_FILE, MISSING
from dillinger_seat.pads.uinput import UINPUT

from .apps import Plan
from .ports import ensure_free
from .tree import Tree
from .up import runner_key

WHERE_IT_HAS_RUN = {("debian", "12"), ("debian", "13")}
LOW_DISK_BYTES = 2 << 30
LOW_MEMORY_BYTES = 1 << 30
PROBE_DEADLINE_S = 30


class Verdict(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    BAD = "bad"
    """Dillinger does not work without it."""
    ABSENT = "absent"
    """Something is not to be had; the rest works."""
    UNVERIFIED = "unverified"
    """It seems to be there, and was never tried on such a machine."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    detail: str
    mend: str = ""


def examine(plan: Plan, tree: Tree) -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    yield machine(_os_release(), platform.machine(), has_cgroups_2=Path("/sys/fs/cgroup/cgroup.controllers").exists())
    yield _python()
    yield from commands(tree.root / "deploy/debian-packages.txt")
    yield _pages(plan)
    yield from _runner()
    yield _warm_seats(plan)
    yield _xvfb()
    yield wayland()
    yield host_display(plan.runner.screen)
    yield _encoder()
    yield from windows_games(plan.runner.library_path)
    yield from _ports(plan)
    yield _disk(plan.core.state_dir)
    yield _memory()
    yield from gamepads(plan.runner.uinput_pads)
    yield from hardware()
    yield from hardware_encoders()


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def machine(release: Mapping[str, str], architecture: str, *, has_cgroups_2: bool) -> Finding:
    """What kind of machine this is, and whether the tests ran on one like it (docs/how-to/install.md)."""
    name = release.get("PRETTY_NAME", "an unknown distribution")
    cgroups = f"cgroups version {2 if has_cgroups_2 else 1}"
    has_run = (release.get("ID"), release.get("VERSION_ID")) in WHERE_IT_HAS_RUN
    is_known = has_run and architecture == "x86_64" and not has_cgroups_2
    mend = (
        "" if is_known else "docs/how-to/install.md tells where it has run; what is tried below is tried here and now"
    )
    verdict = Verdict.GOOD if is_known else Verdict.UNVERIFIED
    return Finding("machine", verdict, f"{name}, {architecture}, {cgroups}", mend)


def _python() -> Finding:
    return Finding("python", Verdict.GOOD, f"{sys.version.split()[0]} ({sys.executable})")


def commands(list_of_packages: Path, find: Callable[[str], str | None] | None = None) -> Iterator[Finding]:
    """Whether what the groups base and run bring can be called."""
    find = find or (lambda name: shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/games:/usr/sbin"))
    for line in list_of_packages.read_text("utf-8").splitlines():
        fields = line.split(maxsplit=3)
        if len(fields) == 4 and fields[0] in ("base", "run") and fields[2] != "-":
            _, package, command, purpose = fields
            if found := find(command):
                yield Finding(command, Verdict.GOOD, found)
            else:
                mend = f"./dillinger setup, or: apt-get install {package}"
                yield Finding(command, Verdict.BAD, f"not found: {purpose}", mend)


def _pages(plan: Plan) -> Finding:
    if plan.core.web_dir is not None and (plan.core.web_dir / "index.html").is_file():
        return Finding("web part", Verdict.GOOD, str(plan.core.web_dir))
    return Finding("web part", Verdict.BAD, "not built", "./dillinger setup")


def _runner() -> Iterator[Finding]:
    """What the runner says of sandbox and cgroups: it runs the real ones."""
    command = (sys.executable, "-m", "dillinger_runner", "probe")
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_DEADLINE_S, check=False)
        findings = json.loads(ended.stdout)["findings"]
        for entry in findings:
            verdict = Verdict.GOOD if entry["ok"] else Verdict.BAD if entry["is_needed"] else Verdict.ABSENT
            yield Finding(entry["name"], verdict, entry["detail"], entry.get("hint") or "")
    except subprocess.TimeoutExpired:
        yield Finding(
            "sandbox", Verdict.BAD, f"the probe did not end within {PROBE_DEADLINE_S} s", "try it: bwrap --help"
        )
    except (ValueError, KeyError, TypeError):
        last = (ended.stderr.strip().splitlines() or ["no word"])[-1]
        yield Finding("sandbox", Verdict.BAD, f"the runner can't probe: {last}", "./dillinger setup")


def _warm_seats(plan: Plan) -> Finding:
    """What the pool of a runner that runs costs now."""
    size = plan.runner.pool_size
    if not size:
        return Finding("warm seats", Verdict.GOOD, "none wait: each starts on the click (pool_size = 0)")
    try:
        headers = {"Authorization": f"Bearer {runner_key(plan)}"}
        answer = httpx2.get(f"{plan.runner_url}/pool", headers=headers, timeout=5, trust_env=False).raise_for_status()
    except (OSError, httpx2.HTTPError):
        return Finding("warm seats", Verdict.GOOD, f"{size} will wait while the runner runs (pool_size)")
    pool = answer.json()
    used = [seat["memoryBytes"] for seat in pool["seats"] if seat["memoryBytes"] is not None]
    ready = sum(seat["state"] == "warm" for seat in pool["seats"])
    detail = f"{ready} of {size} wait, {sum(used) / 1e6:.0f} MB together; {pool['given']} given, {pool['lost']} lost"
    if pool["problem"]:
        return Finding("warm seats", Verdict.ABSENT, f"{detail}: {pool['problem']}", "look at the runner's log")
    return Finding("warm seats", Verdict.GOOD, detail)


def _xvfb() -> Finding:
    """Starts a display and waits for its number."""
    server = shutil.which("Xvfb")
    if server is None:
        return Finding("display", Verdict.BAD, "no Xvfb", "apt-get install xvfb")
    reading, writing = os.pipe()
    command = (server, "-displayfd", str(writing), "-screen", "0", "64x64x24", "-nolisten", "tcp", "-terminate")
    process = subprocess.Popen(
        command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    try:
        is_up = bool(select.select([reading], [], [], PROBE_DEADLINE_S)[0]) and os.read(reading, 16) != b""
    finally:
        os.close(reading)
        process.terminate()
        _, said = process.communicate(timeout=PROBE_DEADLINE_S)
    if is_up:
        return Finding("display", Verdict.GOOD, "Xvfb starts")
    return Finding(
        "display",
        Verdict.BAD,
        f"Xvfb does not start: {said.strip()[-200:]}",
        "apt-get install xvfb x11-xkb-utils xkb-data",
    )


def wayland(find: Callable[[str], str | None] = shutil.which) -> Finding:
    """Whether games can have a Wayland desktop; the compositor refuses to be root, so it is not started here."""
    missing = [name for name in ("sway", "Xwayland") if find(name) is None]
    if missing:
        without = f'no {" and no ".join(missing)}: no games with desktop = "wayland"'
        return Finding("Wayland", Verdict.ABSENT, without, "apt-get install sway xwayland")
    return Finding("Wayland", Verdict.GOOD, f"{find('sway')}, {find('Xwayland')}")


def host_display(screen: HostScreen | None) -> Finding:
    """Whether a game could be shown on this machine's own display: a window is made there, and not shown."""
    from dillinger_seat.showing import open_window

    name = "host display"
    if screen is None:
        return Finding(name, Verdict.GOOD, "none: games are streamed alone (host_display)")
    try:
        window = open_window(screen, "Dillinger")
    except DillingerError as error:
        return Finding(name, Verdict.ABSENT, error.message, error.hint or "")
    width_px, height_px = window.display_px
    window.close()
    if screen.sound_server is None and shutil.which("pacat") is None:
        return Finding(name, Verdict.ABSENT, "no pacat: games there are silent", "apt-get install pulseaudio-utils")
    return Finding(name, Verdict.GOOD, f"{screen.display}, {width_px}x{height_px}")


def _encoder() -> Finding:
    """Lets the software encoder encode its frames."""
    from dillinger_stream.encode.base import EncoderSettings
    from dillinger_stream.encode.x264 import X264Encoder

    try:
        encoder = X264Encoder(EncoderSettings(width_px=64, height_px=64, bitrate_bps=1_000_000, rate_hz=60.0))
        try:
            encoder.self_test()
        finally:
            encoder.close()
    except DillingerError as error:
        return Finding("encoder", Verdict.BAD, error.message, error.hint or "")
    return Finding("encoder", Verdict.GOOD, f"{encoder.caps.name}, in software")


def windows_games(library_dir: Path) -> Iterator[Finding]:
    """What Windows games are played with, and the library's runtimes, for native ones too."""
    wine, *in_library = runtimes(library_dir, has_own_wine=False)
    if wine.is_installed:
        bits = "64 and 32 bit" if wine.has_32_bit else "64-bit programs only"
        yield Finding("Wine", Verdict.GOOD, f"{wine.version}, {bits}", wine.hint or "")
        refusal = overlay_refusal()
        if refusal is None:
            yield Finding("Windows drives", Verdict.GOOD, "overlays over a template: milliseconds and megabytes each")
        else:
            yield Finding("Windows drives", Verdict.ABSENT, f"each is filled in from a template: {refusal}")
    else:
        yield Finding("Wine", Verdict.ABSENT, f"{wine.problem}: no Windows games", wine.hint or "")
    for one in in_library:
        if one.is_installed and one.kind == "libraries":
            yield Finding(one.name, Verdict.GOOD, "libraries for native games")
        elif one.is_installed:
            detail = f"{one.version or 'it is there'}; no release was tried with a real Proton"
            yield Finding(one.name, Verdict.UNVERIFIED, detail)
        else:
            games = f", and {', '.join(one.needed_by)} want it" if one.needed_by else ""
            yield Finding(one.name, Verdict.ABSENT, f"{one.problem}{games}", one.hint or "")


def _ports(plan: Plan) -> Iterator[Finding]:
    for listener in plan.listeners:
        name = f"port {listener.port}"
        try:
            ensure_free([listener])
            yield Finding(name, Verdict.GOOD, f"free, for {listener.what}")
        except DillingerError as error:
            yield Finding(name, Verdict.ABSENT, error.message, error.hint or "")


def _disk(state_dir: Path) -> Finding:
    place = next(folder for folder in (state_dir, *state_dir.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    verdict = Verdict.GOOD if free >= LOW_DISK_BYTES else Verdict.BAD
    return Finding(
        "disk", verdict, f"{free / 1e9:.1f} GB free at {place}", "" if verdict is Verdict.GOOD else "make room"
    )


def _memory() -> Finding:
    available = psutil.virtual_memory().available
    verdict = Verdict.GOOD if available >= LOW_MEMORY_BYTES else Verdict.BAD
    return Finding(
        "memory", verdict, f"{available / 1e9:.1f} GB available", "" if verdict is Verdict.GOOD else "end something"
    )


def gamepads(uinput_pads: int, library: Path = INTERPOSER_FILE) -> Iterator[Finding]:
    """Whether the seat can give games gamepads, which takes a library that is compiled when it is installed."""
    if library.is_file():
        yield Finding("gamepads", Verdict.GOOD, "by a library in the game's process")
    else:
        yield Finding("gamepads", Verdict.ABSENT, MISSING, "apt-get install gcc libc6-dev, then ./dillinger setup")
    if not uinput_pads:
        return
    if os.access(UINPUT, os.R_OK | os.W_OK):
        yield Finding("uinput_pads", Verdict.UNVERIFIED, f"{UINPUT} may be used; it was never tried")
    else:
        mend = "modprobe uinput, and give its user the right to it and to what it makes (group input)"
        yield Finding(
            "uinput_pads", Verdict.ABSENT, f"{UINPUT} is not there or not this user's: the library serves", mend
        )


def hardware(device_folder: Path = Path("/dev")) -> Iterator[Finding]:
    """What a machine may have beyond the least."""
    things = (("graphics card", "dri", "games draw in software"),)
    for name, node, without in things:
        if (device_folder / node).exists():
            yield Finding(name, Verdict.UNVERIFIED, f"{device_folder / node} is there; it was never tried")
        else:
            yield Finding(name, Verdict.ABSENT, f"no {device_folder / node}: {without}")


def hardware_encoders(root: Path = Path("/")) -> Iterator[Finding]:
    """Which graphics cards' encoders there are: each is tried; without any, pictures are encoded in software."""
    from dillinger_stream.encode.hardware import probe_all

    for probe in probe_all(root):
        if probe.is_usable:
            yield Finding(probe.name, Verdict.UNVERIFIED, probe.reason)
        else:
            yield Finding(probe.name, Verdict.ABSENT, f"{probe.reason}: pictures are encoded in software", probe.hint)
