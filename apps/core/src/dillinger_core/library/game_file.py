"""Writes `game.toml`: a new one, or changes in a person's, whose comments and order stay.

The only place that knows tomlkit; reading is the standard library's.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from dillinger_contracts import Game, Invalid

_SAID = (
    "keeps_changes", "is_installer", "user_namespaces", "head_tracking", "restart",
    "launch", "network", "display", "resources", "art",
)  # fmt: skip
"""In their order; what is a table comes after what is not."""


def new_file(game: Game, *, note: str = "") -> bytes:
    """The `game.toml` of `game`; `note` becomes its first line."""
    document = tomlkit.document()
    if note:
        document.add(tomlkit.comment(note))
    _merge(document, _values(game))
    return tomlkit.dumps(document).encode()


def changed_file(content: bytes, game: Game) -> bytes:
    """`content`, a readable `game.toml`, so that it says what `game` is; raises `Invalid`."""
    try:
        document = tomlkit.parse(content)
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise Invalid(f"game.toml is not TOML: {error}") from error
    _merge(document, _values(game))
    return tomlkit.dumps(document).encode()


def _values(game: Game) -> dict[str, Any]:
    """What the file has to say: everything that differs from the defaults, and what every file states."""
    values = game.model_dump(mode="json", exclude_defaults=True, exclude={"game_id", "schema_version", "source"})
    stated: dict[str, Any] = {"schema": game.schema_version, "title": game.title}
    if game.summary:
        stated["summary"] = game.summary
    if game.source != "file":
        stated["source"] = game.source
    values["launch"] = {"kind": game.launch.kind, **values.get("launch", {})}
    if game.network.kind != "none":
        values["network"] = {"kind": game.network.kind, **values.get("network", {})}
    return stated | {name: values[name] for name in _SAID if values.get(name) not in (None, {})}


def _merge(target: MutableMapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Makes `target` say `wanted` and nothing else, touching only what differs."""
    for name in [name for name in target if name not in wanted and name != "game_id"]:
        del target[name]
    for name, value in wanted.items():
        old = target.get(name)
        if isinstance(value, Mapping) and isinstance(old, MutableMapping):
            _merge(old, value)
        elif isinstance(value, Mapping):
            table = tomlkit.table()
            _merge(table, value)
            target[name] = table
        elif old is None or _plain(old) != value:
            target[name] = value


def _plain(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else value
