"""How every app reads its settings: command line > environment (`DILLINGER_…`) > TOML file > default.

An app subclasses `AppSettings`; a field's docstring says purpose, unit and how to switch it off. An unknown key is an
error with a suggestion; an unknown `DILLINGER_…` variable is one too.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .errors import Invalid
from .small_file import read_small_file


class AppSettings(BaseSettings):
    """Base of an app's settings: frozen, strict about names. Sources are merged by `load`, not by pydantic."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` merged: pydantic's own sources would read a foreign `PORT` of the environment."""
        return (init_settings,)


S = TypeVar("S", bound=AppSettings)

MOST_FILE_BYTES = 1 << 20
"""Of a settings file; what is larger is none."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a setting's value comes from."""

    value: object
    source: str
    """`command line`, `environment NAME`, `file PATH` or `default`."""


def load(
    settings: type[S],
    *,
    section: str,
    command_line: Mapping[str, object] | None = None,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    prefix: str | None = None,
) -> tuple[S, dict[str, Origin]]:
    """The settings of the app `section` and each one's origin.

    The TOML file has a table per app (`[runner]`); an environment variable is `DILLINGER_<SECTION>_<FIELD>`, or begins
    with `prefix` instead. Raises `Invalid` naming the first bad key, with the nearest known one or what it may be.
    """
    known = settings.model_fields
    merged: dict[str, object] = {}
    origins = {name: Origin(field.get_default(call_default_factory=True), "default") for name, field in known.items()}

    def take(name: str, value: object, source: str) -> None:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(sorted(known))}"
            raise Invalid(f"There is no setting {section}.{name} ({source})", field=f"{section}.{name}", hint=hint)
        merged[name] = value
        origins[name] = Origin(value, source)

    if file is not None:
        for name, value in _table(file, section).items():
            take(name, value, f"file {file}")
    prefix = prefix or f"DILLINGER_{section.upper()}_"
    for variable, text in (os.environ if environment is None else environment).items():
        if variable.startswith(prefix):
            take(variable.removeprefix(prefix).lower(), text, f"environment {variable}")
    for name, value in (command_line or {}).items():
        if value is not None:
            take(name, value, "command line")
    try:
        return settings.model_validate(merged), origins
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        words = fault["msg"].removeprefix("Value error, ")
        if not fault["loc"]:
            raise Invalid(f"{section}: {words}", field=section) from error
        name = ".".join(str(part) for part in fault["loc"])
        first = str(fault["loc"][0])
        source = origins[first].source if first in origins else "settings"
        raise Invalid(
            f"{section}.{name} ({source}): {words}",
            field=f"{section}.{name}",
            hint=f"It is {told}" if first in known and (told := bounds(known[first])) else None,
        ) from error


def bounds(field: FieldInfo) -> str | None:
    """What a number may be, in words; None for a setting without bounds."""
    words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}
    found = {
        bound: getattr(part, bound)
        for part in field.metadata
        for bound in words
        if getattr(part, bound, None) is not None
    }
    if set(found) == {"ge", "le"}:
        return f"from {_number(found['ge'])} to {_number(found['le'])}"
    return " and ".join(f"{words[bound]} {_number(found[bound])}" for bound in words if bound in found) or None


def _number(value: float) -> str:
    return f"{value:,}".replace(",", "_")  # as TOML takes it


def read_document(file: Path) -> dict[str, Any]:
    """All tables of a settings file; raises `Invalid` for one that can't be read, is no file, too large or no TOML."""
    try:
        data, _ = read_small_file(file, most_bytes=MOST_FILE_BYTES)
    except OSError as error:
        raise Invalid(f"The settings file {file} can't be read: {error.strerror}") from error
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"The settings file {file} is not TOML: {error}") from error


def _table(file: Path, section: str) -> Mapping[str, Any]:
    table = read_document(file).get(section, {})
    if not isinstance(table, dict):
        raise Invalid(f"[{section}] in {file} is a table, not {type(table).__name__}", field=section)
    return table
