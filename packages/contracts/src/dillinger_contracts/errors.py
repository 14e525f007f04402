"""What can go wrong, in the words that every part of Dillinger shares.

    DillingerError
    ├── Invalid        the request makes no sense: mend it, then ask again
    ├── Denied         who asks may not (or is not known)
    ├── NotFound       no such thing
    ├── Conflict       not in this state, or somebody else was first
    ├── Exhausted      a limit of the user or of the machine is reached
    ├── Unsupported    this installation can't do that; `hint` says what would mend it
    ├── Unavailable    not now; `retry_after_s` says when to ask again
    └── Internal       our fault

There is no HTTP here: `PROBLEMS` maps a family to its status and to the WebSocket close code, and only `api/` modules
use it. A message says what happened, why, and what to do. A vendor's exception is translated in the one file that
imports the vendor, with the cause chained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class DillingerError(Exception):
    """Root of the tree; carries what a person needs to act."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Invalid(DillingerError):
    """The request is malformed; `field` names the culprit, as a dotted path, where one is known."""

    code = "invalid"

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.field = field


class Denied(DillingerError):
    """The asker is unknown, or known and not allowed."""

    code = "denied"


class NotFound(DillingerError):
    """No such thing."""

    code = "not_found"


class Conflict(DillingerError):
    """The thing is in another state than the request needs."""

    code = "conflict"


class Exhausted(DillingerError):
    """A quota or a capacity is used up."""

    code = "exhausted"


class Unsupported(DillingerError):
    """This installation can't do it; the hint says what would make it able to."""

    code = "unsupported"


class Unavailable(DillingerError):
    """A part that is needed is away for now."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: float = 1.0, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class Internal(DillingerError):
    """A fault of ours."""

    code = "internal"


@dataclass(frozen=True, slots=True)
class Problem:
    """How an error family shows on the wire."""

    status: int
    """HTTP status (RFC 9110 section 15)."""
    close_code: int
    """WebSocket close code, in the range that RFC 6455 section 7.4.2 leaves to applications."""
    title: str


PROBLEMS: dict[type[DillingerError], Problem] = {
    Invalid: Problem(422, 4422, "The request is not valid"),
    Denied: Problem(403, 4403, "Not allowed"),
    NotFound: Problem(404, 4404, "Not found"),
    Conflict: Problem(409, 4409, "Conflicts with the present state"),
    Exhausted: Problem(429, 4429, "A limit is reached"),
    Unsupported: Problem(501, 4501, "Not supported here"),
    Unavailable: Problem(503, 4503, "Not available now"),
    Internal: Problem(500, 4500, "Internal error"),
}

_BY_CODE: dict[str, type[DillingerError]] = {family.code: family for family in PROBLEMS}
_BY_STATUS: dict[object, type[DillingerError]] = {problem.status: family for family, problem in PROBLEMS.items()}


def problem_of(error: DillingerError) -> Problem:
    """The wire form of `error`, found through its family (subclasses inherit their family's)."""
    for family in type(error).__mro__:
        if family in PROBLEMS:
            return PROBLEMS[family]
    return PROBLEMS[Internal]


def problem_document(error: DillingerError) -> dict[str, object]:
    """The RFC 9457 document for `error` (`application/problem+json`)."""
    problem = problem_of(error)
    document: dict[str, object] = {
        "type": f"urn:dillinger:problem:{error.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.message,
        "code": error.code,
    }
    if error.hint:
        document["hint"] = error.hint
    if isinstance(error, Invalid) and error.field:
        document["field"] = error.field
    if isinstance(error, Unavailable):
        document["retry_after_s"] = error.retry_after_s
    return document


def error_from_document(document: dict[str, object]) -> DillingerError:
    """The error that `problem_document` wrote.

    A code that is no family's own (`login_failed`) is read by its status, what can't be read becomes `Internal`.
    """
    status = document.get("status")
    by_status = _BY_STATUS.get(status, Internal) if isinstance(status, int) else Internal
    family = _BY_CODE.get(str(document.get("code")), by_status)
    message = str(document.get("detail") or document.get("title") or "The other side failed without saying why")
    hint = document.get("hint")
    error = family(message, hint=str(hint) if hint else None)
    if isinstance(error, Invalid) and isinstance(document.get("field"), str):
        error.field = str(document["field"])
    retry_after_s = document.get("retry_after_s")
    if isinstance(error, Unavailable) and isinstance(retry_after_s, int | float):
        error.retry_after_s = float(retry_after_s)
    return error
