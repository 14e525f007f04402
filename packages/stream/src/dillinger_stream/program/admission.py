"""Who may open the stream: whoever has a key. One key plays, another, derived from it, only watches.

They stand in the address after `#`, where no server and no log ever sees them, and come back in the stream's first
message. A key is good until the program ends; none is ever told by the server.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from pathlib import Path
from typing import Literal

from dillinger_contracts.errors import Denied, Invalid
from dillinger_contracts.small_file import read_small_file
from dillinger_contracts.tickets import TICKET_LIFETIME_S, TicketClaims

_KEY = re.compile(r"[A-Za-z0-9_-]{16,200}", re.ASCII)
_MOST_FILE_BYTES = 4096
_SESSION_ID = "desktop".ljust(20, "0")
_NAMES = {"player": "Somebody else", "viewer": "A watcher"}
"""Nobody says who they are; what the others are told of them."""
_USER_ID = "desktop"


class Keys:
    """The keys of one stream."""

    def __init__(self, secret: str, *, is_view_only: bool) -> None:
        self.watch = base64.urlsafe_b64encode(hmac.digest(secret.encode(), b"watch", hashlib.sha256)[:18]).decode()
        """Opens the stream for watching."""
        self.play = None if is_view_only else secret
        """Opens it for playing; None where nobody may."""

    def admit(self, ticket: str) -> TicketClaims:
        """What the key in `ticket` is good for; raises `Denied`."""
        given = ticket.encode()
        may_play = self.play is not None and hmac.compare_digest(given, self.play.encode())
        may_watch = hmac.compare_digest(given, self.watch.encode())
        if not (may_play or may_watch):
            raise Denied(
                "This key does not open the stream", hint="Open the address that dillinger-stream printed at its start"
            )
        now = int(time.time())
        role: Literal["player", "viewer"] = "player" if may_play else "viewer"
        return TicketClaims(
            jti=secrets.token_hex(16), sub=_USER_ID, sid=_SESSION_ID, role=role, name=_NAMES[role],
            rank="owner" if may_play else "guest",  # whoever has the key that plays may take over
            iat=now, exp=now + TICKET_LIFETIME_S,
        )  # fmt: skip


def secret_of(file: Path | None) -> str:
    """The key in `file`, or a new one; raises `Invalid` for one that others could read or guess."""
    if file is None:
        return secrets.token_urlsafe(24)
    try:
        data, found = read_small_file(file, most_bytes=_MOST_FILE_BYTES)
    except OSError as error:
        raise Invalid(f"The key file {file} can't be read: {error.strerror}", field="server.key_file") from error
    text = data.decode("ascii", errors="replace").strip()
    if found.st_mode & 0o077:
        raise Invalid(f"The key file {file} can be read by others", field="server.key_file", hint=f"chmod 600 {file}")
    if not _KEY.fullmatch(text):
        raise Invalid(
            f"The key file {file} does not hold 16 to 200 letters and digits",
            field="server.key_file", hint=f"openssl rand -hex 24 > {file}",
        )  # fmt: skip
    return text
