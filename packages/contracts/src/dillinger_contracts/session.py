"""A session and its seat: what is asked for, what is placed, what is seen of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from .game import Game, Resources
from .ice import LAST_PORT, IpAddress, MediaAccess, PortRange
from .lifecycle import EndReason, SessionState
from .model import GameId, HeightPx, Model, SessionId, UserId, WidthPx, WireModel
from .stages import NO_TIMES, Advice, StageTimes

_RESTARTED = frozenset({EndReason.CELL_LOST, EndReason.SEAT_LOST})
"""Ends that are no game's doing, and that another try may not meet again."""


Preference = Literal["balanced", "sharp", "smooth", "battery"]
"""What a viewer would rather have where the network carries too little: sharp pictures, or all of them. `battery` asks
for few and small ones in the first place."""

VideoFormat = Literal["h264", "h264-high", "h264-444", "vp8", "vp9", "av1"]
"""What a picture can be encoded as: a codec, and of H.264 the profile: constrained baseline (which every viewer
decodes), High, and High 4:4:4 Predictive, which has a colour for every pixel."""


Show = Literal["stream", "host"]
"""Where a session is seen: in browsers, or on the display of the machine that it runs on."""


FIRST_LAYOUT = "us"
"""Of the keyboard, until a viewer has another."""


class StreamProfile(Model):
    """What a viewer wants of a stream."""

    codec: Literal["auto", "h264", "h264-high", "vp8", "vp9", "av1"] = "auto"
    """`auto` leaves it to the seat, which takes the quickest."""
    is_text_sharp: bool = False
    """A colour for every pixel (4:4:4) where both sides can, instead of one for four."""
    width_px: WidthPx = 1280
    height_px: HeightPx = 720
    rate_hz: float = Field(default=60.0, ge=1, le=240)
    bitrate_bps: int = Field(default=12_000_000, ge=100_000, le=200_000_000)
    prefers: Preference = "balanced"
    keyboard: str = Field(default=FIRST_LAYOUT, pattern=r"^[a-z]{2,10}(:[a-z0-9_-]{1,24})?$")
    """The layout and variant of the viewer's keyboard, as XKB names them: `de`, `us:dvorak`."""


class ResourceOverrides(WireModel):
    """Limits that a launch request sets instead of the game's own."""

    memory_bytes: int | None = None
    swap_bytes: int | None = None
    cpu_cores: float | None = None
    pids: int | None = None
    disk_weight: int | None = None
    saves_bytes: int | None = None
    scratch_bytes: int | None = None

    def over(self, resources: Resources) -> Resources:
        """`resources` with what is set here instead; raises pydantic's ValidationError when out of range."""
        wanted = self.model_dump(exclude_none=True, by_alias=False)
        return Resources.model_validate({**resources.model_dump(), **wanted})


class GameLaunchRequest(WireModel):
    """Body of the runner's `POST /sessions`. With a `session_id` it is idempotent: the same wish is placed once."""

    game_id: GameId
    user_id: UserId
    session_id: SessionId | None = None
    ticket_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")] | None = None
    """Key that signs this session's tickets: 32 bytes, base64url. Without one the runner makes one of its own."""
    resources: ResourceOverrides | None = None
    profile: StreamProfile | None = None
    launch: dict[str, JsonValue] | None = None
    """What the game's own launch configuration shall say instead, by the names of its kind in `game.toml`: environment
    (added to the game's), a Windows version, a virtual desktop … What is run stays the library's to say."""
    show: Show | None = None
    """`host` shows it on the machine's own display instead of streaming it, where the runner's settings allow it."""
    when_full: Literal["wait", "refuse"] | None = None
    """What becomes of it where there is no room; None leaves it to the runner's settings. `wait` waits only where those
    allow it."""


class SessionSpec(Model):
    """One wish to play, complete: what the runner keeps beside what runs."""

    session_id: SessionId
    user_id: UserId
    game: Game
    resources: Resources
    profile: StreamProfile
    created_at: datetime


class CellCgroup(Model):
    """Where the cell's processes are counted and limited."""

    version: Literal[1, 2]
    directories: dict[str, str]
    """Controller name → directory (v1), or `{"unified": directory}` (v2)."""


class StreamListen(Model):
    """Where a seat listens for streams by TCP, beside its socket: for a core on another machine."""

    host: IpAddress
    ports: PortRange | None = None
    """One of these is the seat's; None has the kernel choose."""


class HostScreen(Model):
    """The display of a runner's machine that a session is shown on instead of being streamed."""

    display: str
    """As X11 names it, `:0`; or a Wayland compositor's socket, `wayland-0` or its whole path."""
    authority_file: str | None = None
    """Where an X11 display's cookie is; None: where X clients of the seat's user look."""
    is_full_screen: bool = True
    sound_server: str | None = None
    """As PulseAudio's clients name it; None: what they find by themselves."""


