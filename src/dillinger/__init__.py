"""All of Dillinger on one machine: the command line that starts, tests, checks, builds and removes it.

The launcher `./dillinger` (POSIX sh) brings the machine to where this can run. What an app does is the app's own; this
package starts apps as processes and talks to them over their APIs.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("dillinger")
except PackageNotFoundError:  # run from a tree that was never installed
    __version__ = "0 (not installed)"
