"""The library: an index of what the volume holds, and the games found installed on this machine."""

from .library import Library

__all__ = ["Library"]
