"""Core: the part that faces the network. Users, library, pages, API and the relay of streams; it runs no game."""

from importlib.metadata import version

__version__ = version("dillinger-core")
