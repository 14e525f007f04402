"""What the API is given: the parts of a running core, made and wired by `app`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .auth import Gate
from .library import Editor, Imports, Library
from .metrics import Metrics
from .pages import Pages
from .relay import Relay
from .sessions import Feed, Invitations, Runners, Sessions
from .settings import CoreSettings
from .watches import Watches


@dataclass(frozen=True, slots=True)
class Parts:
    """One of each."""

    settings: CoreSettings
    gate: Gate
    library: Library
    editor: Editor
    imports: Imports
    sessions: Sessions
    invitations: Invitations
    feed: Feed
    runners: Runners
    relay: Relay
    watches: Watches
    metrics: Metrics
    pages: Pages
    ca_file: Path