class SeatSpec(Model):
    """All that a seat needs, written to `spec.json` in its session directory (mode 0600) before the seat starts."""

    session: SessionSpec
    session_dir: str
    """Owned by the seat: spec, identity, logs, end report."""
    runtime_dir: str
    """Short path for sockets: `stream.sock` (streams), `x11/` (display socket), gone with the session."""
    library_dir: str
    saves_dir: str
    """This user's own folder for this game."""
    layer_dir: str | None = None
    """What else is this user's of this game, and the cell can't reach: layers and locks (`dillinger_saves.layout`)."""
    disk_reserve_bytes: int = 0
    """What the saves' file system is to keep free: a session that writes on below it ends."""
    wine_templates_dir: str | None = None
    """On this machine: a Wine prefix that new ones are made of, in a folder named by its Wine; None in a container,
    whose image has its own."""
    control_url: str
    """The runner's `/seats`."""
    control_token: str = Field(repr=False)
    ticket_key: str = Field(repr=False)
    screen: HostScreen | None = None
    """Where it is shown instead of being streamed; None: it is streamed."""
    media: MediaAccess = MediaAccess()
    stream_listen: StreamListen | None = None
    cell_cgroup: CellCgroup | None = None
    isolation: Literal["bubblewrap", "container", "none"] = "bubblewrap"
    """`container`: the runner starts the cell as a container of its own, once the seat listens for it."""
    walls: str | None = None
    """What keeps a sandbox whose game has the internet from everything else (`network.walls`); without them it gets no
    network. A container's stand elsewhere."""
    has_graphics_card: bool = False
    """Its cell is given one that was seen from inside; without one its programs are told to draw in software."""
    uinput_pads: int = Field(default=0, ge=0, le=4)
    """So many gamepads are the kernel's; 0: the seat's own, by the interposer."""
    start_timeout_s: float = 30.0
    answer_timeout_s: float = 20.0
    """Viewers are told when the game has not looked at its window's events for so long."""
    idle_timeout_s: float = 900.0
    """Ends the session after so long without a viewer; 0 never."""
    restarts: int = 0
    """How many times this session was started again."""

    def starts_again(self, reason: EndReason) -> bool:
        """Whether it is started once more when nobody asked for this end."""
        return self.session.game.restart == "once" and self.restarts == 0 and reason in _RESTARTED


class StartStep(WireModel):
    """One step of a start, with how long it took."""

    name: str
    duration_ms: float
    share_done: float | None = Field(default=None, ge=0, le=1)
    """Of one that is under way: how much of it is done. None: all."""


class SessionEnd(WireModel):
    """How a session ended."""

    reason: EndReason
    message: str = ""
    exit_code: int | None = None
    signal: str | None = None
    log_tail: tuple[str, ...] = ()
    ended_at: datetime


class SeatStats(WireModel):
    """One second of a seat's own figures, all measured; None is unknown."""

    measured_at: datetime
    peers: int
    capture_fps: float | None = None
    encode_ms_p50: float | None = None
    encode_ms_p95: float | None = None
    convert_ms_p50: float | None = None
    bitrate_bps: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    shown_fps: float | None = None
    """From here on what the player's browser measured, in the second before."""
    round_trip_ms: float | None = None
    loss_ratio: float | None = None
    latency_ms: float | None = None
    """Captured → shown."""
    stages_ms_p50: StageTimes = NO_TIMES
    """Where a picture's time goes on its way to who plays, medians; what nobody measured is left out."""
    stages_ms_p95: StageTimes = NO_TIMES
    advice: tuple[Advice, ...] = ()
    """What to do about it, the gravest first."""


class QueuePlace(WireModel):
    """Where a session stands that waits for room."""

    place: int = Field(ge=1)
    """1 is next."""
    length: int
    reason: str
    """What it waits for."""


class RunnerSession(WireModel):
    """A session as the runner's API shows it."""

    session_id: SessionId
    game_id: GameId
    user_id: UserId
    state: SessionState
    created_at: datetime
    steps: tuple[StartStep, ...] = ()
    peers: int = 0
    end: SessionEnd | None = None
    stats: SeatStats | None = None
    queue: QueuePlace | None = None


class StreamAddress(WireModel):
    """Where a session's seat listens for streams: a socket of the runner's machine, or an address and a TCP port."""

    session_id: SessionId
    unix_path: str | None = None
    host: IpAddress | None = None
    port: int | None = Field(default=None, ge=1, le=LAST_PORT)


class RunnerCapacity(WireModel):
    """How much room a runner has for sessions, as far as that is known without a game."""

    sessions: int = Field(ge=0)
    """How many live now, those that wait included."""
    waiting: int = Field(ge=0)
    """How many of these wait for room."""
    max_sessions: int = Field(ge=0)
    free_memory_bytes: int = Field(ge=0)
    """What games may still take: of what is available above the reserve and what limits may still add up to, the
    smaller."""
    memory_bytes: int | None = None
    """All that the machine has; None, as the rest, where an older runner does not say."""
    cpu_cores: int | None = None
    backend: str | None = None
    """What holds its sessions: `process`, `docker` …"""
    shows_here: bool | None = None
    """Whether it may show a session on its machine's own display."""


class SessionUsage(WireModel):
    """What a session uses, as the engine or the kernel counts it; None is unknown."""

    session_id: SessionId
    measured_at: datetime
    cpu_s: float | None = None
    memory_bytes: int | None = None
    processes: int | None = None
    network_bytes: int | None = None
    """What the game's own network has carried, in and out."""
    gpu: float | None = None
    """Share of a graphics card, 0 to 1 (more with several cards)."""
    gpu_memory_bytes: int | None = None


class SessionLimits(WireModel):
    """What a session may use now, and whether that can be changed while it runs."""

    session_id: SessionId
    memory_bytes: int
    swap_bytes: int
    cpu_cores: float
    pids: int
    disk_weight: int
    saves_bytes: int
    scratch_bytes: int
    is_changeable: bool
    problem: str | None = None
    """Why nothing can be changed."""


class RunnerEvent(WireModel):
    """A past-tense fact in the runner's event feed; `session` is the whole view after it."""

    event: Literal["session_created", "session_changed", "session_ended"]
    session: RunnerSession
