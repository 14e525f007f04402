"""The command line of `dillinger-stream`: `start`, `stop`, `status`, `trace`, `config`, `service`.

Exit codes: 0 done, or ended by somebody's wish; 1 it failed, and the message says what to do; 2 the command line or
the settings make no sense. What takes long to import is imported by the command that needs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from dillinger_contracts.errors import Conflict, DillingerError, Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from .control import StreamStatus
    from .run import Opened

app = typer.Typer(
    name="dillinger-stream",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    add_completion=False,
)
config_app = typer.Typer(
    help="The settings: what is in force, a file to copy, what is wrong with one.", no_args_is_help=True
)
app.add_typer(config_app, name="config")
service_app = typer.Typer(
    help="Streaming whenever you are logged in, as a service of your own systemd.", no_args_is_help=True
)
app.add_typer(service_app, name="service")

_STOP_S = 15.0
Level = Literal["debug", "info", "warning", "error"]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The settings file (TOML) instead of the usual one.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Any setting, over environment and file; repeatable."),
]
Host = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Address to listen at; another than loopback needs TLS, or --plain-http."),
]
Port = Annotated[int | None, typer.Option(metavar="PORT", help="Port to listen at; 0 takes any free one.")]


@app.callback()
def _root() -> None:
    """Stream the desktop of this machine to a browser: its picture, its sound, your keyboard and mouse."""


@app.command()
def start(
    display: Annotated[
        str | None,
        typer.Option("--display", metavar="NAME", help="The display, :0 or wayland-0; else that of this session."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="KIND", help="The kind of desktop: auto, x11, wayland, portal.")
    ] = None,
    host: Host = None,
    port: Port = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate (PEM), for https.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key (PEM).")] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Serve other machines without encryption, in a network that you trust.")
    ] = False,
    view_only: Annotated[bool, typer.Option("--view-only", help="All who come only watch.")] = False,
    bitrate_bps: Annotated[
        int | None, typer.Option(metavar="BITS", help="The most bits a second for the picture.")
    ] = None,
    rate_hz: Annotated[float | None, typer.Option(metavar="HZ", help="The most pictures a second.")] = None,
    no_sound: Annotated[bool, typer.Option("--no-sound", help="Stream no sound.")] = False,
    no_clipboard: Annotated[bool, typer.Option("--no-clipboard", help="Share nothing that is copied.")] = False,
    config: Config = None,
    override: Overrides = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="As --log-level info.")] = False,
    log_level: Annotated[
        Level | None,
        typer.Option(metavar="LEVEL", help="How bad a log line must be to be shown: debug, info, warning, error."),
    ] = None,
) -> None:
    """Stream a desktop, and print the address for the browser. Runs until Ctrl-C, `stop`, or the desktop's end."""
    _end_quietly()
    import uvloop

    from .logs import configure
    from .run import run
    from .settings import load_settings

    told: dict[str, dict[str, object]] = {
        "capture": {
            "display": display, "source": source,
            "sound": "off" if no_sound else None, "clipboard": False if no_clipboard else None,
        },
        "encoder": {"bitrate_bps": bitrate_bps, "rate_hz": rate_hz},
        "server": {
            "host": host, "port": port, "tls_cert": tls_cert, "tls_key": tls_key,
            "plain_http": plain_http or None, "view_only": view_only or None,
        },
    }  # fmt: skip
    settings, _ = load_settings(_merged(told, override), file=config)
    configure(log_level or ("info" if verbose else "warning"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, os.environ, on_open=_tell_opened, on_question=_say))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it has ended: a second Ctrl-C shall not make a failure of it
    _say("The stream has ended.")


