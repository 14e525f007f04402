"""A settings file to copy: every setting with its meaning and its default, all of it commented out.

Pure: from the settings classes, so that it says what the code does. Who writes it where is the caller's business.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping

from .settings import AppSettings, bounds


def template(sections: Mapping[str, type[AppSettings]], *, head: str) -> str:
    """The file's text: `head`, then a table for each of `sections`."""
    parts = [head]
    for section, settings in sections.items():
        parts.append(f"\n[{section}]\n")
        for name, field in settings.model_fields.items():
            told = bounds(field)
            words = " ".join(part for part in (field.description, told and f"{told.capitalize()}.") if part)
            parts.append("".join(f"\n# {line}" for line in textwrap.wrap(re.sub(r"\s+", " ", words), 110)))
            value = _toml(field.default, has_factory=field.default_factory is not None)
            parts.append(f"\n#{name} = {value}".rstrip() + "\n")
    return "".join(parts)


def _toml(value: object, *, has_factory: bool) -> str:
    if has_factory or value is None:
        return ""
    if isinstance(value, tuple):
        # An interpreter's path is this machine's.
        return json.dumps(["python3" if str(part).endswith(("/python", "/python3")) else str(part) for part in value])
    return json.dumps(value if isinstance(value, bool | int | float) else str(value), ensure_ascii=False)
