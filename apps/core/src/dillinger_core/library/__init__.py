"""The library: an index of what the volume holds, and the games found installed on this machine."""

from .editor import Editor
from .entries import ChangedMeanwhile
from .imports import Imports
from .library import Library

__all__ = ["ChangedMeanwhile", "Editor", "Imports", "Library"]
