"""Commands that look after an installation: `setup`, `service`, `admin`, `upgrade`, `uninstall`, `completion`.

What takes root or works without Python is the launcher's; such a command is here for its help, and hands over to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from dillinger.terminal import console
from dillinger.tree import find_tree

app = typer.Typer()
PANEL = "This machine"


class Shell(StrEnum):
    """A shell that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command(rich_help_panel=PANEL)
def setup() -> None:
    """Install what is needed and start nothing: packages, Python environment, web part."""
    # The launcher has done so by the time this runs.
    console.print("Everything is installed. [bold]./dillinger up[/] starts it.")


service_app = typer.Typer(
    help="Dillinger as a systemd service that starts with the machine (root).", no_args_is_help=True
)
app.add_typer(service_app, name="service", rich_help_panel=PANEL)


@service_app.command()
def install() -> None:
    """Install, enable and start the service; a second time brings it up to date."""
    from dillinger import service

    service.install(find_tree())
    console.print(
        "Installed and started. [bold]systemctl status dillinger[/] tells how it is, "
        "[bold]journalctl -u dillinger[/] what it says, with the first login."
    )


@service_app.command()
def remove() -> None:
    """Stop the service and remove it; data stays."""
    from dillinger import service

    console.print("Removed." if service.remove() else "There was no service.")


admin_app = typer.Typer(help="What an admin needs beside the pages.", no_args_is_help=True)
app.add_typer(admin_app, name="admin", rich_help_panel=PANEL)


@admin_app.command("reset-password")
def reset_password(
    name: Annotated[str, typer.Argument(help="Whose password.")] = "admin",
    state_dir: Annotated[Path | None, typer.Option(help="Where data is kept.")] = None,
    config: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="The settings file.")] = None,
) -> None:
    """Give a user a new one-time password and end its logins; Dillinger may be running."""
    from dillinger.apps import Overrides

    os.environ.update(Overrides(state_dir=state_dir, config=config).environment())
    # Core's own command: the accounts are core's to change.
    ended = subprocess.run((sys.executable, "-m", "dillinger_core", "admin", "reset-password", name), check=False)
    raise typer.Exit(ended.returncode)


@app.command(rich_help_panel=PANEL)
def upgrade() -> None:
    """Fetch the newest version (git pull --ff-only), install what it needs, restart the service if there is one."""
    _hand_over("upgrade")


@app.command(rich_help_panel=PANEL)
def uninstall(
    purge: Annotated[bool, typer.Option("--purge", help="Remove data too: games, saves, settings.")] = False,
) -> None:
    """Remove what Dillinger made on this machine: environment, service, user, cgroups. Data stays, unless --purge."""
    _hand_over("uninstall", *(("--purge",) if purge else ()))


@app.command(rich_help_panel=PANEL)
def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print a script that completes this command line; source it, or put it where your shell looks."""
    from typer._completion_shared import get_completion_script

    print(get_completion_script(prog_name="dillinger", complete_var="_DILLINGER_COMPLETE", shell=shell.value))


def _hand_over(*arguments: str) -> None:
    launcher = find_tree().root / "dillinger"
    os.execv(launcher, [str(launcher), *arguments])  # noqa: S606 - our own launcher, no shell
