"""Which desktop is meant, out of settings and environment. A new kind is a file beside, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dillinger_contracts.errors import Invalid
from dillinger_stream.program.settings import CaptureSettings

from .base import DesktopSource
from .portal import PortalSource
from .wayland import WaylandSource
from .x11 import X11Source

Open = Callable[[CaptureSettings, Mapping[str, str], bool], DesktopSource]
"""The last one: whether all who come only watch."""


def _x11(settings: CaptureSettings, environment: Mapping[str, str], _is_view_only: bool) -> DesktopSource:
    name = settings.display or environment.get("DISPLAY")
    if not name:
        raise Invalid(
            "There is no display to stream: DISPLAY is not set",
            field="capture.display", hint="Name one, such as --display :0",
        )  # fmt: skip
    return X11Source(name, environment, has_clipboard=settings.clipboard)


def _wayland(settings: CaptureSettings, environment: Mapping[str, str], _is_view_only: bool) -> DesktopSource:
    name = settings.display or environment.get("WAYLAND_DISPLAY")
    if not name:
        raise Invalid(
            "There is no Wayland display to stream: WAYLAND_DISPLAY is not set",
            field="capture.display", hint="Name one, such as --display wayland-0",
        )  # fmt: skip
    return WaylandSource(name, environment, has_clipboard=settings.clipboard)


def _portal(settings: CaptureSettings, environment: Mapping[str, str], is_view_only: bool) -> DesktopSource:
    if settings.display is not None:
        raise Invalid(
            f"The portal hands out the desktop of its own session, not the display {settings.display}",
            field="capture.display", hint="Leave --display away; the screen is chosen in the desktop's question",
        )  # fmt: skip
    return PortalSource(
        environment, is_view_only=is_view_only, wants_several=settings.screens == "several",
        has_clipboard=settings.clipboard,
    )  # fmt: skip


KINDS: Mapping[str, Open] = {"x11": _x11, "wayland": _wayland, "portal": _portal}
_OF_THE_PORTAL = frozenset(
    {"budgie", "cinnamon", "cosmic", "deepin", "gnome", "kde", "pantheon", "ukui", "unity", "x-cinnamon"}
)
"""Of XDG_CURRENT_DESKTOP, in small letters: in their Wayland sessions a desktop is had by the portal alone."""


def kind_of(settings: CaptureSettings, environment: Mapping[str, str]) -> str:
    """The kind of desktop that the settings name or, by themselves, the environment has.

    In a Wayland session DISPLAY is Xwayland's, which has windows but no desktop: its picture would be black.
    """
    if settings.source != "auto":
        return settings.source
    if settings.display is not None:
        return "x11" if ":" in settings.display else "wayland"
    is_wayland = bool(environment.get("WAYLAND_DISPLAY")) or environment.get("XDG_SESSION_TYPE") == "wayland"
    if not is_wayland:
        return "x11"
    desktops = environment.get("XDG_CURRENT_DESKTOP", "").lower().split(":")
    return "wayland" if _OF_THE_PORTAL.isdisjoint(desktops) else "portal"


def choose(settings: CaptureSettings, environment: Mapping[str, str], *, is_view_only: bool = False) -> DesktopSource:
    """The desktop that is to be streamed, not connected yet; raises `Invalid`, `Unsupported` or `CaptureError`."""
    return KINDS[kind_of(settings, environment)](settings, environment, is_view_only)
