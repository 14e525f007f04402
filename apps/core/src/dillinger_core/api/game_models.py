"""Bodies and answers of adding and editing games."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dillinger_contracts import DisplayConfiguration, Game, GameId, LaunchSpec, Resources
from dillinger_contracts.game import Summary, Title
from dillinger_contracts.model import Model
from dillinger_contracts.network import NetworkAccess, NoNetwork
from dillinger_core.library.candidates import Candidate, id_of, launch_of, title_of
from dillinger_core.library.editor import Details
from dillinger_core.library.imports import FolderItem, Import
from dillinger_core.library.proposal import resources_of
from dillinger_core.library.survey import Survey


class ItemView(Model):
    """A file or folder of the import directory."""

    name: str
    is_folder: bool
    size_bytes: int | None


class FolderView(Model):
    """`GET /import/folder`."""

    directory: str
    """Where the import directory is on the server."""
    path: str
    items: list[ItemView]


class CandidateView(Model):
    """A program that may be the game."""

    path: str
    about: str
    doubt: str | None
    is_installer: bool
    """Whether it has to be run once before there is a game."""
    launch: LaunchSpec | None
    """How it would be started by default; None where it can't be."""
    resources: Resources | None
    """Limits that it needs instead of the usual ones."""


class SurveyView(Model):
    """`GET /import/survey`: what a folder or file is, and what the form proposes."""

    path: str
    files: int
    size_bytes: int
    system: Literal["windows", "linux", "dos"] | None
    title: str
    game_id: str
    candidates: list[CandidateView]
    left_out: list[str]


class GameAddition(Model):
    """`POST /games`."""

    path: str = Field(min_length=1, max_length=4096)
    """From the import directory."""
    game_id: GameId
    title: Title
    summary: Summary = ""
    keeps_changes: bool = True
    is_installer: bool = False
    head_tracking: bool = False
    network: NetworkAccess = NoNetwork()
    launch: LaunchSpec
    display: DisplayConfiguration = DisplayConfiguration()
    resources: Resources = Resources()

    def game(self) -> Game:
        """The game as the library will have it."""
        return Game(**{name: getattr(self, name) for name in type(self).model_fields if name != "path"})


class ImportView(Model):
    """A game on its way into the library."""

    import_id: str
    game_id: str
    title: str
    state: Literal["copying", "done", "failed", "cancelled"]
    copied_bytes: int
    total_bytes: int
    problem: str | None
    hint: str | None


class GameChange(Model):
    """`PATCH /games/{game_id}`: what is named is replaced, the rest stays."""

    title: Title | None = None
    summary: Summary | None = None
    keeps_changes: bool | None = None
    is_installer: bool | None = None
    head_tracking: bool | None = None
    network: NetworkAccess | None = None
    launch: LaunchSpec | None = None
    display: DisplayConfiguration | None = None
    resources: Resources | None = None


class GameDetails(Model):
    """`GET /games/{game_id}/details`: a game as its editor sees it."""

    game_id: str
    version: str
    """To be sent as `If-Match` with a change."""
    title: str
    summary: str
    source: str
    keeps_changes: bool
    is_installer: bool
    """Whether what it starts is an installer still."""
    head_tracking: bool
    """Whether it takes its player's head movements."""
    network: NetworkAccess
    launch: LaunchSpec
    display: DisplayConfiguration
    resources: Resources
    programs: list[CandidateView]
    unmet: list[str]


def item_view(item: FolderItem) -> ItemView:
    """One line of a folder."""
    return ItemView(name=item.name, is_folder=item.is_folder, size_bytes=item.size_bytes)


def candidate_view(candidate: Candidate, survey: Survey | None = None) -> CandidateView:
    """A program with the way to start it."""
    found = next((one for one in survey.found if one.path == candidate.path), None) if survey else None
    launch = launch_of(candidate, found.program if found else None)
    return CandidateView(
        path=candidate.path,
        about=candidate.about,
        doubt=candidate.doubt,
        is_installer=candidate.is_installer,
        launch=launch,
        resources=resources_of(found) if found else None,
    )


def survey_view(path: str, survey: Survey, *, game_id: str) -> SurveyView:
    """What the form shows of a folder."""
    return SurveyView(
        path=path,
        files=survey.files,
        size_bytes=survey.size_bytes,
        system=survey.system,
        title=title_of(survey.name),
        game_id=game_id,
        candidates=[candidate_view(one, survey) for one in survey.candidates[:200] if _is_sayable(one.path)],
        left_out=[name for name in survey.left_out if _is_sayable(name)],
    )


def proposed_id(survey: Survey) -> str:
    """The id that a survey's name suggests."""
    return id_of(title_of(survey.name)) or "game"


def import_view(one: Import) -> ImportView:
    """How far an addition is."""
    return ImportView(
        import_id=one.import_id,
        game_id=one.game.game_id,
        title=one.game.title,
        state=one.state,
        copied_bytes=one.progress.copied_bytes,
        total_bytes=one.progress.total_bytes,
        problem=one.problem,
        hint=one.hint,
    )


def details_view(details: Details) -> GameDetails:
    """A game for its editor."""
    game = details.game
    return GameDetails(
        game_id=game.game_id,
        version=details.version,
        title=game.title,
        summary=game.summary,
        source=game.source,
        keeps_changes=game.keeps_changes,
        is_installer=game.is_installer,
        head_tracking=game.head_tracking,
        network=game.network,
        launch=game.launch,
        display=game.display,
        resources=game.resources,
        programs=[candidate_view(one) for one in details.programs[:200] if _is_sayable(one.path)],
        unmet=list(details.unmet),
    )


def _is_sayable(path: str) -> bool:
    return path.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in path)
