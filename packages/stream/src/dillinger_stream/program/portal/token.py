"""What brings a granted desktop back without a question: the portal's restore token, in a file of this user's alone.

A token serves once, and each start brings the next one. Losing it costs one more question.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import structlog

from dillinger_contracts.small_file import read_small_file

log = structlog.get_logger()

_MOST_BYTES = 16_384


def token_file(environment: Mapping[str, str], interface: str) -> Path:
    """Where the token of this interface's sessions is: one for those who only watch, one for those who play."""
    home = Path(environment.get("HOME") or "/")
    state = environment.get("XDG_STATE_HOME")
    return (Path(state) if state else home / ".local/state") / "dillinger-stream" / f"{interface}.token"


def load_token(file: Path) -> str | None:
    """None where there is none that can be used."""
    try:
        data, found = read_small_file(file, most_bytes=_MOST_BYTES)
        text = data.decode().strip()
    except (OSError, UnicodeDecodeError):
        return None
    is_own = found.st_uid == os.getuid() and not found.st_mode & 0o077
    return text if is_own and text.isprintable() and text else None


def save_token(file: Path, token: str | None) -> None:
    """Takes the place of the one before, which has served; where it can't be kept, the next start asks again."""
    try:
        if token is None:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as fresh:
            fresh.write(token + "\n")
        Path(fresh.name).replace(file)
    except OSError as error:
        log.warning("portal_token_not_kept", file=str(file), error=str(error))
        with contextlib.suppress(OSError, UnboundLocalError):
            Path(fresh.name).unlink()
