"""Games as the library volume has them: `library/<game-id>/game.toml`, read at each launch, since the volume is the
truth."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from dillinger_contracts import Game, GameLaunchRequest, Invalid, NotFound, Unavailable
from dillinger_contracts.model import GAME_ID_PATTERN

from .wishes import game_of

LIMIT_BYTES = 1024 * 1024

_GAME_ID = re.compile(GAME_ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Library:
    """The folder of games."""

    root: Path

    def wished(self, request: GameLaunchRequest) -> Game:
        """The game as this request wants it (blocks shortly); raises what `game` does, and Invalid for the wish."""
        return game_of(self.game(request.game_id), request)

    def game(self, game_id: str) -> Game:
        """The game of this id (blocks shortly). Raises NotFound, Unavailable (no library), or Invalid with what is
        wrong in its file and where."""
        if not _GAME_ID.fullmatch(game_id):
            raise NotFound(f"There is no game {game_id[:80]!r}: an id has lower-case letters, digits, dots and dashes")
        name = f"{game_id}/game.toml"
        try:
            document = tomllib.loads(self._text(game_id))
        except tomllib.TOMLDecodeError as error:
            raise Invalid(
                f"{name} is not TOML: {error}", field="game_id", hint="Mend the file, then try again"
            ) from error
        except UnicodeDecodeError as error:
            raise Invalid(f"{name} is not UTF-8 text: byte {error.start}", field="game_id") from error
        except RecursionError as error:
            raise Invalid(f"{name} is nested too deeply", field="game_id") from error
        try:
            return Game.model_validate({**document, "game_id": game_id})
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the file"
            raise Invalid(
                f"{name}: {where}: {fault['msg']}", field="game_id", hint="Mend the file, then try again"
            ) from error

    def _text(self, game_id: str) -> str:
        """The file's text. Neither the folder nor the file may be a link: nothing outside the library is read."""
        try:
            folder = os.open(self.root / game_id, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            if not self.root.is_dir():
                raise Unavailable(
                    f"The library's folder is missing: {self.root}", hint="Mount its volume, or make the folder again"
                ) from error
            raise NotFound(f"There is no game {game_id} in the library") from error
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open("game.toml", flags, dir_fd=folder)
        except FileNotFoundError as error:
            raise NotFound(f"The game {game_id} has no game.toml") from error
        except OSError as error:
            raise Invalid(f"{game_id}/game.toml can't be read: {error.strerror}", field="game_id") from error
        finally:
            os.close(folder)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Invalid(f"{game_id}/game.toml is not a plain file", field="game_id")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                text = file.read(LIMIT_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(text) > LIMIT_BYTES:
            raise Invalid(f"{game_id}/game.toml is bigger than {LIMIT_BYTES} bytes", field="game_id")
        return text.decode("utf-8")
