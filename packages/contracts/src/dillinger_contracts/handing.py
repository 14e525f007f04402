"""What a container's waiting seat is given: its session's spec, and the folders that it names as mounts.

One connection, one message: the text in JSON, ended by a newline, the descriptors with it in the order of `folders`. A
descriptor is the root of a mount of its own, so that nothing above it can be reached.
"""

from __future__ import annotations

from typing import Literal

from .model import Model
from .session import SeatSpec

FolderName = Literal["session_dir", "saves_dir", "layer_dir", "game", "runtimes"]
"""The field of the spec that names the folder; `game` is the game's own, in the library, `runtimes` the library's."""


class Handing(Model):
    """The message."""

    spec: SeatSpec
    folders: tuple[FolderName, ...]
