"""Asks the runner of this machine, as its own command line does: with its first key, over loopback. Blocking."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from dillinger_contracts import Unavailable
from dillinger_contracts.errors import error_from_document

from . import keys as key_file
from .settings import RunnerSettings

_TIMEOUT_S = 30.0


def ask(settings: RunnerSettings, method: str, path: str, body: object = None) -> dict[str, Any]:
    """What it answers; raises what it refused with, or Unavailable."""
    keys = key_file.load_keys(settings.keys_path)
    environment = settings.api_keys.get_secret_value() if settings.api_keys else ""
    secret = keys[0].secret if keys else environment.split(",")[0]
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host  # noqa: S104 compared, not bound
    request = urllib.request.Request(
        f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 see above
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found
    except urllib.error.HTTPError as error:
        try:
            document = json.loads(error.read(65_536))
        except ValueError:
            document = {"status": error.code}
        raise error_from_document(document) from error
    except OSError as error:
        raise Unavailable(f"No runner answers on port {settings.port}", hint="Start it: ./dillinger up") from error
