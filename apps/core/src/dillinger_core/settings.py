"""Core's settings: command line > `DILLINGER_CORE_…` > `[core]` in the settings file > default.

`DILLINGER_STATE_DIR` and `DILLINGER_CONFIG` are shared by all apps and read here too. Relative paths are not
resolved: what is given is used.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, HttpUrl, field_validator, model_validator
from pydantic_settings import NoDecode

from dillinger_contracts.paths import places
from dillinger_contracts.settings import AppSettings, Origin, load

SECTION = "core"
MAX_RUNNER_NAME = 300
Port = Annotated[int, Field(ge=0, le=65535)]


@dataclass(frozen=True, slots=True)
class RunnerAt:
    """Where a runner is, and what opens it."""

    name: str
    """What it is called in the database and for admins: `HOST:PORT`, and its path where it has one."""
    url: str
    keys: Path


def runner_name(url: HttpUrl) -> str:
    """What the runner at `url` is called."""
    return f"{url.host}:{url.port}{(url.path or '').rstrip('/')}"


class CoreSettings(AppSettings):
    """What core can be told."""

    https_host: str = "0.0.0.0"  # noqa: S104 - playing from other machines is the purpose, and this side has TLS and logins
    """Address of the https listener; `0.0.0.0` is every IPv4 address, `::` every address."""
    https_port: Port = 8443
    """TCP port of the https listener; 0 takes any free one."""
    http_host: str = "127.0.0.1"
    """Address of the plain http listener; only a loopback address is accepted, since nothing is encrypted there."""
    http_port: Port = 8080
    """TCP port of the plain http listener; 0 takes any free one."""
    state_dir: Path = Field(default_factory=lambda: places().state_dir)
    """Directory of all state; core's own is `core/` in it."""
    library_dir: Path | None = None
    """Directory with a folder per game; unset: `STATE/library`."""
    import_dir: Path | None = None
    """Directory from which admins add games in the page; unset: `STATE/import`."""
    cells_share_system: bool = True
    """Whether cells have this machine's `/usr`, so that cards can tell which libraries a game lacks; false where cells
    are containers of an image."""
    runner_url: HttpUrl = HttpUrl("http://127.0.0.1:3002")
    """Where the runner's API is."""
    runner_urls: Annotated[tuple[HttpUrl, ...], NoDecode] = ()
    """Where the runners' APIs are, if there are several, on this machine or others; as text with commas between them.
    Empty: there is one, at `runner_url`."""
    runner_lookup_url: HttpUrl | None = None
    """`http://NAME:PORT` where every address of NAME is a runner, such as those of a headless service; looked up again
    every 30 s. Unset: runners are listed."""
    runner_key_file: Path | None = None
    """File with the runner's API keys, one a line; the first is used. Unset: `STATE/runner/keys`."""
    runner_key_files: Annotated[tuple[Path, ...], NoDecode] = ()
    """The same for each of `runner_urls`, in their order; as text with colons between them. Empty: all of them take the
    key of `runner_key_file`."""
    runner_saves: Literal["own", "shared"] = "own"
    """Whether each runner has saves of its own, so that a player finds a game where it was played before (`own`), or
    all have the same folder, so that any takes it (`shared`)."""
    runner_timeout_s: float = Field(default=10.0, gt=0, le=120)
    """How long one call of the runner may take, in seconds from its start."""
    runner_command: Annotated[tuple[str, ...], NoDecode] = ()
    """Command that starts the runner (of several, the first) when somebody wants to play and none answers, split as a
    shell does; empty: somebody else sees to it. Core never ends it."""
    runner_start_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """How long a runner may take to answer after `runner_command`, in seconds from its start."""
    web_dir: Path | None = None
    """The built pages (`web/dist`); unset: a plain page that says how to build them."""
    database_url: str | None = None
    """SQLAlchemy URL of the database; unset: SQLite in `STATE/core/dillinger.db`."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks of reverse proxies in front of core, separated by commas; what they say of who asks and how
    (`X-Forwarded-For`, `X-Forwarded-Proto`) is believed. Empty: nobody is."""
    extra_names: Annotated[tuple[str, ...], NoDecode] = ()
    """More host names or addresses that the server certificate holds for, separated by commas; empty for none."""
    desktop_entry_dirs: Annotated[tuple[Path, ...], NoDecode] = (
        Path("/usr/share/applications"),
        Path("/usr/local/share/applications"),
    )
    """Directories searched for installed games (`.desktop` files), separated by colons; empty: no search."""
    icon_dirs: Annotated[tuple[Path, ...], NoDecode] = (
        Path("/usr/local/share/icons"),
        Path("/usr/share/icons"),
        Path("/usr/share/pixmaps"),
    )
    """Directories searched for icons of found games, separated by colons."""
    library_scan_interval_s: float = Field(default=60.0, ge=0)
    """Seconds from the end of one look at the library to the next; 0: only at start and on demand."""
    login_lifetime_s: float = Field(default=30 * 86_400.0, gt=0)
    """Seconds from a login until it expires, however much it is used."""
    login_failures_per_name: int = Field(default=10, ge=1)
    """Wrong passwords for one name from one address within `login_failure_window_s` before it has to wait."""
    login_failures_per_address: int = Field(default=30, ge=1)
    """Wrong passwords from one address, whatever the name, within `login_failure_window_s` before it has to wait."""
    login_failure_window_s: float = Field(default=300.0, gt=0)
    """Seconds for which a wrong password counts."""
    max_body_bytes: int = Field(default=1 << 20, ge=1024)
    """Largest request body, in bytes."""
    wish_lifetime_s: float = Field(default=120.0, gt=0)
    """Seconds from a click on Play for which an interrupted core, back again, still has it placed."""
    relay_idle_timeout_s: float = Field(default=60.0, ge=0)
    """Closes a stream over which neither side said anything for so many seconds; 0 never."""
    relay_message_bytes: int = Field(default=16 << 20, ge=1 << 16)
    """Largest message of a seat that is relayed, in bytes: a keyframe has to fit."""

    max_watches: int = Field(default=32, ge=0, le=1000)
    """How many standard players (WHEP) may watch at once, over all sessions; 0: none."""
    watch_lifetime_s: float = Field(default=43_200.0, ge=0)
    """Ends a standard player's watch after so many seconds; 0 never."""

    @field_validator("http_host")
    @classmethod
    def _loopback_only(cls, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            is_loopback = ipaddress.ip_address(value).is_loopback
        except ValueError:
            is_loopback = False
        if not is_loopback:
            raise ValueError(
                f"{value} is no loopback address; plain http is served to this machine only, others use https"
            )
        return value

    @field_validator("runner_urls", "runner_lookup_url")
    @classmethod
    def _are_plain(cls, value: tuple[HttpUrl, ...] | HttpUrl | None) -> tuple[HttpUrl, ...] | HttpUrl | None:
        urls = value if isinstance(value, tuple) else () if value is None else (value,)
        for url in urls:
            if url.username or url.password or url.query or url.fragment:
                raise ValueError("the URL of a runner has a host, a port and perhaps a path, nothing else")
        names = [runner_name(url) for url in urls]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)} is listed twice")
        if any(len(name) > MAX_RUNNER_NAME for name in names):
            raise ValueError(f"the URL of a runner has at most {MAX_RUNNER_NAME} characters")
        return value

    @model_validator(mode="after")
    def _runners_make_sense(self) -> Self:
        if self.runner_key_files and len(self.runner_key_files) != len(self.runner_urls):
            files, urls = len(self.runner_key_files), len(self.runner_urls)
            raise ValueError(f"runner_key_files names {files} files for the {urls} runners of runner_urls")
        if self.runner_lookup_url is None:
            return self
        if self.runner_urls:
            raise ValueError("runner_urls lists the runners, runner_lookup_url finds them: set one of the two")
        if self.runner_command:
            raise ValueError("runner_command can't start a runner that is found by runner_lookup_url")
        if self.runner_lookup_url.scheme != "http" or self.runner_lookup_url.path not in (None, "/"):
            raise ValueError("runner_lookup_url is http://NAME:PORT: addresses have no certificates and no paths")
        return self

    @field_validator("desktop_entry_dirs", "icon_dirs", "runner_key_files", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return [part for part in value.split(":") if part] if isinstance(value, str) else value

    @field_validator("runner_command", mode="before")
    @classmethod
    def _split_words(cls, value: object) -> object:
        return shlex.split(value) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ipaddress.ip_network(text)
            except ValueError as error:
                raise ValueError(f"{text} is no address or network such as 10.0.0.0/8") from error
        return value

    @field_validator("extra_names", "trusted_proxies", "runner_urls", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @property
    def core_dir(self) -> Path:
        """Core's own state."""
        return self.state_dir / "core"

    @property
    def library(self) -> Path:
        """The library volume."""
        return self.library_dir or self.state_dir / "library"

    @property
    def imports(self) -> Path:
        """Where games to be added are looked for."""
        return self.import_dir or self.state_dir / "import"

    @property
    def listed_runners(self) -> tuple[RunnerAt, ...]:
        """The runners that need not be looked for."""
        if self.runner_lookup_url is not None:
            return ()
        urls = self.runner_urls or (self.runner_url,)
        files = self.runner_key_files or (self.runner_keys,) * len(urls)
        return tuple(RunnerAt(runner_name(url), str(url), keys) for url, keys in zip(urls, files, strict=True))

    @property
    def runner_keys(self) -> Path:
        """The file with the runner's keys."""
        return self.runner_key_file or self.state_dir / "runner/keys"

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite+aiosqlite:///{self.core_dir / 'dillinger.db'}"


def load_settings(command_line: Mapping[str, object] | None = None) -> tuple[CoreSettings, dict[str, Origin]]:
    """The settings in force and where each comes from; raises `Invalid` naming the first bad one."""
    file = places().config_file
    is_named = bool(os.environ.get("DILLINGER_CONFIG"))
    return load(
        CoreSettings, section=SECTION, command_line=command_line, file=file if is_named or file.is_file() else None
    )