@app.command()
def stop(
    display: Annotated[
        str | None, typer.Option("--display", metavar="NAME", help="The one of this display, if there are several.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of this user's, if there are several.")] = False,
) -> None:
    """End a stream that runs, and wait until it is gone."""
    from .control import ask

    running = _running()
    found = [(path, status) for path, status in running if display is None or _is_display(status, display)]
    if not found:
        if display is not None:
            raise NotFound(f"The display {display} is not streamed", hint="dillinger-stream status tells what is")
        print("no sessions")
        return
    if len(found) > 1 and not everything:
        names = ", ".join(status.display if status else path.stem for path, status in found)
        raise Conflict(f"Several displays are streamed: {names}", hint="Name one with --display, or give --all")
    for path, status in found:
        if status is None:
            raise Unavailable(f"The stream at {path} does not answer", hint="End its process by hand")
        pidfd = os.pidfd_open(status.pid)
        try:
            ask(path, "stop")
            if not select.select([pidfd], [], [], _STOP_S)[0]:
                raise Unavailable(f"The process {status.pid} has not ended within {_STOP_S:g} s")
        finally:
            os.close(pidfd)
        print(f"The stream of {status.display} has ended.")


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with every figure.")] = False,
) -> None:
    """Say what this user streams now, with the figures of the last second; `no sessions` where there is nothing."""
    running = _running()
    if as_json:
        sessions = [found.model_dump(mode="json", by_alias=False) for _, found in running if found is not None]
        silent = [path.stem for path, found in running if found is None]
        print(json.dumps({"sessions": sessions, "not_answering": silent}, indent=2))
        return
    if not running:
        print("no sessions")
    for path, found in running:
        print("\n".join(_told(found)) if found else f"{path.stem}: does not answer")


@app.command()
def trace(
    display: Annotated[
        str | None, typer.Option("--display", metavar="NAME", help="The one of this display, if there are several.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long to record.")] = 10.0,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the recording goes.")] = Path(
        "dillinger-trace.json"
    ),
) -> None:
    """Record what each picture of a stream goes through; ui.perfetto.dev and chrome://tracing open the file."""
    from dillinger_stream.recording import record, save

    from .control import ask_trace

    found = [(path, status) for path, status in _running() if status and (not display or _is_display(status, display))]
    if not found:
        raise NotFound("No such stream runs", hint="dillinger-stream status tells what does")
    if len(found) > 1:
        names = ", ".join(status.display for _, status in found)
        raise Conflict(f"Several displays are streamed: {names}", hint="Name one with --display")
    [(path, status)] = found
    print(save(record(lambda: ask_trace(path), seconds, time.sleep), output, title=status.display))


@config_app.command("show")
def config_show(config: Config = None, override: Overrides = None) -> None:
    """Print every setting in force, and where each comes from. Secrets are not shown."""
    from .settings import SECTIONS, load_settings

    settings, origins = load_settings(_merged({}, override), file=config)
    for section in SECTIONS:
        print(f"[{section}]")
        for name, origin in origins[section].items():
            value = getattr(getattr(settings, section), name)
            shown = " ".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else value
            print(f"{name} = {shown}   ({origin.source})")


@config_app.command("template")
def config_template() -> None:
    """Print a settings file with every setting, its meaning, its limits and its default, all of it commented out."""
    from .settings import config_template as text

    print(text(), end="")


@config_app.command("check")
def config_check(
    file: Annotated[Path | None, typer.Argument(help="The file; else the usual one.")] = None,
) -> None:
    """Say whether a settings file (with this environment) makes sense; if not, what is wrong with it."""
    from .settings import config_file, load_settings

    load_settings({}, file=file)
    used = config_file(file, os.environ)
    print(f"{used} makes sense." if used else "There is no settings file; the defaults are in force.")


@service_app.command("install")
def service_install() -> None:
    """Install, enable and start it with the settings of the file; a second time brings it up to date."""
    from .service import install

    install(_program())
    print("Installed and started. dillinger-stream status tells its addresses,")
    print("journalctl --user -u dillinger-stream what it has to say.")


@service_app.command("remove")
def service_remove() -> None:
    """Stop it and remove it; the settings stay."""
    from .service import remove

    print("Removed." if remove() else "There was no service.")


@service_app.command("print")
def service_print() -> None:
    """Print the unit that would be installed."""
    from .service import unit_text

    print(unit_text(_program()), end="")


