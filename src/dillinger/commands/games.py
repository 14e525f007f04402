"""Commands for the library of games: `games add`, `list`, `remove`, `network`, `check`; those for saves are in `saves`.

They work on the volume itself, whether Dillinger runs or not; a running one sees the change at its next look.
"""

from __future__ import annotations

import getpass
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from dillinger.commands import saves
from dillinger.terminal import console, errors

if TYPE_CHECKING:
    from dillinger_contracts import Game
    from dillinger_core.library.candidates import Candidate
    from dillinger_core.library.survey import Survey

app = typer.Typer()
PANEL = "Play"
games_app = typer.Typer(help="The games of the library.", no_args_is_help=True)
app.add_typer(games_app, name="games", rich_help_panel=PANEL)
saves.add_to(games_app)

OFFERED = 8
LOOK_S = 0.5
CLOSE_SCORE = 20.0
"""Programs that are this near the likeliest one are worth a question."""


@games_app.command()
def add(
    path: Annotated[Path, typer.Argument(help="A game's folder, or its one file.")],
    title: Annotated[
        str | None, typer.Option(help="Its name in the library; from the folder's name where left out.")
    ] = None,
    game_id: Annotated[str | None, typer.Option("--id", help="Its id: the folder's name in the library.")] = None,
    exe: Annotated[
        str | None, typer.Option(help="The program to start, from the folder; the likeliest where left out.")
    ] = None,
    argument: Annotated[
        list[str] | None, typer.Option(help="A word for the program; can be given several times.")
    ] = None,
) -> None:
    """Copy a game into the library. Its program is guessed, and asked for on a terminal where that is not clear."""
    from dillinger_core.library.makeself import folder_of_game

    library = _library()
    with folder_of_game(_called_from(path), library) as (source, start):
        _add_folder(library, source, _Wish(title, game_id, exe or start, tuple(argument or ())))


@dataclass(frozen=True, slots=True)
class _Wish:
    """What somebody said about a game to add."""

    title: str | None
    game_id: str | None
    exe: str | None
    arguments: tuple[str, ...]


def _add_folder(library: Path, source: Path, wish: _Wish) -> None:
    from pydantic import ValidationError

    from dillinger_contracts.signaling import first_fault
    from dillinger_core.library import entries, proposal

    survey = _survey(source)
    console.print(
        f"{escape(str(source))}: {survey.files} files, {_size(survey.size_bytes)}, {len(survey.candidates)} programs",
        soft_wrap=True,
    )
    chosen = proposal.choose(survey, wish.exe or _ask_which(survey.candidates))
    try:
        game = proposal.propose(survey, chosen, title=wish.title, game_id=wish.game_id)
        if wish.game_id is None:
            game = game.model_copy(update={"game_id": entries.free_id(library, game.game_id)})
        if wish.arguments:
            game = _with_arguments(game, wish.arguments)
    except ValidationError as error:
        raise first_fault(error) from error
    console.print(
        f"starts [bold]{escape(chosen.path)}[/] ({escape(chosen.about)}) as {game.launch.kind}", soft_wrap=True
    )
    entries.ensure_free(library, game.game_id)
    _copy(library, game, source, survey)
    for name in survey.left_out:
        console.print(f"  left out (a device, or a link that leads elsewhere): {escape(name)}", soft_wrap=True)
    console.print(
        f"[bold]{escape(game.title)}[/] is in the library as {game.game_id}: {library / game.game_id}", soft_wrap=True
    )
    if game.is_installer:
        console.print(
            f"It is an installer: play it in the page and click through it. Then [bold]./dillinger games installed "
            f"{game.game_id}[/], or its editor in the page, makes what it left the game.",
            soft_wrap=True,
        )
    _tell_problems(library, game.game_id)


