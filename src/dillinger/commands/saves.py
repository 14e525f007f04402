"""Commands for players' saves: `games saves`, `reset`, `export`, `import`, `installed`.

They work on the volume itself, whether Dillinger runs or not; what is being played they leave alone, by the same locks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from dillinger.terminal import console

if TYPE_CHECKING:
    from dillinger_saves.archive import Progress
    from dillinger_saves.layout import GameSaves

GameId = Annotated[str, typer.Argument(metavar="ID", help="The game's id, as `games list` prints it.")]
User = Annotated[
    str | None, typer.Option("--user", help="Whose; may be left out where only one user has saves of the game.")
]


def add_to(app: typer.Typer) -> None:
    """Makes these commands of `app`."""
    app.command("saves")(show)
    app.command("reset")(reset)
    app.command("export")(export)
    app.command("import")(import_archive)
    app.command("installed")(installed)


def show(game_id: GameId, user: User = None) -> None:
    """Print what a player has of a game, how much of what may be had, and its Windows drives."""
    from dillinger.commands.games import _size
    from dillinger_saves.listing import contents

    saves, who = _saves(game_id, user)
    found, limit_bytes = contents(saves), _limit_bytes(game_id)
    console.print(f"{who}: {_size(found.used_bytes)} of {_size(limit_bytes)} in {saves.home}", soft_wrap=True)
    console.print(f"  changed in the game's own folder: {_size(found.game_folder_bytes)}")
    for prefix in found.prefixes:
        console.print(f"  {prefix.kind} prefix [bold]{prefix.name}[/]: {_size(prefix.used_bytes)}")


def reset(
    game_id: GameId,
    user: User = None,
    prefix: Annotated[str | None, typer.Option(help="Only this Windows drive: it is its template again.")] = None,
    game_folder: Annotated[
        bool, typer.Option("--game-folder", help="Only what the game changed in its own folder.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Empty a player's saves of a game, or a part of them; asks on a terminal. Not while it is played."""
    from dillinger_contracts import Invalid
    from dillinger_saves.locks import alone
    from dillinger_saves.reset import reset as take_back

    if prefix is not None and game_folder:
        raise Invalid("Either --prefix or --game-folder: they are two resets")
    saves, who = _saves(game_id, user)
    what = f"the prefix {prefix}" if prefix else "what it changed in its own folder" if game_folder else "everything"
    question = f"Reset {what} that {who} has of {game_id}? It can't be taken back"
    if not yes and sys.stdin.isatty() and not typer.confirm(question):
        raise typer.Exit(1)
    saves.make()
    with alone(saves):
        take_back(saves, "prefix" if prefix else "game_folder" if game_folder else "everything", prefix or "")
    console.print(f"Reset {escape(what)} of {game_id} for {who}.")


def export(
    game_id: GameId, file: Annotated[Path, typer.Argument(help="The archive to write, a zip file.")], user: User = None
) -> None:
    """Write all that a player has of a game into one archive. Not while it is played."""
    from dillinger.commands.games import _called_from
    from dillinger_contracts import Invalid
    from dillinger_saves.archive import Progress, write_archive
    from dillinger_saves.listing import contents
    from dillinger_saves.locks import alone

    saves, who = _saves(game_id, user)
    target = _called_from(file)
    saves.make()
    progress = Progress(total_bytes=contents(saves).used_bytes)
    try:
        with alone(saves), target.open("xb") as out:
            _shown("exporting", progress, lambda: write_archive(saves, game_id, out, progress))
    except FileExistsError as error:
        raise Invalid(f"There is a file {target} already") from error
    except OSError as error:
        raise Invalid(f"{target} can't be written: {error.strerror}") from error
    if progress.left_out:
        console.print(f"  left out (no file, folder or link, or a name that is no text): {progress.left_out}")
    console.print(f"{target} has what {who} has of {game_id}.", soft_wrap=True)


