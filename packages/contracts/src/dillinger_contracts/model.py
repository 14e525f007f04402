"""The bases that every model on a wire or in a file is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

GAME_ID_PATTERN = r"^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
"""Lower case, so that an id is a safe folder name on every file system; no slash, and dots only inside."""
USER_ID_PATTERN = r"^[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?$"
SESSION_ID_PATTERN = r"^[a-z0-9]{20}$"

GameId = Annotated[str, StringConstraints(pattern=GAME_ID_PATTERN, max_length=64)]
UserId = Annotated[str, StringConstraints(pattern=USER_ID_PATTERN, max_length=32)]
SessionId = Annotated[str, StringConstraints(pattern=SESSION_ID_PATTERN)]

WIDTHS_PX, HEIGHTS_PX = range(160, 7680 + 1, 2), range(120, 4320 + 1, 2)
"""Of pictures and desktops; even, since 4:2:0 video has no odd sizes."""
WidthPx = Annotated[int, Field(ge=WIDTHS_PX[0], le=WIDTHS_PX[-1], multiple_of=WIDTHS_PX.step)]
HeightPx = Annotated[int, Field(ge=HEIGHTS_PX[0], le=HEIGHTS_PX[-1], multiple_of=HEIGHTS_PX.step)]


class Model(BaseModel):
    """Frozen and strict about names: an unknown key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=65_536)


class WireModel(Model):
    """A model of the runner's public API, which speaks camelCase outside (`gameId`) and accepts both."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)