def _program() -> list[str]:
    """This program, as others run it."""
    called = Path(shutil.which(sys.argv[0]) or sys.argv[0]).absolute()
    return [sys.executable, "-m", __package__] if called.name == "__main__.py" else [str(called)]


def _merged(told: dict[str, dict[str, object]], override: Sequence[str] | None) -> dict[str, dict[str, object]]:
    """`told` and what `--set` says over it; raises `Invalid`."""
    merged = {section: dict(values) for section, values in told.items()}
    for text in override or ():
        where, equals, value = text.partition("=")
        section, dot, name = where.partition(".")
        if not (equals and dot and name):
            raise Invalid(f"--set takes SECTION.NAME=VALUE, not {text}", hint="Such as --set encoder.rate_hz=30")
        merged.setdefault(section, {})[name] = value
    return merged


def _running() -> list[tuple[Path, StreamStatus | None]]:
    """The control sockets that somebody listens at, and what he says; None for one who does not answer."""
    from .control import ask
    from .instance import ensure_private, runtime_folder, sockets

    folder = runtime_folder(os.environ, uid=os.getuid())
    found: list[tuple[Path, StreamStatus | None]] = []
    if not folder.exists():
        return found
    for path in sockets(ensure_private(folder)):
        try:
            found.append((path, ask(path, "status")))
        except NotFound:
            continue  # what a killed one left behind
        except Unavailable:
            found.append((path, None))
    return found


def _is_display(status: StreamStatus | None, display: str) -> bool:
    from .sources.x11 import display_name

    name = display_name(display) if ":" in display else display.rpartition("/")[2]
    return status is not None and status.display == name


def _told(found: StreamStatus) -> list[str]:
    """One stream, for people."""
    from dillinger_stream.times_table import lines as times_lines

    stats = found.stats
    sound = "with sound" if found.has_sound else "without sound"
    lines = [
        f"{found.display}  process {found.pid}, since {found.started_at.astimezone():%Y-%m-%d %H:%M}, {sound}",
        *_addresses(found.address, found.watch_address, is_view_only=found.is_view_only),
    ]
    figures = [f"{stats.peers} viewer{'' if stats.peers == 1 else 's'}"]
    if stats.peers and stats.width_px and stats.height_px:
        figures.append(f"{stats.width_px}x{stats.height_px}")
    if stats.peers and stats.capture_fps is not None:
        figures.append(f"{stats.capture_fps:.0f} pictures/s")
    if stats.peers and stats.bitrate_bps is not None:
        figures.append(f"{stats.bitrate_bps / 1e6:.2f} Mbit/s")
    if stats.peers and stats.encode_ms_p50 is not None:
        figures.append(f"encoding {stats.encode_ms_p50:.1f} ms")
    return [*lines, f"  {', '.join(figures)}", *(f"  {line}" for line in times_lines(stats))]


def _addresses(address: str, watch_address: str, *, is_view_only: bool) -> list[str]:
    return ([] if is_view_only else [f"  play   {address}"]) + [f"  watch  {watch_address}"]


def _tell_opened(opened: Opened) -> None:
    lines = [
        f"Streaming the desktop {opened.desktop}. Open in a browser:",
        *_addresses(opened.address, opened.watch_address, is_view_only=opened.is_view_only),
        *([f"There is no sound: {opened.silence}"] if opened.silence else []),
        "Whoever has an address gets in. Ctrl-C ends the stream.",
    ]
    _say("\n".join(lines))


def _say(text: str) -> None:
    """To whoever still reads it: a closed terminal or pipe is no reason to fail."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def _end_quietly() -> None:
    """Until the loop takes signals over, nothing has begun: to be told to end is no failure."""

    def leave(number: int, frame: object) -> NoReturn:
        sys.exit(0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


def main() -> None:
    """Entry point of `dillinger-stream`."""
    try:
        app(prog_name="dillinger-stream")
    except DillingerError as error:
        print(f"dillinger-stream: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(2 if isinstance(error, Invalid) else 1)
