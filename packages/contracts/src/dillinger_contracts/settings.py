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
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .errors import Invalid


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
) -> tuple[S, dict[str, Origin]]:
    """The settings of the app `section` and each one's origin.

    The TOML file has a table per app (`[runner]`); an environment variable is `DILLINGER_<SECTION>_<FIELD>`. Raises
    `Invalid` naming the first bad key, with the nearest known one.
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
    prefix = f"DILLINGER_{section.upper()}_"
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
        name = ".".join(str(part) for part in fault["loc"])
        source = origins[str(fault["loc"][0])].source if fault["loc"] else "settings"
        raise Invalid(f"{section}.{name} ({source}): {fault['msg']}", field=f"{section}.{name}") from error


def _table(file: Path, section: str) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise Invalid(f"The settings file {file} can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"The settings file {file} is not TOML: {error}") from error
    table = document.get(section, {})
    if not isinstance(table, dict):
        raise Invalid(f"[{section}] in {file} is a table, not {type(table).__name__}", field=section)
    return table
