"""`python -m dillinger_bench.network.inside NETWORK PROGRAM ARGUMENTS`: becomes a program inside another network.

NETWORK is a path like /proc/PID/ns/net. The program keeps none of the capabilities that entering takes.
"""

from __future__ import annotations

import os
import sys

from . import namespaces


def main() -> None:
    """Entry point; does not return."""
    descriptor = os.open(sys.argv[1], os.O_RDONLY | os.O_CLOEXEC)
    namespaces.enter(descriptor)
    namespaces.hand_down_nothing()
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the bench's own argument list


if __name__ == "__main__":
    main()
