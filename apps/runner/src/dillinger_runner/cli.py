"""The runner's command line: serve it, look at its settings, change its keys, probe the machine, end what it left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from dillinger_contracts import Conflict, DillingerError
from dillinger_contracts.paths import places
from dillinger_contracts.settings import Origin, load

from . import app as composition
from . import keys as key_file
from .local import ask
from .logs import configure_logs
from .settings import RunnerSettings
from .store import SessionStore

cli = typer.Typer(help="Places and keeps the seats of games.", no_args_is_help=True, add_completion=False)
config_cli = typer.Typer(help="The settings and where each comes from.", no_args_is_help=True)
keys_cli = typer.Typer(help="API keys: several are good at once, the first is core's.", no_args_is_help=True)
cli.add_typer(config_cli, name="config")
cli.add_typer(keys_cli, name="keys")

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML, table [runner]).")]


@cli.command()
def serve(
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve the runner's API until SIGTERM or Ctrl-C; sessions go on unless stop_on_exit says otherwise."""
    with _told():
        settings, _ = _load(config, {"host": host, "port": port})
        configure_logs(settings.log_format)
        uvloop.run(composition.serve(settings))


@cli.command()
def probe(config: ConfigFile = None) -> None:
    """Print, as JSON, whether games can be held here; exit code 1 if not."""
    with _told():
        settings, _ = _load(config, {})
        found = asyncio.run(_probe(settings))
        typer.echo(json.dumps({"ok": found["ok"], "findings": found["findings"]}))
        if not found["ok"]:
            raise typer.Exit(1)


@cli.command("stop-all")
def stop_all(
    config: ConfigFile = None,
    now: Annotated[bool, typer.Option("--now", help="Kill them instead of asking them to end.")] = False,
) -> None:
    """End all sessions and the runner, if one runs; works without one too."""
    with _told():
        settings, _ = _load(config, {})
        configure_logs(settings.log_format)
        try:
            count = asyncio.run(composition.stop_everything(settings, grace_s=0 if now else settings.term_grace_s))
            typer.echo(f"{count} sessions ended")
        except Conflict:
            ask(settings, "POST", "/shutdown", {"stopSessions": True})
            typer.echo("The runner was asked to end its sessions and itself")


@config_cli.command("show")
def config_show(
    config: ConfigFile = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
) -> None:
    """Print all settings."""
    with _told():
        settings, origins = _load(config, {})
        for name in RunnerSettings.model_fields:
            source = f"  # {origins[name].source}" if origin else ""
            typer.echo(f"{name} = {getattr(settings, name)}{source}")


@keys_cli.command("list")
def keys_list(config: ConfigFile = None) -> None:
    """Print the keys' ids and names, the one that core uses first."""
    with _told():
        for key in key_file.load_keys(_load(config, {})[0].keys_path):
            typer.echo(f"{key.key_id}  {key.name}")


@keys_cli.command("add")
def keys_add(name: Annotated[str, typer.Option(help="For whom it is.")] = "", config: ConfigFile = None) -> None:
    """Make a key and print it; it is good at once."""
    with _told():
        typer.echo(key_file.add_key(_load(config, {})[0].keys_path, name).secret)


@keys_cli.command("rotate")
def keys_rotate(config: ConfigFile = None) -> None:
    """Make a new first key for core; the others stay good until they are removed."""
    with _told():
        key = key_file.add_key(_load(config, {})[0].keys_path, "core", is_first=True)
        typer.echo(f"{key.key_id} is core's key now; remove the old one when nobody uses it any more")


@keys_cli.command("remove")
def keys_remove(key_id: Annotated[str, typer.Argument(help="Id or name.")], config: ConfigFile = None) -> None:
    """Take a key away; it is refused from now on."""
    with _told():
        key_file.remove_key(_load(config, {})[0].keys_path, key_id)


def _load(config: Path | None, command_line: dict[str, object]) -> tuple[RunnerSettings, dict[str, Origin]]:
    default = places().config_file
    file = config or (default if default.exists() else None)
    return load(RunnerSettings, section="runner", command_line=command_line, file=file)


async def _probe(settings: RunnerSettings) -> dict[str, object]:
    backend = await composition.choose_backend(settings, SessionStore(settings.sessions_dir))
    try:
        return asdict(await backend.probe())
    finally:
        await backend.close()


@contextmanager
def _told() -> Iterator[None]:
    """Tells a person what went wrong, instead of a traceback."""
    try:
        yield
    except DillingerError as error:
        typer.echo(f"dillinger-runner: {error.message}", err=True)
        if error.hint:
            typer.echo(f"  {error.hint}", err=True)
        raise typer.Exit(3 if isinstance(error, Conflict) else 2) from error
    except OSError as error:
        typer.echo(f"dillinger-runner: {error.strerror or error}: {error.filename or ''}", err=True)
        raise typer.Exit(2) from error


def main() -> None:
    """Entry point."""
    cli()
