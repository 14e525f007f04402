"""Which desktop is meant, out of settings and environment. A new kind is a file beside, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dillinger_contracts.errors import Invalid, Unsupported
from dillinger_stream.program.settings import CaptureSettings

from .base import DesktopSource
from .wayland import WaylandSource
from .x11 import X11Source

Open = Callable[[CaptureSettings, Mapping[str, str]], DesktopSource]


def _x11(settings: CaptureSettings, environment: Mapping[str, str]) -> DesktopSource:
    name = settings.display or environment.get("DISPLAY")
    if not name:
        raise Invalid(
            "There is no display to stream: DISPLAY is not set",
            field="capture.display", hint="Name one, such as --display :0",
        )  # fmt: skip
    return X11Source(name, environment, has_clipboard=settings.clipboard)


def _wayland(settings: CaptureSettings, environment: Mapping[str, str]) -> DesktopSource:
    name = settings.display or environment.get("WAYLAND_DISPLAY")
    if not name:
        raise Invalid(
            "There is no Wayland display to stream: WAYLAND_DISPLAY is not set",
            field="capture.display", hint="Name one, such as --display wayland-0",
        )  # fmt: skip
    return WaylandSource(name, environment, has_clipboard=settings.clipboard)


def _portal(settings: CaptureSettings, environment: Mapping[str, str]) -> DesktopSource:
    raise Unsupported(
        "This release streams no desktops through the ScreenCast portal and PipeWire",
        hint="Log in to an X11 session (“on Xorg”), or name an X11 display: --display :1",
    )


KINDS: Mapping[str, Open] = {"x11": _x11, "wayland": _wayland, "portal": _portal}


def kind_of(settings: CaptureSettings, environment: Mapping[str, str]) -> str:
    """The kind of desktop that the settings name or, by themselves, the environment has.

    In a Wayland session DISPLAY is Xwayland's, which has windows but no desktop: its picture would be black.
    """
    if settings.source != "auto":
        return settings.source
    if settings.display is not None:
        return "x11" if ":" in settings.display else "wayland"
    is_wayland = bool(environment.get("WAYLAND_DISPLAY")) or environment.get("XDG_SESSION_TYPE") == "wayland"
    return "wayland" if is_wayland else "x11"


def choose(settings: CaptureSettings, environment: Mapping[str, str]) -> DesktopSource:
    """The desktop that is to be streamed, not connected yet; raises `Invalid` or `Unsupported`."""
    return KINDS[kind_of(settings, environment)](settings, environment)
