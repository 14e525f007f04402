"""The pages' types, made of an API's document."""

from __future__ import annotations

from typing import Any

from dillinger.api_types import api_types

REF = "#/components/schemas/"


def answer(schema: str, status: str = "200") -> dict[str, Any]:
    return {"responses": {status: {"content": {"application/json": {"schema": {"$ref": REF + schema}}}}}}


def test_answers_are_whole_and_bodies_may_leave_out_what_has_a_default() -> None:
    fields = {"a": {"type": "integer"}, "b": {"type": "string", "default": "x", "description": "Two\n lines."}}
    document = {
        "paths": {"/one": {"get": answer("Outer"), "post": answer("Problem", "404")}},
        "components": {
            "schemas": {
                "Outer": {
                    "type": "object",
                    "properties": {"inner": {"type": "array", "items": {"$ref": REF + "Inner"}}},
                    "required": ["inner"],
                },
                "Inner": {"type": "object", "description": "Inside.", "properties": fields, "required": ["a"]},
                "Body": {"type": "object", "properties": fields, "required": ["a"]},
                "Problem": {"type": "object", "properties": {"hint": {"anyOf": [{"type": "string"}, {"enum": ["-"]}]}}},
                "State": {"enum": ["on", "off"]},
            }
        },
    }
    text = api_types(document, whose="a test's")
    assert "/** Inside. */\nexport interface Inner {\n  a: number;\n  /** Two lines. */\n  b: string;\n}\n" in text
    assert "export interface Outer {\n  inner: Inner[];\n}\n" in text
    assert "export interface Body {\n  a: number;\n  /** Two lines. */\n  b?: string;\n}\n" in text
    assert '  hint?: string | "-";\n' in text
    assert 'export type State = "on" | "off";\n' in text


def test_what_a_schema_says_of_values() -> None:
    properties = {
        "either": {"oneOf": [{"const": "x"}, {"type": "integer"}, {"type": "number"}]},
        "several": {"type": "array", "items": {"enum": ["p", "q"]}},
        "named": {"type": "object", "patternProperties": {"^a": {"type": "string"}}},
        "any": {},
        "tricky": {"type": "string", "description": "ends a */ comment"},
    }
    document = {"paths": {}, "components": {"schemas": {"All": {"type": "object", "properties": properties}}}}
    text = api_types(document, whose="a test's")
    for line in (
        'either?: "x" | number;', 'several?: ("p" | "q")[];', "named?: Record<string, string>;", "any?: unknown;",
    ):  # fmt: skip
        assert line in text
    assert "ends a * / comment */" in text
