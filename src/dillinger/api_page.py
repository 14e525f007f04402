"""An OpenAPI document as a page for people: what can be called, with what, and what comes back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_METHODS = ("get", "post", "put", "patch", "delete")


def api_page(document: Mapping[str, Any], *, title: str, intro: str) -> str:
    """Markdown: a table of calls, then the fields of every body and answer that they name."""
    schemas: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
    rows = ["| call | body | answer | |\n|---|---|---|---|\n"]
    named: set[str] = set()
    for path, operations in sorted(document["paths"].items()):
        for method in _METHODS:
            operation = operations.get(method)
            if operation is None:
                continue
            body = _body(operation)
            answers = ", ".join(_answers(operation))
            named.update(_names(operation))
            meaning = _line(operation.get("description") or operation.get("summary") or "")
            rows.append(f"| `{method.upper()} {path}` | {_type(body) if body else ''} | {answers} | {meaning} |\n")
    models = "".join(_model(name, schemas) for name in sorted(_reachable(named, schemas)))
    return f"# {title}\n\n{intro}\n\n## Calls\n\n{''.join(rows)}\n## Bodies and answers\n{models}"


def _body(operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    for media in content.values():
        schema: Mapping[str, Any] = media.get("schema", {})
        return schema
    return None


def _answers(operation: Mapping[str, Any]) -> Iterator[str]:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            kinds = [_type(media.get("schema", {})) for media in response.get("content", {}).values()]
            yield " ".join((status, *(kind for kind in kinds if kind)))


def _names(node: object) -> Iterator[str]:
    """The schemas that a part of the document refers to, problems apart."""
    if isinstance(node, Mapping):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference.rpartition("/")[2]
        for key, value in node.items():
            if not str(key).startswith(("4", "5")):
                yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)


def _reachable(names: set[str], schemas: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in schemas:
            found.add(name)
            waiting.extend(_names(schemas[name]))
    return found


def _model(name: str, schemas: Mapping[str, Any]) -> str:
    schema = schemas[name]
    about = _line(schema.get("description", ""))
    head = f"\n### {name}\n" + (f"\n{about}\n" if about else "")
    if "enum" in schema:
        return f"{head}\nOne of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
    required = set(schema.get("required", ()))
    rows = "".join(
        f"| `{field}` | {_type(value)} | {'' if field in required else 'optional'} | "
        f"{_line(value.get('description', ''))} |\n"
        for field, value in schema.get("properties", {}).items()
    )
    return f"{head}\n| field | type | | |\n|---|---|---|---|\n{rows}" if rows else head


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words, models as links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(option) for option in schema[key])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {})) or 'anything'}"
    return str(schema.get("format") or schema.get("type") or "")


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
