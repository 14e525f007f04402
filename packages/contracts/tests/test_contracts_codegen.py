"""The copies of input.toml in other languages are what the definition says today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dillinger_contracts.codegen import OUTPUTS, outputs
from dillinger_contracts.input import decode, definition, encode

ROOT = Path(__file__).parents[3]
_VECTORS = json.loads((ROOT / "packages/contracts/golden/input.json").read_text("utf-8"))["vectors"]


@pytest.mark.parametrize("path", OUTPUTS)
def test_generated_file_is_current(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == outputs()[path], "run `python -m dillinger_contracts.codegen`"


@pytest.mark.parametrize("vector", _VECTORS, ids=lambda vector: f"{vector['op']}-{vector['seq']}")
def test_golden_bytes_decode_to_the_event_and_back(vector: dict[str, object]) -> None:
    message = bytes.fromhex(str(vector["hex"]))
    event = decode(message)
    payload = vector["payload"]
    assert isinstance(payload, dict)
    assert event.name == vector["op"]
    assert {name: getattr(event, name) for name in payload} == payload
    assert encode(event) == message


def test_every_op_has_a_golden_vector() -> None:
    assert {vector["op"] for vector in _VECTORS} == set(definition()["ops"])