@games_app.command("list")
def list_games() -> None:
    """Print the games of the library, with what keeps one from being played."""
    from rich.table import Table

    from dillinger_core.library.scan import scan

    found = scan(_library(), {}).changed
    if not found:
        console.print("The library is empty. [bold]./dillinger games add PATH[/] adds a game.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("id", "title", "starts as", ""):
        table.add_column(heading, overflow="fold")
    for entry in sorted(found, key=lambda one: one.title.lower()):
        table.add_row(entry.game_id, escape(entry.title), entry.launch_kind or "-", escape(entry.problem or ""))
    console.print(table)


@games_app.command()
def remove(
    game_id: Annotated[str, typer.Argument(metavar="ID", help="The game's id, as `games list` prints it.")],
) -> None:
    """Remove a game with its files from the library; asks on a terminal. Players' saves stay."""
    from dillinger_contracts import Conflict
    from dillinger_core.library import entries
    from dillinger_core.library.found_games import SOURCE_PREFIX

    library = _library()
    game, _ = entries.load(library, game_id)
    if game.source.startswith(SOURCE_PREFIX):
        raise Conflict(
            f"{game.title} is installed on this machine and would come back", hint="Remove its package instead"
        )
    if _can_ask() and not typer.confirm(f"Remove {game.title} and its files?"):
        raise typer.Exit(1)
    entries.remove(library, game_id)
    console.print(f"Removed {escape(game.title)}.")


@games_app.command()
def network(
    game_id: Annotated[str, typer.Argument(metavar="ID", help="The game's id, as `games list` prints it.")],
    access: Annotated[
        str | None, typer.Argument(metavar="ACCESS", help="none, internet, or lan:NAME; printed where left out.")
    ] = None,
) -> None:
    """Print or change what network a game has: none, the internet without this machine, or a LAN with other games."""
    from pydantic import ValidationError

    from dillinger_contracts.network import parse_access, say_access
    from dillinger_contracts.signaling import first_fault
    from dillinger_core.library import entries

    library = _library()
    game, version = entries.load(library, game_id)
    if access is not None:
        try:
            wanted = parse_access(access)
        except ValidationError as error:
            raise first_fault(error) from error
        game, _ = entries.change(library, game_id, version, {"network": wanted.model_dump()})
    console.print(say_access(game.network))


@games_app.command()
def check(
    game_id: Annotated[str | None, typer.Argument(metavar="ID", help="One game; all where none is named.")] = None,
) -> None:
    """Look whether games could start: their file, their program, the libraries that it needs."""
    from dillinger_core.library.scan import game_ids

    library = _library()
    bad = [
        one for one in ([game_id] if game_id else game_ids(library)) if not _tell_problems(library, one, is_check=True)
    ]
    if bad:
        errors.print(f"[red]not good:[/] {', '.join(bad)}")
        raise typer.Exit(1)


@games_app.command()
def play(
    game_id: Annotated[str, typer.Argument(metavar="ID", help="The game's id, as `games list` prints it.")],
    user: Annotated[str, typer.Option("--as", metavar="NAME", help="Whose saves are played.")] = "admin",
) -> None:
    """Play a game on this machine's own display (`host_display`), until it ends; Ctrl-C ends it."""
    from dillinger.commands.sessions import runner_settings
    from dillinger_runner.local import ask

    settings = runner_settings()
    wish = {"gameId": game_id, "userId": user, "show": "host"}
    session = ask(settings, "POST", "/sessions", wish)
    path = f"/sessions/{session['sessionId']}"
    while session["state"] != "ended":
        try:
            time.sleep(LOOK_S)
            session = ask(settings, "GET", path)
        except KeyboardInterrupt:
            session = ask(settings, "DELETE", path)
    end = session["end"]
    words = end["message"] or end["reason"].replace("_", " ")
    if end["reason"] in ("user_stop", "admin_stop", "game_exited"):
        console.print(escape(words), soft_wrap=True)
        return
    errors.print(f"[red]{escape(words)}[/]", soft_wrap=True)
    raise typer.Exit(1)


def _library() -> Path:
    from dillinger.apps import Overrides, make_plan

    library = make_plan(Overrides(), None).core.library
    try:
        library.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        from dillinger_contracts import Unsupported

        raise Unsupported(f"The library {library} can't be made: {error.strerror}") from error
    return library


def _called_from(path: Path) -> Path:
    """`path` as the caller meant it: the launcher may have gone elsewhere to become the service user."""
    return Path(os.path.normpath(Path(os.environ.get("DILLINGER_CALLED_IN") or Path.cwd()) / path.expanduser()))


def _survey(source: Path) -> Survey:
    from dillinger_contracts import NotFound
    from dillinger_core.library.survey import survey

    try:
        source = source.resolve(strict=True)
    except OSError as error:
        who = getpass.getuser()
        raise NotFound(
            f"{source} can't be read: {error.strerror}",
            hint=f"Dillinger looks as {who}. Is the name right, and may {who} read it and every folder above it?",
        ) from error
    return survey(source.parent, source.name)


def _ask_which(candidates: list[Candidate]) -> str | None:
    """Which program the person chooses; None where nobody is there, or where it is clear."""
    good = [one for one in candidates if one.kind is not None and one.doubt is None]
    close = [one for one in good if one.score > good[0].score - CLOSE_SCORE] if good else []
    if len(close) < 2 or not _can_ask():
        return None
    offered = candidates[:OFFERED]
    for at, one in enumerate(offered, 1):
        doubt = f" [yellow]{escape(one.doubt)}[/]" if one.doubt else ""
        console.print(f"  {at:2}  {escape(one.path)}  [dim]{escape(one.about)}[/]{doubt}", soft_wrap=True)
    while True:
        number: int = typer.prompt("Which one is the game?", default=1, type=int)
        if 1 <= number <= len(offered):
            return offered[number - 1].path


def _with_arguments(game: Game, words: tuple[str, ...]) -> Game:
    launch = game.launch.model_dump() | {"command": (*getattr(game.launch, "command", ()), *words)}
    return game.model_validate(game.model_dump(by_alias=True) | {"launch": launch})


def _copy(library: Path, game: Game, source: Path, survey: Survey) -> None:
    import threading

    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from dillinger_core.library import entries
    from dillinger_core.library.copying import Progress as Copied

    source = source.resolve()
    progress = Copied(total_bytes=survey.size_bytes)
    failure: list[BaseException] = []

    def run() -> None:
        try:
            entries.add(library, game, source.parent, (source.name,), progress)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            failure.append(error)

    worker = threading.Thread(target=run)
    with Progress(
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("copying", total=max(1, survey.size_bytes))
        worker.start()
        try:
            while worker.is_alive():
                worker.join(0.1)
                bar.update(task, completed=progress.copied_bytes)
        except KeyboardInterrupt:
            progress.is_cancelled = True
            worker.join()
            raise
    if failure:
        raise failure[0]


def _tell_problems(library: Path, game_id: str, *, is_check: bool = False) -> bool:
    """Prints what would keep a game from starting; whether that is nothing."""
    from dillinger_contracts import DillingerError
    from dillinger_core.library import entries
    from dillinger_core.library.needs import unmet

    try:
        problems = unmet(library, entries.load(library, game_id)[0])
    except DillingerError as error:
        problems = [error.message]
    for problem in problems:
        console.print(f"  [yellow]![/] {escape(game_id)}: {escape(problem)}", soft_wrap=True)
    if is_check and not problems:
        console.print(f"  [green]✓[/] {escape(game_id)}")
    return not problems


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _size(size_bytes: int) -> str:
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError
