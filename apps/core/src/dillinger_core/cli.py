"""The command line `python -m dillinger_core`: serve, and what an admin needs beside it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Annotated

import typer

from dillinger_contracts import DillingerError, Invalid

from .settings import CoreSettings, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
config_app = typer.Typer(no_args_is_help=True, help="Settings.")
admin_app = typer.Typer(no_args_is_help=True, help="Accounts.")
library_app = typer.Typer(no_args_is_help=True, help="The library.")
app.add_typer(config_app, name="config")
app.add_typer(admin_app, name="admin")
app.add_typer(library_app, name="library")

Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting, over environment and file.")
]


def main() -> None:
    """Runs the command line; an error that a person can mend is one sentence and exit code 1."""
    try:
        app()
    except DillingerError as error:
        print(f"dillinger core: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(1)


@app.command()
def serve(override: Overrides = None) -> None:
    """Serve pages and API until SIGTERM or SIGINT."""
    # Settings first: what is wrong with them is told before half a second of imports.
    settings = _settings(override)
    from .logs import configure_logs
    from .server import run

    configure_logs()
    run(settings)
    # All is closed by now; taking half a thousand modules apart would keep the person at the terminal for a second.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    from .api.web import openapi_document

    typer.echo(json.dumps(openapi_document(), indent=2, sort_keys=True, ensure_ascii=False))


@config_app.command("show")
def config_show(
    override: Overrides = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
) -> None:
    """Print every setting in force."""
    settings, origins = load_settings(_parse(override))
    for name in sorted(CoreSettings.model_fields):
        value = getattr(settings, name)
        shown = " ".join(str(part) for part in value) if isinstance(value, tuple) else value
        typer.echo(f"{name} = {shown}" + (f"   ({origins[name].source})" if origin else ""))


@admin_app.command("reset-password")
def admin_reset_password(
    name: Annotated[str, typer.Argument(help="Whose password.")] = "admin", override: Overrides = None
) -> None:
    """Give a user a new one-time password and end its logins."""
    from .auth import Gate, Passwords
    from .store import Database, Logins, Users

    settings = _settings(override)

    async def reset() -> str | None:
        database = await Database.open(settings.database)
        try:
            return await Gate(settings, Users(database), Logins(database), Passwords()).reset_password(name)
        finally:
            await database.close()

    password = asyncio.run(reset())
    if password is None:
        raise Invalid(f"There is no user {name}")
    typer.echo(f"name: {name}\npassword: {password}\nIt is good until the first login, which has to change it.")


@library_app.command("scan")
def library_scan(override: Overrides = None) -> None:
    """Search installed games and look at the library now; print what is there."""
    from .library import Library
    from .store import Database, GameIndex

    settings = _settings(override)

    async def scan() -> None:
        database = await Database.open(settings.database)
        try:
            settings.library.mkdir(parents=True, exist_ok=True)
            library = Library(settings, GameIndex(database), changed=lambda: None)
            await library.search()
            for entry in await library.games():
                typer.echo(
                    f"{entry.game_id}: {entry.title}" + (f" (problem: {entry.problem})" if entry.problem else "")
                )
        finally:
            await database.close()

    asyncio.run(scan())


def _settings(override: list[str] | None) -> CoreSettings:
    return load_settings(_parse(override))[0]


def _parse(override: list[str] | None) -> dict[str, object]:
    parsed: dict[str, object] = {}
    for text in override or []:
        name, separator, value = text.partition("=")
        if not separator:
            raise Invalid(f"--set takes NAME=VALUE, not {text}")
        parsed[name] = value
    return parsed
