"""An image's health check: `healthy.py URL` exits with 0 if the URL answers 200 within 4 s. Standard library only."""

from __future__ import annotations

import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

TIMEOUT_S = 4


def main() -> int:
    """Exit code 1 says what it got instead; the engine keeps it with the container's health."""
    url = urlsplit(sys.argv[1])
    connection = HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", url.path)
        status = connection.getresponse().status
    except OSError as error:
        print(error)
        return 1
    print(status)
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
