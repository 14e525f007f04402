"""A test guest that follows its player's head, as a game does that takes opentrack's datagrams: prints each pose.

Runs inside a cell with `/usr/bin/python3`, the standard library alone. With a path it listens only once that is there.

usage: heads.py [PATH]
"""

from __future__ import annotations

import signal
import socket
import struct
import sys
import time
from pathlib import Path
from typing import NoReturn

POSE = struct.Struct("<6d")


def say(text: str) -> None:
    print(text, flush=True)


def leave(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Until it is asked to end; what has arrived by then is printed still."""
    signal.signal(signal.SIGTERM, leave)
    say("ready")
    while sys.argv[1:] and not Path(sys.argv[1]).exists():
        time.sleep(0.01)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 4242))
        say("listening")
        try:
            while True:
                tell(listener.recv(512))
        except KeyboardInterrupt:
            listener.setblocking(False)
        try:
            while True:
                tell(listener.recv(512))
        except BlockingIOError:
            say("left")


def tell(datagram: bytes) -> None:
    """One line a datagram: where the head is, and how it is turned."""
    say("pose " + " ".join(f"{value:g}" for value in POSE.unpack(datagram)))


if __name__ == "__main__":
    main()
