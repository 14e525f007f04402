"""What `dillinger-stream` can be told: command line > `DILLINGER_STREAM_<SECTION>_<NAME>` > `config.toml` > default.

The file is what `--config` or `DILLINGER_STREAM_CONFIG` names, else `dillinger-stream/config.toml` among the user's
settings, which need not exist. It is read once: there is no reloading.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from dillinger_contracts.errors import Invalid
from dillinger_contracts.ice import IceServer, MediaAccess, PortRange
from dillinger_contracts.session import Preference
from dillinger_contracts.settings import AppSettings, Origin, load, read_document
from dillinger_contracts.settings_template import template
from dillinger_stream.formats import FormatWish

S = TypeVar("S", bound=AppSettings)

PREFIX = "DILLINGER_STREAM_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"

TEMPLATE_HEAD = """\
# The settings of dillinger-stream. Copy this to ~/.config/dillinger-stream/config.toml, or name your copy with
# --config, and take away the # before what you change. What is written here is the default; nothing after the =
# means unset.
# `dillinger-stream config check` tells what is wrong with it, `dillinger-stream config show` what is in force.
#
# Written by `./dillinger docs` from dillinger_stream/program/settings.py; change that, not this.
"""


class CaptureSettings(AppSettings):
    """What is streamed."""

    source: Literal["auto", "x11", "wayland", "portal"] = "auto"
    """The kind of desktop: `x11`; `wayland` for compositors made with wlroots; `portal` for GNOME, KDE and others,
    which ask on their screen first. `auto` finds out."""
    display: str | None = Field(default=None, max_length=200)
    """The display: X11's, such as `:1`, or a compositor's, such as `wayland-1` or its socket's whole path. Unset: the
    one of `WAYLAND_DISPLAY` or `DISPLAY`. Of no use to the portal."""
    screens: Literal["one", "several"] = "one"
    """How many screens a portal's question lets its owner choose. Several are one picture, in which they lie as on the
    desk; a browser shows each of them smaller."""
    sound: Literal["auto", "off"] = "auto"
    """Whether what the machine plays is heard: by the monitor of its PulseAudio or PipeWire, where there is one."""
    sound_source: str | None = Field(default=None, max_length=200, pattern=r"^[^-\s][^\s]*$")
    """A source of the sound server (`pactl list short sources`); unset: the monitor of the default output."""
    clipboard: bool = True
    """Whether what is copied and pasted is shared with those who play."""


class EncoderSettings(AppSettings):
    """How pictures are encoded."""

    codec: FormatWish = "auto"
    """The codec of the picture, where every viewer decodes it and this machine encodes it in time."""
    bitrate_bps: int = Field(default=12_000_000, ge=100_000, le=200_000_000)
    """The most bits a second that the picture may take. Viewers whose network carries less get less."""
    rate_hz: float = Field(default=60.0, ge=1, le=240)
    """The most pictures a second. Where nothing moves there are none."""
    prefers: Preference = "balanced"
    """What is kept where the network carries too little: `sharp` pictures, a `smooth` rate, or `balanced`."""


class WebRtcSettings(AppSettings):
    """How pictures travel."""

    transport: Literal["auto", "websocket", "webrtc"] = "auto"
    """`websocket` is fastest on good networks, `webrtc` where packets are lost; `auto` measures."""
    udp_ports: str | None = None
    """UDP ports for WebRTC, for a firewall that opens some: `40000`, or `40000-40099`. Unset: the kernel chooses."""
    addresses: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses of this machine as browsers know it, where it does not see them itself: behind NAT. As text with
    spaces between them."""
    is_behind_nat: bool = False
    """Whether this machine's own addresses are of no use to browsers."""
    ice_servers: Annotated[tuple[str, ...], NoDecode] = ()
    """STUN and TURN servers, such as `stun:turn.example.org`; as text with spaces between them."""
    ice_username: str = Field(default="", max_length=200)
    """The user at the TURN servers."""
    ice_credential: SecretStr = Field(default=SecretStr(""), max_length=200)
    """That user's password. Viewers get it too."""

    @field_validator("addresses", "ice_servers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(shlex.split(value)) if isinstance(value, str) else value

    @field_validator("udp_ports")
    @classmethod
    def _is_range(cls, value: str | None) -> str | None:
        return None if not value else str(PortRange.parse(value))

    @field_validator("addresses")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return MediaAccess(addresses=value).addresses

    @field_validator("ice_servers")
    @classmethod
    def _are_ice_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return IceServer(urls=value).urls if value else ()

    def access(self) -> MediaAccess:
        """What the stream is told."""
        servers: tuple[IceServer, ...] = ()
        if self.ice_servers:
            credential = self.ice_credential.get_secret_value()
            servers = (IceServer(urls=self.ice_servers, username=self.ice_username, credential=credential),)
        return MediaAccess(
            ports=PortRange.parse(self.udp_ports) if self.udp_ports else None,
            addresses=self.addresses,
            is_behind_nat=self.is_behind_nat,
            servers=servers,
        )


class ServerSettings(AppSettings):
    """Where browsers find it, and what they may."""

    host: str = Field(default="127.0.0.1", max_length=200)
    """The address to listen at. Another than loopback needs `tls_cert` and `tls_key`, or `plain_http`."""
    port: int = Field(default=8070, ge=0, le=65_535)
    """The TCP port to listen at; 0 takes any free one."""
    tls_cert: Path | None = None
    """The server's certificate and its chain (PEM), for https."""
    tls_key: Path | None = None
    """The certificate's key (PEM)."""
    plain_http: bool = False
    """Serve other machines without encryption: whoever is on the way sees and plays. For networks that you trust."""
    key_file: Path | None = None
    """A file with the key that opens the stream, so that the address stays the same: 16 to 200 letters and digits,
    readable by nobody else. Unset: a new key at each start."""
    view_only: bool = False
    """Whether all who come only watch."""
    max_viewers: int = Field(default=16, ge=1, le=64)
    """How many may watch and play at once."""
    web_dir: Path | None = None
    """The built pages (`web/dist`); unset: those that came with it."""

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key go together")
        if not (self.is_local or self.tls_cert or self.plain_http):
            raise ValueError(
                f"{self.host} is reached by other machines: give tls_cert and tls_key, or set plain_http "
                "(--plain-http) if you trust the network"
            )
        return self

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it."""

    capture: CaptureSettings
    encoder: EncoderSettings
    webrtc: WebRtcSettings
    server: ServerSettings


SECTIONS: Mapping[str, type[AppSettings]] = {
    "capture": CaptureSettings,
    "encoder": EncoderSettings,
    "webrtc": WebRtcSettings,
    "server": ServerSettings,
}
Origins = Mapping[str, Mapping[str, Origin]]


def config_file(named: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The file to read; None where nobody named one and there is none at its place."""
    if named is not None:
        return named
    if told := environment.get(CONFIG_VARIABLE):
        return Path(told)
    home = Path(environment.get("HOME") or "/")
    usual = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "dillinger-stream/config.toml"
    return usual if usual.exists() else None


def load_settings(
    command_line: Mapping[str, Mapping[str, object]] | None = None,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Settings, Origins]:
    """The settings and where each comes from; raises `Invalid` with section, name, source and what is allowed."""
    env = os.environ if environment is None else environment
    found = config_file(file, env)
    if found is not None:
        for table in read_document(found):
            _check_known(table, f"[{table}] (file {found})")
    for variable in env:
        if variable.startswith(PREFIX) and variable != CONFIG_VARIABLE:
            _check_known(variable.removeprefix(PREFIX).split("_", 1)[0].lower(), f"{variable} (environment)")
    told = command_line or {}
    for section in told:
        _check_known(section, f"{section} (command line)")
    origins: dict[str, Mapping[str, Origin]] = {}

    def section_of(section: str, kind: type[S]) -> S:
        settings, origins[section] = load(
            kind, section=section, command_line=told.get(section), file=found, environment=env,
            prefix=f"{PREFIX}{section.upper()}_",
        )  # fmt: skip
        return settings

    settings = Settings(
        section_of("capture", CaptureSettings),
        section_of("encoder", EncoderSettings),
        section_of("webrtc", WebRtcSettings),
        section_of("server", ServerSettings),
    )
    return settings, origins


def _check_known(section: str, what: str) -> None:
    if section not in SECTIONS:
        near = get_close_matches(section, SECTIONS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Sections are: {', '.join(SECTIONS)}"
        raise Invalid(f"There is no section for {what}", field=section, hint=hint)


def config_template() -> str:
    """A settings file to copy."""
    return template(SECTIONS, head=TEMPLATE_HEAD)
