"""The index of games in the database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select

from .database import Database
from .tables import GameTable


@dataclass(frozen=True, slots=True)
class GameEntry:
    """What the index knows of one folder of the library."""

    game_id: str
    title: str
    summary: str
    source: str
    launch_kind: str | None
    icon: str | None
    problem: str | None
    """Why it can't be played, as a sentence for people; None when it can."""
    fingerprint: str
    """Changes whenever the folder's files were changed; a scan reads only what has another one."""


class GameIndex:
    """The table of games."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[GameEntry]:
        """Every game, by title."""
        async with self._database.transaction() as session:
            rows = await session.scalars(select(GameTable).order_by(GameTable.title, GameTable.game_id))
            return [_entry_of(row) for row in rows]

    async def get(self, game_id: str) -> GameEntry | None:
        """One game."""
        async with self._database.transaction() as session:
            row = await session.get(GameTable, game_id)
            return None if row is None else _entry_of(row)

    async def apply(self, *, changed: Iterable[GameEntry], gone: Iterable[str]) -> None:
        """Writes what a scan found, in one transaction."""
        async with self._database.transaction() as session:
            for entry in changed:
                await session.merge(GameTable(**asdict(entry)))
            if names := list(gone):
                await session.execute(delete(GameTable).where(GameTable.game_id.in_(names)))


def _entry_of(row: GameTable) -> GameEntry:
    return GameEntry(
        row.game_id, row.title, row.summary, row.source, row.launch_kind, row.icon, row.problem, row.fingerprint
    )
