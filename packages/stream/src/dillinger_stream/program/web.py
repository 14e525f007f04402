"""The page: the built files, and nothing else of this machine; with the headers that make a page alone with itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dillinger_contracts.errors import Unavailable
from dillinger_contracts.pages import SECURITY_HEADERS, content_security_policy

PAGE = "desktop.html"
WISHES = "/desktop.json"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".map": "application/json",
    ".json": "application/json",
}
_FOREVER = "public, max-age=31536000, immutable"
_FRESH = "no-cache"
_WORTH_PACKING_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


def find_web_dir(told: Path | None) -> Path:
    """Where the built pages are; raises `Unavailable` where they are not."""
    beside = Path(__file__).parent / "web"
    in_tree = Path(__file__).resolve().parents[5] / "web/dist"
    for folder in (told,) if told is not None else (beside, in_tree):
        if (folder / PAGE).is_file():
            return folder
    where = told or in_tree
    raise Unavailable(
        f"There is no built page in {where}", hint="./dillinger build web makes it; server.web_dir says where it is"
    )


class Pages:
    """Answers for the page's files and for what the settings wish of the player."""

    def __init__(self, web_dir: Path, wishes: Mapping[str, object]) -> None:
        self._root = web_dir.resolve()
        self._wishes = json.dumps(dict(wishes)).encode()

    def answer(self, method: str, target: str, *, host: str, takes_gzip: bool = False) -> Answer:
        """The response to a request for `target`; reads and packs a file, so it blocks shortly."""
        if method != "GET":
            return _plain(405, "Only GET is answered here", {"allow": "GET"})
        path = unquote(urlsplit(target).path)
        if path == WISHES:
            return _answer(self._wishes, ".json", "no-store", host)
        file = self._file(path)
        if file is None:
            return _plain(404, "There is nothing at this address")
        try:
            body = file.read_bytes()
        except OSError:
            return _plain(404, "There is nothing at this address")
        answer = _answer(body, file.suffix, _FOREVER if path.startswith("/assets/") else _FRESH, host)
        return _packed(answer) if takes_gzip and len(body) >= _WORTH_PACKING_BYTES else answer

    def _file(self, path: str) -> Path | None:
        if "\x00" in path or not path.startswith("/"):
            return None
        try:
            file = (self._root / (PAGE if path == "/" else path.lstrip("/"))).resolve()
            is_ours = file.is_relative_to(self._root) and file.suffix in _TYPES and file.is_file()
        except (OSError, ValueError):
            return None
        return file if is_ours else None


def _answer(body: bytes, suffix: str, cache: str, host: str) -> Answer:
    own = {"content-type": _TYPES[suffix], "cache-control": cache}
    return Answer(200, {**SECURITY_HEADERS, "content-security-policy": content_security_policy(host), **own}, body)


def _packed(answer: Answer) -> Answer:
    headers = {**answer.headers, "content-encoding": "gzip", "vary": "accept-encoding"}
    return Answer(answer.status, headers, gzip.compress(answer.body, compresslevel=6, mtime=0))


def _plain(status: int, text: str, more: Mapping[str, str] | None = None) -> Answer:
    own = {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
    return Answer(status, {**SECURITY_HEADERS, **own, **(more or {})}, f"{text}\n".encode())
