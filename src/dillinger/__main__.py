"""Lets `python -m dillinger` run the command line of `cli`."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
