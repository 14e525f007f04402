"""A game and how it starts: what `library/<game-id>/game.toml` holds.

The volume is the truth; a database that lists games is an index of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .launch import Argument, Command, Environment
from .model import HEIGHTS_PX, WIDTHS_PX, GameId, HeightPx, Model, WidthPx
from .network import NetworkAccess, NoNetwork
from .wine import ProtonLaunch, WineLaunch

Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Summary = Annotated[str, StringConstraints(max_length=2000)]

MIB = 1024 * 1024
INSTALLED_BYTES = 256 * 1024 * MIB
"""What an installer may leave, at least; the disk's reserve stays free all the same."""
INSTALLED_PREFIX = ".dillinger/prefix"
"""In a game's folder: the Windows drive that its installer left, as a layer that every player's lies over."""
UNPACKED_FOLDER = ".unpacked"
"""In a game's folder: what Dillinger unpacked of its AppImages, a folder for each, by the file's name."""


class Size(Model):
    """A picture's size in pixels."""

    width_px: WidthPx
    height_px: HeightPx

    @classmethod
    def nearest(cls, width_px: int, height_px: int) -> Size:
        """The one that is nearest to what may be too small, too large or odd."""
        return cls(width_px=_nearest(width_px, WIDTHS_PX), height_px=_nearest(height_px, HEIGHTS_PX))


def _nearest(px: int, sizes: range) -> int:
    return sizes[min(max(px - sizes.start, 0) // sizes.step, len(sizes) - 1)]


class Resources(Model):
    """Limits of one cell."""

    memory_bytes: int = Field(default=4096 * MIB, ge=64 * MIB, le=1 << 42)
    swap_bytes: int = Field(default=0, ge=0, le=1 << 42)
    """How much more may be swapped out; without it a game that is over its memory ends, and slows nobody down."""
    cpu_cores: float = Field(default=4.0, gt=0, le=1024)
    pids: int = Field(default=512, ge=16, le=32_768)
    disk_weight: int = Field(default=200, ge=10, le=1000)
    """Its share of a busy disk beside others', where the kernel shares disks by weight; a seat has 800."""
    saves_bytes: int = Field(default=2048 * MIB, ge=MIB, le=1 << 44)
    """How much the player's own folder may hold; over it the session ends as `out_of_disk`."""
    scratch_bytes: int = Field(default=512 * MIB, ge=MIB, le=1 << 40)
    """Size of each writable tmpfs (`/tmp`, `/run`); counts as memory of the cell too."""


_RUNTIME = "runtime/"
LibrarySource = Annotated[
    str, StringConstraints(pattern=r"^(auto|game|system|runtime/[A-Za-z0-9][A-Za-z0-9._ -]{0,63})$")
]


class NativeLaunch(Model):
    """A Linux program, started as an argument list (no shell)."""

    kind: Literal["native"] = "native"
    command: Command
    """The first is looked up in the game's own folder (`./name`), by absolute path, or in the cell's PATH."""
    directory: Literal["home", "game"] = "home"
    environment: Environment = Field(default_factory=dict)
    libraries: LibrarySource = "auto"
    """Where libraries come from that the cell does not have: `auto` (the game's own folder, then any runtime of the
    library that has them), `game` (its own folder alone), `system` (nowhere). `runtime/NAME` has the game use that
    runtime's even before the cell's."""

    @property
    def runtime(self) -> str | None:
        """The runtime of the library that the game is to use; None where it names none."""
        return self.libraries.removeprefix(_RUNTIME) if self.libraries.startswith(_RUNTIME) else None


class QemuLaunch(Model):
    """A whole PC."""

    kind: Literal["qemu"] = "qemu"
    image: Argument


class DesktopLaunch(Model):
    """A desktop without a game of its own."""

    kind: Literal["desktop"] = "desktop"


LaunchSpec = Annotated[
    NativeLaunch | WineLaunch | ProtonLaunch | QemuLaunch | DesktopLaunch, Field(discriminator="kind")
]
"""How a game starts. Kinds that no part of this release can start are refused with `Unsupported` when played."""


class Gamescope(Model):
    """The game draws in a size of its own, and gamescope scales it to the desktop."""

    width_px: WidthPx
    height_px: HeightPx
    filter: Literal["linear", "nearest", "integer", "fsr"] = "linear"
    """How: smoothly, with the pixels' edges kept, likewise and by whole factors only, or by AMD's upscaler."""


class DisplayConfiguration(Model):
    """What the game gets as a screen."""

    desktop: Literal["x11", "wayland"] = "x11"
    """What the game is drawn on; Wayland needs sway and Xwayland where games run."""
    width_px: WidthPx = 1280
    height_px: HeightPx = 720
    resizable: bool = True
    """Whether the desktop follows the size of the viewer's window."""
    needs_window: bool = True
    """Whether a start that shows no window before its deadline has failed."""
    gamescope: Gamescope | None = None
    """A compositor around the game; a game that names one is refused where it does not start."""


class Art(Model):
    """File names inside `library/<game-id>/art/`."""

    icon: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")] | None = None


class Game(Model):
    """An entry of the library, as its `game.toml` says; `game_id` is the folder's name."""

    game_id: GameId
    schema_version: Literal[1] = Field(default=1, alias="schema")
    title: Title
    summary: Summary = ""
    source: str = Field(default="file", max_length=500)
    """Where the entry came from: `file` (written by a person) or `desktop:PATH` (found on the machine)."""
    keeps_changes: bool = True
    """Whether the game may write into its own folder, as old ones do. What it changes there is kept for each player
    apart; the library's files stay as they are."""
    is_installer: bool = False
    """Whether what starts is an installer still: what it leaves is taken over into the library once it has run."""
    launch: LaunchSpec
    display: DisplayConfiguration = DisplayConfiguration()
    user_namespaces: bool = False
    """Whether the game may make user namespaces, as Proton's runtime and browsers do for sandboxes of their own. It
    opens more of the kernel to the game: leave it off where nothing needs it."""
    head_tracking: bool = False
    """Whether the game takes its player's head movements: as opentrack's datagrams ("UDP over network"), at port 4242
    of the cell's own loopback. A player whose device has the sensors may then look around by moving it."""
    restart: Literal["never", "once"] = "never"
    """Whether a session that loses its cell or seat is started once more; what the game had not saved is lost then."""
    resources: Resources = Resources()
    network: NetworkAccess = NoNetwork()
    art: Art = Art()

    @property
    def limits(self) -> Resources:
        """The limits of a session: what an installer unpacks is the game itself, and may be a lot."""
        if not self.is_installer:
            return self.resources
        return self.resources.model_copy(update={"saves_bytes": max(self.resources.saves_bytes, INSTALLED_BYTES)})

    @property
    def has_changes(self) -> bool:
        """Whether a session gets a layer of its own over the game's folder: what the machine's packages brought has
        nothing in there."""
        return self.keeps_changes and not self.source.startswith("desktop:")
