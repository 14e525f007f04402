"""The runner's settings; `python -m dillinger_runner config show --origin` prints them with where each comes from."""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from dillinger_contracts import HostScreen, StreamListen
from dillinger_contracts.ice import IceServer, MediaAccess, PortRange
from dillinger_contracts.paths import places
from dillinger_contracts.settings import AppSettings

from .backends.docker_spec import MountRule
from .ice import is_relay

MIB = 1024 * 1024
LONGEST_RUNTIME_DIR_BYTES = 64
"""A unix socket's path may have 107 bytes; a session's longest is 37 below this folder."""


class RunnerSettings(AppSettings):
    """Section `[runner]` of the settings file, `DILLINGER_RUNNER_<NAME>` in the environment."""

    host: str = "127.0.0.1"
    """Address that the API listens on. Another than loopback needs a network that you trust: there is no TLS here."""
    port: int = Field(default=3002, ge=0, le=65_535)
    """TCP port of the API. Seats that run dial back to it after a restart, so keep it; 0 takes a free one (tests)."""

    state_dir: Path = Field(default_factory=lambda: places().state_dir)
    """What stays (`DILLINGER_STATE_DIR` sets it for all apps); the runner's own is `runner/` below it."""
    runtime_dir: Path = Field(default_factory=lambda: places().runtime_dir)
    """Sockets of sessions (`DILLINGER_RUNTIME_DIR` sets it for all apps). At most 64 bytes long."""
    library_dir: Path | None = None
    """Games; `library/` below the state folder where not set."""
    saves_dir: Path | None = None
    """Players' own folders; `saves/` below the state folder where not set."""

    keys_file: Path | None = None
    """API keys, one a line; `runner/keys` below the state folder where not set. Read again when it changes. Made with
    one key, core's, at first start."""
    api_keys: SecretStr | None = None
    """API keys from the environment, with commas between them; they count beside those of the file."""

    backend: Literal["auto", "process", "docker"] = "auto"
    """Where seats and games run: `process` (sandboxes of this machine) or `docker` (two containers a session). `auto`
    takes sandboxes where they can be had, else containers. End all sessions before you change it."""
    docker_host: str = Field(default_factory=lambda: os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    """Address of the container engine (`DOCKER_HOST` where not set)."""
    docker_user: str = Field(default_factory=lambda: f"{os.getuid()}:{os.getgid()}")
    """`UID:GID` that both containers of a session run as: the runner's own where not set. Never root's."""
    docker_seat_image: str = "dillinger-seat"
    """Image of the trusted half; `./dillinger build images` makes it, and those below."""
    docker_native_image: str = "dillinger-cell-games"
    """Image of the locked half for native games."""
    docker_wine_image: str = "dillinger-cell-wine"
    """Image of the locked half for Windows games."""
    docker_seat_network: str = "host"
    """Network of the trusted half. In another than `host`, seats reach the runner by `control_url`, and viewers reach
    seats by WebRTC only where `media_ports` are set, of which each seat then has one published."""
    docker_mounts: Annotated[tuple[str, ...], NoDecode] = ()
    """How the engine finds the runner's folders where they have other names for it (the runner is in a container
    itself): `PATH=/PATH/OF/THE/ENGINE` or `PATH=volume:NAME`, several with spaces between them as text."""
    docker_gpu: str = "none"
    """Graphics card of games in containers: `none`, `nvidia`, `dri` (render nodes of this machine), or a CDI device
    such as `vendor.com/gpu=0`."""
    control_url: str | None = None
    """Where seats dial the runner, where it is not `ws://HOST:PORT/seats` for them."""
    media_ports: str | None = None
    """UDP ports that pictures leave by over WebRTC, such as `40000-40099`: each session takes one, for all its viewers.
    A firewall has to let them through. Where not set, the system chooses, and seats in a network of their own
    (`docker_seat_network`) are not reached by WebRTC."""
    media_addresses: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses of this machine, IPv4 or IPv6, that it does not know itself, such as that of the router that forwards
    the media ports to it; several with spaces between them as text."""
    ice_servers: Annotated[tuple[str, ...], NoDecode] = ()
    """STUN and TURN servers that seats and browsers use for WebRTC, such as `stun:turn.example.org` and
    `turn:turn.example.org:3478?transport=udp`; several with spaces between them as text. Not set: none."""
    turn_secret: SecretStr | None = None
    """What the runner shares with the TURN servers (coturn: `use-auth-secret`, `static-auth-secret`). Of it each
    session gets credentials of its own."""
    turn_lifetime_s: float = Field(default=86_400.0, ge=60)
    """How long these credentials are good for, from the session's start on; a viewer who comes later has no TURN."""
    stream_host: str | None = None
    """Address of this machine, IPv4 or IPv6, at which seats listen for the streams of a core on another machine, by
    TCP and unencrypted: one of a network that you trust. Unset: core is on this machine and comes by a socket."""
    stream_ports: str | None = None
    """TCP ports for that, one a session, such as `43000-43099`; where not set, the system chooses."""

    seat_command: Annotated[tuple[str, ...], NoDecode] = (sys.executable, "-m", "dillinger_seat")
    """Program that is a seat; `--dir SESSION_DIR` or `--probe` is added. As text it is split as a shell does."""
    host_display: str | None = None
    """Display of this machine that admins may have a game shown on instead of streaming it, one at a time: of X11, such
    as `:0`, or of Wayland, such as `wayland-0` or `/run/user/1000/wayland-0`. Not set: none. Process backend only."""
    host_authority: Path | None = None
    """File with an X11 display's cookie (`XAUTHORITY` of who sits there); where not set, `~/.Xauthority` of the
    runner's user."""
    host_full_screen: bool = True
    """Whether such a game has the whole display, or a window."""
    host_sound: str | None = None
    """Sound server of this machine that plays such a game's sound, as `PULSE_SERVER` names it, such as
    `unix:/run/user/1000/pulse/native`. Not set: the one of the runner's user, where there is one."""

    isolation: Literal["required", "none"] = "required"
    """`required` refuses sessions where the sandbox can't run; `none` then plays without one: the game can do all
    that the runner's user can. For trusted games only."""
    cgroup: str = "auto"
    """Where limits are enforced: `auto`, `none`, or a path below the cgroup mount points such as `/dillinger`."""
    limits: Literal["best_effort", "required"] = "best_effort"
    """`required` refuses sessions where cgroups for memory, CPU and pids are not to be had; `best_effort` then only
    caps the data segment of each process (RLIMIT_DATA) and says so loudly."""

    max_sessions: int = Field(default=16, ge=0, le=10_000)
    """Sessions that may live at once; 0 takes none (drain)."""
    memory_reserve_bytes: int = Field(default=512 * MIB, ge=0)
    """Memory of the machine that must stay available after a start; 0 switches the check off."""
    memory_overcommit: float = Field(default=2.0, ge=0)
    """The limits of all sessions may add up to so many times the machine's memory; games seldom use all of theirs. 0
    switches the check off."""
    disk_reserve_bytes: int = Field(default=1024 * MIB, ge=0)
    """What the disk with the saves is to keep free: below it no session starts, and one that writes on ends; 0 switches
    the check off."""
    cell_disk_bytes_per_s: int = Field(default=0, ge=0)
    """How much each game may read a second from the disk that the saves are on, and as much write, beside its share of
    that disk; 0 bounds nothing. Cgroups version 1 slow only what is written past the kernel's memory."""
    cpu_overcommit: float = Field(default=0.0, ge=0)
    """The processor cores of all sessions' limits may add up to so many times the machine's; 0, the default, lets them
    share by time however many there are."""
    user_max_sessions: int = Field(default=0, ge=0, le=10_000)
    """Sessions that one user may have at once; 0 sets no limit."""
    user_memory_bytes: int = Field(default=0, ge=0)
    """What the memory limits of one user's sessions may add up to; 0 sets no limit."""
    user_cpu_cores: float = Field(default=0.0, ge=0)
    """What the processor cores of one user's sessions may add up to; 0 sets no limit."""
    when_full: Literal["wait", "refuse"] = "wait"
    """What becomes of a start that finds no room: it waits in a queue, or it is refused with the reason. What would not
    fit into the empty machine is refused in any case."""
    queue_sessions: int = Field(default=20, ge=1, le=1000)
    """How many may wait at once; the next is refused."""
    queue_timeout_s: float = Field(default=900.0, ge=0)
    """How long one may wait, from its wish (or the runner's start) on; 0 without end."""
    seat_memory_bytes: int = Field(default=1024 * MIB, ge=128 * MIB)
    """Memory limit of a seat itself (capture, encoder, transport), beside its game's."""
    seat_cpu_cores: float = Field(default=4.0, gt=0, le=1024)
    """CPU limit of a seat itself, in cores."""
    seat_pids: int = Field(default=256, ge=32, le=32_768)
    """Limit of processes and threads of a seat itself."""

    pool_size: int = Field(default=0, ge=0, le=64)
    """Seats that wait for a session, started ahead: a game shows sooner, and each takes memory (`GET /pool` tells how
    much). They count as nobody's session; 0 starts each seat when it is wanted."""

    uinput_pads: int = Field(default=0, ge=0, le=4)
    """Gamepads of a session that the kernel makes (`/dev/uinput`), for 32-bit native games: there from the start,
    plugged in or not, and seen by the machine's own desktop too. Sandboxes only, and unverified. 0: pads that come and
    go, by a library in the game's process."""

    placing_timeout_s: float = Field(default=15.0, gt=0)
    """How long placing may take, from the request on."""
    template_timeout_s: float = Field(default=300.0, gt=0)
    """How long Wine may take to make what Windows games' drives are made of, once for each Wine, from its start on."""
    start_timeout_s: float = Field(default=30.0, gt=0)
    """How long a game may take to show, from its seat's start on. The seat ends itself then; the runner adds 5 s."""
    unreachable_timeout_s: float = Field(default=60.0, gt=0)
    """How long a seat that runs may be without a link to the runner, from the loss (or the runner's start) on."""
    stop_grace_s: float = Field(default=8.0, ge=0, le=60)
    """How long a seat has to end after it was asked to, before SIGTERM."""
    term_grace_s: float = Field(default=3.0, ge=0, le=60)
    """How long it has after SIGTERM, before SIGKILL."""
    idle_timeout_s: float = Field(default=900.0, ge=0)
    """Ends a session after so long without a viewer; 0 never."""
    stop_on_exit: bool = False
    """Whether SIGTERM or SIGINT to the runner ends its sessions too. Off, they go on, and the next runner adopts
    them."""

    history_sessions: int = Field(default=100, ge=0, le=100_000)
    """How many ended sessions are kept with their logs."""
    history_age_s: float = Field(default=86_400.0, ge=0)
    """How long an ended session is kept."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """`auto` writes text to a terminal and JSON elsewhere."""

    @field_validator("seat_command", "docker_mounts", "media_addresses", "ice_servers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(shlex.split(value)) if isinstance(value, str) else value

    @field_validator("seat_command")
    @classmethod
    def _has_program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("names no program")
        return value

    @field_validator("stream_host")
    @classmethod
    def _is_one_address(cls, value: str | None) -> str | None:
        if not value:
            return None
        address = ipaddress.ip_address(value)
        if address.is_unspecified or address.is_multicast:
            raise ValueError(f"{value} is not the address of one machine; core has to find the seats there")
        return str(address)

    @field_validator("media_ports", "stream_ports")
    @classmethod
    def _are_ports(cls, value: str | None) -> str | None:
        return None if not value else str(PortRange.parse(value))

    @field_validator("ice_servers")
    @classmethod
    def _are_ice_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return IceServer(urls=value).urls if value else ()

    @model_validator(mode="after")
    def _has_turn_secret(self) -> Self:
        if any(is_relay(url) for url in self.ice_servers) and self.turn_secret is None:
            raise ValueError("a TURN server among ice_servers needs turn_secret")
        return self

    @field_validator("media_addresses")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return MediaAccess(addresses=value).addresses

    @field_validator("host_display")
    @classmethod
    def _is_display(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not re.fullmatch(r":\d{1,5}|wayland-\d{1,5}|/[\w./-]{1,100}", value):
            raise ValueError("is a display of this machine, such as :0, wayland-0 or /run/user/1000/wayland-0")
        return value

    @field_validator("docker_user")
    @classmethod
    def _is_user(cls, value: str) -> str:
        if not re.fullmatch(r"\d+:\d+", value):
            raise ValueError("is UID:GID, both as numbers")
        return value

    @field_validator("docker_host")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not re.match(r"(unix|tcp|https?|ssh)://.", value):
            raise ValueError("is an address such as unix:///var/run/docker.sock")
        return value

    @field_validator("docker_mounts")
    @classmethod
    def _are_mounts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            MountRule.parse(text)
        return value

    @field_validator("docker_gpu")
    @classmethod
    def _is_gpu(cls, value: str) -> str:
        if value not in ("none", "nvidia", "dri") and not re.fullmatch(r"[\w.-]+/[\w.-]+=[\w.:-]+", value):
            raise ValueError("is none, nvidia, dri, or a CDI device such as vendor.com/gpu=0")
        return value

    @field_validator("cgroup")
    @classmethod
    def _is_cgroup(cls, value: str) -> str:
        if value in ("auto", "none"):
            return value
        path = "/" + value.removeprefix("/sys/fs/cgroup").strip("/")
        if path == "/" or ".." in path.split("/"):
            raise ValueError("is auto, none, or a path below the cgroup mount points such as /dillinger")
        return path

    @field_validator("runtime_dir")
    @classmethod
    def _leaves_room_for_sockets(cls, value: Path) -> Path:
        if (length := len(os.fsencode(value))) > LONGEST_RUNTIME_DIR_BYTES:
            raise ValueError(
                f"is {length} bytes long, and sockets below it need it to be {LONGEST_RUNTIME_DIR_BYTES} at most: "
                "choose a shorter folder, such as /run/dillinger"
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        state_dir = Path(str(data.get("state_dir") or places().state_dir)).absolute()
        derived = {
            "state_dir": state_dir,
            "runtime_dir": Path(str(data.get("runtime_dir") or places().runtime_dir)).absolute(),
            "library_dir": Path(str(data.get("library_dir") or state_dir / "library")).absolute(),
            "saves_dir": Path(str(data.get("saves_dir") or state_dir / "saves")).absolute(),
            "keys_file": Path(str(data.get("keys_file") or state_dir / "runner/keys")).absolute(),
        }
        return {**data, **derived}

    @model_validator(mode="after")
    def _streams_can_be_reached(self) -> Self:
        if self.stream_ports and not self.stream_host:
            raise ValueError("stream_ports is of no use without stream_host")
        if self.stream_host and self.backend != "process" and self.docker_seat_network != "host":
            raise ValueError("stream_host needs seats in the machine's own network: docker_seat_network = host")
        return self

    @property
    def screen(self) -> HostScreen | None:
        """`host_display` and what belongs to it, as seats are told."""
        if self.host_display is None:
            return None
        return HostScreen(
            display=self.host_display,
            authority_file=str(self.host_authority) if self.host_authority else None,
            is_full_screen=self.host_full_screen,
            sound_server=self.host_sound or None,
        )

    @property
    def stream_listen(self) -> StreamListen | None:
        """`stream_host` and `stream_ports`, as seats are told."""
        if self.stream_host is None:
            return None
        ports = PortRange.parse(self.stream_ports) if self.stream_ports else None
        return StreamListen(host=self.stream_host, ports=ports)

    @property
    def media_port_range(self) -> PortRange | None:
        """`media_ports`, taken apart."""
        return PortRange.parse(self.media_ports) if self.media_ports else None

    @property
    def sessions_dir(self) -> Path:
        """Folder of session folders."""
        return self.state_dir / "runner/sessions"

    @property
    def wine_templates_dir(self) -> Path:
        """Folder of what Wine's prefixes are made of, one for each Wine."""
        return self.state_dir / "runner/wine"

    @property
    def keys_path(self) -> Path:
        """Where the keys are, derived or set."""
        assert self.keys_file is not None
        return self.keys_file

    @property
    def library_path(self) -> Path:
        """Where the library is, derived or set."""
        assert self.library_dir is not None
        return self.library_dir

    @property
    def saves_path(self) -> Path:
        """Where the saves are, derived or set."""
        assert self.saves_dir is not None
        return self.saves_dir

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches the API."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")
