"""Commands for what runs: `sessions list`, `times`, `trace`, `limits`. They ask this machine's runner."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from dillinger.terminal import console

if TYPE_CHECKING:
    from dillinger_runner.settings import RunnerSettings

app = typer.Typer()
PANEL = "Play"
sessions_app = typer.Typer(help="The games that are being played.", no_args_is_help=True)
app.add_typer(sessions_app, name="sessions", rich_help_panel=PANEL)

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
StateDir = Annotated[Path | None, typer.Option(help="Where data is kept.")]
SessionIdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `sessions list` prints it.")]
Config = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The settings file.")]


@sessions_app.command("list")
def show_all(state_dir: StateDir = None, config: Config = None) -> None:
    """Print the sessions that have not ended: id, state, game, user, and where those stand that wait for room."""
    from dillinger_runner.local import ask

    for session in ask(runner_settings(state_dir, config), "GET", "/sessions")["sessions"]:
        if session["state"] != "ended":
            queue = session["queue"]
            place = f"  {queue['place']} of {queue['length']} in the queue: {queue['reason']}" if queue else ""
            words = (session["sessionId"], session["state"], session["gameId"], session["userId"])
            console.print(escape("  ".join(words) + place), soft_wrap=True)


@sessions_app.command("times")
def times(session_id: SessionIdArgument, state_dir: StateDir = None, config: Config = None) -> None:
    """Print where the time of a session's pictures goes, and what to do about it: the last second's figures."""
    from dillinger_contracts import RunnerSession
    from dillinger_runner.local import ask
    from dillinger_stream.times_table import legend, lines

    found = ask(runner_settings(state_dir, config), "GET", f"/sessions/{checked(session_id)}")
    stats = RunnerSession.model_validate(found).stats
    told = lines(stats) if stats is not None else []
    if not told:
        told = ["Nothing moved, or nobody watched, in the last second: a still picture takes no time."]
    console.print(escape("\n".join([*told, "", *legend()])), soft_wrap=True)


@sessions_app.command("trace")
def trace(
    session_id: SessionIdArgument,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long to record.")] = 10.0,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where the recording goes.")] = Path(
        "dillinger-trace.json"
    ),
    state_dir: StateDir = None,
    config: Config = None,
) -> None:
    """Record what each picture of a session goes through; ui.perfetto.dev and chrome://tracing open the file."""
    from dillinger_contracts.stages import StreamTrace
    from dillinger_runner.local import ask
    from dillinger_stream.recording import record, save

    settings, path = runner_settings(state_dir, config), f"/sessions/{checked(session_id)}/trace"
    recorded = record(lambda: StreamTrace.model_validate(ask(settings, "GET", path)), seconds, time.sleep)
    console.print(escape(save(recorded, output, title=session_id)), soft_wrap=True)


@sessions_app.command("limits")
def limits(
    session_id: SessionIdArgument,
    memory: Annotated[str | None, typer.Option(help="Memory, as 512M or 6G.")] = None,
    swap: Annotated[str | None, typer.Option(help="What may be swapped out beside that.")] = None,
    cpu: Annotated[float | None, typer.Option(help="Processor cores.")] = None,
    pids: Annotated[int | None, typer.Option(help="Processes and threads.")] = None,
    disk_weight: Annotated[int | None, typer.Option(help="Share of a busy disk, 10 to 1000.")] = None,
    state_dir: StateDir = None,
    config: Config = None,
) -> None:
    """Print what a session may use; with options, change it while the game runs."""
    from dillinger_runner.local import ask

    wish: dict[str, Any] = {
        "memoryBytes": None if memory is None else size_bytes(memory),
        "swapBytes": None if swap is None else size_bytes(swap),
        "cpuCores": cpu,
        "pids": pids,
        "diskWeight": disk_weight,
    }
    wish = {name: value for name, value in wish.items() if value is not None}
    path = f"/sessions/{checked(session_id)}/limits"
    settings = runner_settings(state_dir, config)
    found = ask(settings, "PATCH", path, wish) if wish else ask(settings, "GET", path)
    mib = {name: f"{found[f'{name}Bytes'] / (1 << 20):.0f} MiB" for name in ("memory", "swap", "saves", "scratch")}
    console.print(
        f"memory {mib['memory']}  swap {mib['swap']}  cores {found['cpuCores']:g}  processes {found['pids']}  "
        f"disk weight {found['diskWeight']}  saves {mib['saves']}  scratch {mib['scratch']}",
        soft_wrap=True,
    )
    if found["problem"]:
        console.print(escape(found["problem"]), soft_wrap=True)


def checked(session_id: str) -> str:
    """A session's id; raises Invalid for what can be none."""
    from dillinger_contracts import Invalid
    from dillinger_contracts.model import SESSION_ID_PATTERN

    if not re.fullmatch(SESSION_ID_PATTERN, session_id):
        raise Invalid(f"{session_id} is no session's id", hint="dillinger sessions list prints them")
    return session_id


def size_bytes(text: str) -> int:
    """A size with its unit, `512M`, `1.5GiB`; raises Invalid."""
    from dillinger_contracts import Invalid

    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise Invalid(f"{text} is no size", hint="Write it as 512M or 6G")
    return round(float(match[1]) * _UNITS[match[2].upper()])


def runner_settings(state_dir: Path | None = None, config: Path | None = None) -> RunnerSettings:
    """What the runner of this machine is told, to find it."""
    from dillinger.apps import Overrides, settings_file
    from dillinger_contracts.settings import load
    from dillinger_runner.settings import RunnerSettings

    os.environ.update(Overrides(state_dir=state_dir, config=config).environment())
    return load(RunnerSettings, section="runner", file=settings_file())[0]
