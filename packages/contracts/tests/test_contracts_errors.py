"""Errors and their documents: what one side raises is what the other side reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_contracts.errors import (
    PROBLEMS,
    Conflict,
    Denied,
    DillingerError,
    Exhausted,
    Internal,
    Invalid,
    NotFound,
    Unavailable,
    Unsupported,
    error_from_document,
    problem_document,
    problem_of,
)

ERRORS: list[DillingerError] = [
    Invalid("width_px is too small", field="display.width_px", hint="At least 160"),
    Invalid("No JSON"),
    Denied("Wrong key"),
    NotFound("There is no game x"),
    Conflict("It has ended"),
    Exhausted("Two sessions are enough", hint="Stop one"),
    Unsupported("No bubblewrap here", hint="apt install bubblewrap"),
    Unavailable("The runner is away", retry_after_s=2.5),
    Internal("We failed"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{error.code}: {error.message}")
def test_an_error_survives_the_wire(error: DillingerError) -> None:
    document = json.loads(json.dumps(problem_document(error)))
    again = error_from_document(document)
    assert type(again) is type(error)
    assert (again.message, again.hint) == (error.message, error.hint)
    for name in ("field", "retry_after_s"):
        assert getattr(again, name, None) == getattr(error, name, None)
    assert problem_document(again) == document


def test_a_document_has_what_rfc_9457_asks_for() -> None:
    document = problem_document(NotFound("There is no game x"))
    assert document == {
        "type": "urn:dillinger:problem:not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no game x",
        "code": "not_found",
    }


def test_every_family_has_codes_of_its_own() -> None:
    assert set(PROBLEMS) == set(DillingerError.__subclasses__())
    for values in (
        [problem.status for problem in PROBLEMS.values()],
        [problem.close_code for problem in PROBLEMS.values()],
        [family.code for family in PROBLEMS],
    ):
        assert len(set(values)) == len(PROBLEMS)
    assert all(4000 <= problem.close_code <= 4999 for problem in PROBLEMS.values())


def test_a_subclass_shows_as_its_family() -> None:
    class RunnerAway(Unavailable):
        """A narrower fact."""

    error = RunnerAway("gone", retry_after_s=3)
    assert problem_of(error) is PROBLEMS[Unavailable]
    assert type(error_from_document(problem_document(error))) is Unavailable


def test_an_error_without_a_family_is_ours() -> None:
    assert problem_of(DillingerError("?")) is PROBLEMS[Internal]


def test_a_narrower_code_is_read_by_its_status() -> None:
    document = {**problem_document(Denied("Wrong password")), "code": "login_failed"}
    assert type(error_from_document(document)) is Denied
    assert type(error_from_document({"code": "strange", "status": "403"})) is Internal


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
known_keys = st.sampled_from(["code", "detail", "title", "hint", "field", "retry_after_s", "status", "x"])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(known_keys, json_values | st.sampled_from([family.code for family in PROBLEMS])))
def test_any_document_becomes_an_error_with_a_message(document: dict[str, object]) -> None:
    error = error_from_document(document)
    assert isinstance(error, tuple(PROBLEMS)) and error.message
    problem_document(error)