def import_archive(
    game_id: GameId,
    file: Annotated[Path, typer.Argument(help="An archive that `games export` or the page made.")],
    user: User = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put an archive in the place of what a player has of a game; asks on a terminal. Not while it is played."""
    from dillinger.commands.games import _called_from
    from dillinger_contracts import NotFound
    from dillinger_saves.archive import Progress
    from dillinger_saves.locks import alone
    from dillinger_saves.restore import restore

    saves, who = _saves(game_id, user)
    question = f"Replace all that {who} has of {game_id}? It can't be taken back"
    if not yes and sys.stdin.isatty() and not typer.confirm(question):
        raise typer.Exit(1)
    progress, limit_bytes = Progress(), _limit_bytes(game_id)
    saves.make()
    try:
        source = _called_from(file).open("rb")
    except OSError as error:
        raise NotFound(f"{file} can't be read: {error.strerror}") from error
    with source, alone(saves):
        _shown("importing", progress, lambda: restore(saves, game_id, source, progress, limit_bytes=limit_bytes))
    console.print(f"{who} has the saves of {game_id} that were in {file.name}.", soft_wrap=True)


def installed(game_id: GameId, user: User = None) -> None:
    """Take over what a game's installer left for whoever clicked through it: it becomes the game, for every player."""
    import tempfile

    from dillinger.commands.games import _library
    from dillinger_core.library.installed import take_over
    from dillinger_saves.archive import Progress, write_archive
    from dillinger_saves.locks import alone
    from dillinger_saves.reset import reset as take_back

    library = _library()
    saves, who = _saves(game_id, user)
    saves.make()
    with alone(saves), tempfile.TemporaryFile(dir=library) as archive:
        packing, unpacking = Progress(), Progress()
        _shown("packing", packing, lambda: write_archive(saves, game_id, archive, packing))
        archive.seek(0)
        found = take_over(library, game_id, archive, unpacking)
        take_back(saves, "everything")
    console.print(
        f"What {who} has installed is the game now. It starts [bold]{escape(found[0].path)}[/]", soft_wrap=True
    )
    for other in found[1:8]:
        doubt = f" [yellow]{escape(other.doubt)}[/]" if other.doubt else ""
        console.print(f"  also there: {escape(other.path)}{doubt}", soft_wrap=True)


def _saves(game_id: str, user: str | None) -> tuple[GameSaves, str]:
    """The folders that are meant, and whose they are; raises `NotFound` or `Invalid`."""
    from dillinger.apps import Overrides, make_plan
    from dillinger_contracts import Invalid, NotFound
    from dillinger_saves.layout import GameSaves

    root = make_plan(Overrides(), None).runner.saves_path
    if user is not None:
        return GameSaves.of(root, user, game_id), user
    try:
        users = sorted(entry.name for entry in root.iterdir() if (entry / game_id).is_dir())
    except OSError:
        users = []
    if not users:
        raise NotFound(
            f"Nobody has saves of {game_id[:80]}", hint="Name the user where there will be some: --user NAME"
        )
    if len(users) > 1:
        raise Invalid(f"Several users have saves of {game_id}: {', '.join(users)}", hint="Name one: --user NAME")
    return GameSaves.of(root, users[0], game_id), users[0]


def _limit_bytes(game_id: str) -> int:
    from dillinger.commands.games import _library
    from dillinger_contracts import DillingerError, Resources
    from dillinger_core.library import entries

    try:
        return entries.load(_library(), game_id)[0].resources.saves_bytes
    except DillingerError:  # saves outlive their game
        return Resources().saves_bytes


def _shown(doing: str, progress: Progress, work: Callable[[], None]) -> None:
    """Runs `work` in a thread and shows how far it is."""
    import threading

    from rich.progress import BarColumn, DownloadColumn
    from rich.progress import Progress as Bar

    failure: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            failure.append(error)

    worker = threading.Thread(target=run)
    with Bar(BarColumn(), DownloadColumn(), console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing)
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.1)
                bar.update(task, completed=progress.done_bytes, total=max(1, progress.total_bytes))
        except KeyboardInterrupt:
            progress.is_cancelled = True
            worker.join()
            raise
    if failure:
        raise failure[0]
