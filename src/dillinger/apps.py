"""The apps that `up` and `dev` run, as data: what to start, where it answers, and where it listens.

Overrides from the command line become environment variables, so that an app sees them over its file, and its restarted
successor sees the same. Settings are read by each app's own loader: a bad one is refused before anything is started.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.paths import places
from dillinger_contracts.settings import AppSettings, load
from dillinger_core.settings import CoreSettings
from dillinger_runner.settings import RunnerSettings


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says; None leaves it to environment, file and default."""

    host: str | None = None
    port: int | None = None
    http_port: int | None = None
    runner_port: int | None = None
    state_dir: Path | None = None
    runtime_dir: Path | None = None
    library_dir: Path | None = None
    config: Path | None = None

    def environment(self) -> dict[str, str]:
        """The variables that say the same."""
        runner_url = None if self.runner_port is None else f"http://127.0.0.1:{self.runner_port}"
        library = None if self.library_dir is None else self.library_dir.absolute()
        pairs = {
            "DILLINGER_CORE_HTTPS_HOST": self.host,
            "DILLINGER_CORE_HTTPS_PORT": self.port,
            "DILLINGER_CORE_HTTP_PORT": self.http_port,
            "DILLINGER_CORE_RUNNER_URL": runner_url,
            "DILLINGER_RUNNER_PORT": self.runner_port,
            "DILLINGER_STATE_DIR": self.state_dir and self.state_dir.absolute(),
            "DILLINGER_RUNTIME_DIR": self.runtime_dir and self.runtime_dir.absolute(),
            "DILLINGER_CORE_LIBRARY_DIR": library,
            "DILLINGER_RUNNER_LIBRARY_DIR": library,
            "DILLINGER_CONFIG": self.config and self.config.absolute(),
        }
        return {name: str(value) for name, value in pairs.items() if value is not None}


@dataclass(frozen=True, slots=True)
class App:
    """A server of ours."""

    name: str
    command: tuple[str, ...]
    health_url: str
    """Answers 200 as soon as it serves."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An address that must be free before we start."""

    what: str
    host: str
    port: int
    option: str
    """The option that chooses another port."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All of one start: settings in force, apps, listeners."""

    core: CoreSettings
    runner: RunnerSettings

    @property
    def runner_url(self) -> str:
        """The runner's API, from this machine."""
        return f"http://{_reachable(self.runner.host)}:{self.runner.port}"

    @property
    def http_url(self) -> str:
        """Core's plain listener, for this machine only."""
        return f"http://{_reachable(self.core.http_host)}:{self.core.http_port}"

    @property
    def apps(self) -> tuple[App, App]:
        """Runner and core, in the order that they are started in."""
        return (
            App("runner", (sys.executable, "-m", "dillinger_runner", "serve"), f"{self.runner_url}/health"),
            App("core", (sys.executable, "-m", "dillinger_core", "serve"), f"{self.http_url}/api/v1/health"),
        )

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What both will bind."""
        return (
            Listener("https", self.core.https_host, self.core.https_port, "--port"),
            Listener("http on this machine", self.core.http_host, self.core.http_port, "--http-port"),
            Listener("the runner", self.runner.host, self.runner.port, "--runner-port"),
        )


def _reachable(host: str) -> str:
    """The address by which a listener on `host` is reached from here, as it stands in a URL."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{near}]" if ":" in near else near


def make_plan(overrides: Overrides, web_dist: Path | None) -> Plan:
    """Puts the overrides into our environment and reads both apps' settings; raises `Invalid` for a bad one."""
    os.environ.update(overrides.environment())
    file = settings_file()
    core, _ = load(CoreSettings, section="core", file=file)
    runner, _ = load(RunnerSettings, section="runner", file=file)
    if core.web_dir is None and web_dist is not None and (web_dist / "index.html").is_file():
        os.environ["DILLINGER_CORE_WEB_DIR"] = str(web_dist)
        core, _ = load(CoreSettings, section="core", file=file)
    return Plan(core, runner)


def settings_file() -> Path | None:
    """The settings file, where there is one; one that was named has to be there."""
    file = places().config_file
    return file if "DILLINGER_CONFIG" in os.environ or file.is_file() else None


@dataclass(frozen=True, slots=True)
class SettingLine:
    """One setting as `config show` prints it."""

    name: str
    value: str
    origin: str


def settings_in_force(overrides: Overrides) -> list[SettingLine]:
    """Every setting of core and runner with its value (secrets masked by their type) and where it comes from."""
    os.environ.update(overrides.environment())
    sections: tuple[tuple[str, type[AppSettings]], ...] = (("core", CoreSettings), ("runner", RunnerSettings))
    lines = []
    for section, settings in sections:
        values, origins = load(settings, section=section, file=settings_file())
        for name, origin in origins.items():
            lines.append(SettingLine(f"{section}.{name}", _shown(getattr(values, name)), origin.source))
    return lines


def _shown(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, tuple):
        return " ".join(str(part) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
