"""From what a survey found to a game of the library: which program, which title, which id. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dillinger_contracts import Game, NotFound, Resources, Unsupported
from dillinger_programs import Format

from .appimages import decompressors
from .candidates import Candidate, Found, id_of, launch_of, title_of
from .survey import Survey

_UNPACK = {Format.ARCHIVE: "Unpack it, then add the folder"}
_SCRATCH_PER_APPIMAGE = 4
"""An AppImage that unpacks itself is compressed: unpacked it takes some three times its size."""
_MAX_SCRATCH_BYTES = 1 << 36


def choose(survey: Survey, wanted: str | None = None) -> Candidate:
    """The program that is the game: the one `wanted`, else the likeliest.

    Raises `NotFound` where there is none, `Unsupported` where there are only such as can't be started.
    """
    ranked = survey.candidates
    if wanted is not None:
        path = wanted.replace("\\", "/").removeprefix("./")
        chosen = next((one for one in ranked if one.path == path), None)
        if chosen is None:
            raise NotFound(f"There is no program {wanted} in {survey.name}", hint=_offer(ranked))
    elif not ranked and survey.exports:
        raise Unsupported(
            f"{survey.name} has only desktop entries of Flatpaks ({', '.join(survey.exports[:4])}), not their files",
            hint="Add the app's own folder, with `files` and `metadata` in it: …/flatpak/app/ID/current/active",
        )
    elif not ranked:
        raise NotFound(
            f"There is no program in {survey.name}: {survey.files} files, and none that Windows or Linux would start",
            hint="Is this the game's own folder?",
        )
    else:
        chosen = ranked[0]
    if chosen.kind is None:
        found = _found(survey, chosen)
        raise Unsupported(
            f"{chosen.path} can't be played: it is {chosen.doubt}", hint=_UNPACK.get(found.program.format)
        )
    return chosen


def propose(survey: Survey, chosen: Candidate, *, title: str | None = None, game_id: str | None = None) -> Game:
    """The game that starts `chosen`; raises pydantic's ValidationError for a title or id that can't be."""
    found = _found(survey, chosen)
    title = title or (survey.flatpak and survey.flatpak.title) or title_of(survey.name)
    launch = launch_of(chosen, found.program)
    assert launch is not None, "chosen can be started"
    resources = resources_of(found) or Resources()
    return Game(
        game_id=game_id or id_of(title) or "game",
        title=title,
        is_installer=chosen.is_installer,
        launch=launch,
        resources=resources,
    )


def resources_of(found: Found) -> Resources | None:
    """What a program needs beyond the default; None where that will do."""
    usual = Resources()
    scratch_bytes = min(_SCRATCH_PER_APPIMAGE * found.size_bytes, _MAX_SCRATCH_BYTES)
    unpacks_itself = found.program.format is Format.APPIMAGE and found.program.compression not in decompressors()
    if not unpacks_itself or scratch_bytes <= usual.scratch_bytes:
        return None
    more_bytes = scratch_bytes - usual.scratch_bytes
    return Resources(scratch_bytes=scratch_bytes, memory_bytes=usual.memory_bytes + more_bytes)


def _found(survey: Survey, candidate: Candidate) -> Found:
    return next(one for one in survey.found if one.path == candidate.path)


def _offer(ranked: Sequence[Candidate]) -> str:
    if not ranked:
        return "There is no other either"
    more = f" and {len(ranked) - 8} more" if len(ranked) > 8 else ""
    return "There is " + ", ".join(one.path for one in ranked[:8]) + more
