"""Where a player's folders of a game are: a pure function of the saves' root and two ids.

    SAVES/<user-id>/<game-id>/           the player's home in the cell
    SAVES/<user-id>/.layers/<game-id>/   what the cell can't reach: the upper layer of the game's own folder, and locks

Neither a user's nor a game's id begins with a dot, so that the two never meet.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts import NotFound
from dillinger_contracts.model import GAME_ID_PATTERN, USER_ID_PATTERN

LAYERS = ".layers"
PREFIXES = ".dillinger/prefixes"
"""Wine's prefixes, in the player's home."""
PROTON_PREFIXES = ".dillinger/proton"


@dataclass(frozen=True, slots=True)
class GameSaves:
    """One player's folders of one game."""

    home: Path
    side: Path

    @classmethod
    def of(cls, root: Path, user_id: str, game_id: str) -> GameSaves:
        """Their place below `root`; raises `NotFound` for what is no id."""
        if not re.fullmatch(USER_ID_PATTERN, user_id) or not re.fullmatch(GAME_ID_PATTERN, game_id):
            raise NotFound(f"Nobody {user_id[:40]!r} has saves of {game_id[:80]!r}")
        return cls(root / user_id / game_id, root / user_id / LAYERS / game_id)

    @property
    def changes(self) -> Path:
        """What the game changed in its own folder: the upper layer of an overlay over the library's."""
        return self.side / "changes"

    @property
    def work(self) -> Path:
        """The overlay's own, empty while it is not mounted."""
        return self.side / "work"

    @property
    def proof(self) -> Path:
        """Names the boot in which an overlay was last mounted here: that need not be tried again."""
        return self.side / "mounted"

    @property
    def copy(self) -> Path:
        """The game's whole folder, where no overlay can be had."""
        return self.side / "copy"

    @property
    def copy_list(self) -> Path:
        """Of which of the library's files the copy was made."""
        return self.side / "copy.json"

    @property
    def lock_file(self) -> Path:
        """Shared by those who play, taken alone by who resets, exports or restores."""
        return self.side / "lock"

    @property
    def layer_lock_file(self) -> Path:
        """Taken by the seat whose cell may write into the game's folder: of two at once, the first."""
        return self.side / "layer.lock"

    def make(self, *, owner: tuple[int, int] | None = None) -> None:
        """Makes what lacks, owned by `owner` where one is named. Blocks shortly; raises OSError."""
        made: list[Path] = []
        for folder in (self.home, self.side, self.changes, self.work):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            made.append(folder)
        for file in (self.lock_file, self.layer_lock_file):
            os.close(os.open(file, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            made.append(file)
        if owner is not None:
            for path in (self.home.parent, self.side.parent, *made):
                os.chown(path, *owner, follow_symlinks=False)

    def give_to(self, owner: tuple[int, int]) -> None:
        """Makes `owner` the owner of all of it; follows no link."""
        command = ["chown", "-R", "-h", "-P", f"{owner[0]}:{owner[1]}", "--", str(self.home), str(self.side)]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=False)
