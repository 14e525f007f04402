"""API keys: who may talk to the runner. Several are good at once, so that a key can be changed without a break.

`STATE/runner/keys` holds one a line (`KEY` or `KEY # name`), the first is the one that core uses. The file is read
again when it changes; keys of the environment count beside it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from dillinger_contracts import Invalid, NotFound

MIN_LENGTH = 20
MAX_LENGTH = 512

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Key:
    """One key."""

    secret: str
    name: str = ""

    @property
    def key_id(self) -> str:
        """Names the key without telling it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        return f"Key({self.key_id}, {self.name!r})"


class KeyRing:
    """The keys that are good now."""

    def __init__(self, file: Path, environment: Sequence[str] = ()) -> None:
        self._file = file
        self._environment = [Key(secret, "environment") for secret in environment]
        self._keys: list[Key] = []
        self._seen: tuple[int, int, int] | None = None

    def admits(self, presented: str) -> bool:
        """Whether this is a good key; the time it takes does not tell which or how near."""
        given = hashlib.sha256(presented[:MAX_LENGTH].encode("utf-8", "replace")).digest()
        known = [hashlib.sha256(key.secret.encode()).digest() for key in (*self._environment, *self._current())]
        matches = [hmac.compare_digest(given, secret) for secret in known]
        return any(matches) and len(presented) <= MAX_LENGTH

    def _current(self) -> list[Key]:
        try:
            stat = self._file.stat()
        except OSError:
            stat = None
        seen = None if stat is None else (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if seen != self._seen:
            self._seen = seen
            try:
                self._keys = load_keys(self._file)
                log.info("keys_loaded", count=len(self._keys))
            except Invalid as error:
                self._keys = []
                log.warning("keys_file_broken", path=str(self._file), problem=error.message)
        return self._keys


def parse_environment(text: str | None) -> list[str]:
    """The keys in `api_keys`; raises Invalid for one that is too short."""
    keys = [key.strip() for key in (text or "").split(",") if key.strip()]
    if any(not MIN_LENGTH <= len(key) <= MAX_LENGTH for key in keys):
        raise Invalid(
            f"A key has {MIN_LENGTH} to {MAX_LENGTH} characters", field="runner.api_keys", hint="Use `keys add`"
        )
    return keys


def load_keys(file: Path) -> list[Key]:
    """The keys in the file, first first; none where there is no file."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The keys file {file} can't be read: {error}") from error
    keys: list[Key] = []
    for number, line in enumerate(text.splitlines(), start=1):
        secret, _, name = line.partition("#")
        if not secret.strip():
            continue
        if not MIN_LENGTH <= len(secret.strip()) <= MAX_LENGTH or " " in secret.strip():
            raise Invalid(
                f"Line {number} of {file} is no key: it needs {MIN_LENGTH} to {MAX_LENGTH} characters, no spaces"
            )
        keys.append(Key(secret.strip(), name.strip()))
    return keys


def ensure_keys(file: Path) -> None:
    """Makes the file with one new key where it is not there."""
    if not file.exists():
        save_keys(file, [Key(secrets.token_urlsafe(32), "core")])


def add_key(file: Path, name: str, *, is_first: bool = False) -> Key:
    """A new key in the file; as the first it is the one that core uses."""
    if "#" in name or "\n" in name:
        raise Invalid("A key's name holds no # and no line break", field="name")
    key = Key(secrets.token_urlsafe(32), name)
    keys = load_keys(file)
    save_keys(file, [key, *keys] if is_first else [*keys, key])
    return key


def remove_key(file: Path, key_id: str) -> None:
    """Takes a key out of the file, by its id or name; raises NotFound."""
    keys = load_keys(file)
    left = [key for key in keys if key_id not in (key.key_id, key.name)]
    if len(left) == len(keys):
        raise NotFound(f"No key {key_id} is in {file}", hint="`keys list` shows them")
    save_keys(file, left)


def save_keys(file: Path, keys: Sequence[Key]) -> None:
    """Replaces the file, at once, readable by its owner only."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.writelines(f"{key.secret} # {key.name}\n" if key.name else f"{key.secret}\n" for key in keys)
    beside.replace(file)
