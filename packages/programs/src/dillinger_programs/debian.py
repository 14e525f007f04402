"""Which Debian package a shared library is in, told from its name alone: Debian names packages after what is in them.

The rule is section 8.1 of the Debian Policy Manual; what came before it is in a short table. It is a guess until a
list of packages has the name, and it needs no index: those have a hundred megabytes.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(
    r"(?P<name>lib[A-Za-z0-9_.+-]+?)(?:\.so\.(?P<version>[0-9][0-9A-Za-z.]*)|-(?P<in_name>[0-9.]+)\.so|\.so)"
)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+")
_MAX_NAME = 200

_ODD = {
    "ld-linux-x86-64.so.2": "libc6",
    "ld-linux.so.2": "libc6:i386",
    "libc.so.6": "libc6", "libm.so.6": "libc6", "libdl.so.2": "libc6", "libpthread.so.0": "libc6",
    "librt.so.1": "libc6",
    "libGLU.so.1": "libglu1-mesa",
    "libGLEW.so.2.2": "libglew2.2", "libGLEW.so.2.1": "libglew2.1",
    "libOSMesa.so.8": "libosmesa6",
    "libz.so.1": "zlib1g",
    "libbz2.so.1.0": "libbz2-1.0",
    "libgcc_s.so.1": "libgcc-s1",
    "libSDL-1.2.so.0": "libsdl1.2debian",
    "libncurses.so.5": "libncurses5", "libtinfo.so.5": "libtinfo5",
    "libFLAC.so.8": "libflac8",
    "libgdk_pixbuf-2.0.so.0": "libgdk-pixbuf-2.0-0",
    "libgtk-x11-2.0.so.0": "libgtk2.0-0", "libgdk-x11-2.0.so.0": "libgtk2.0-0", "libgdk-3.so.0": "libgtk-3-0",
    "libglib-2.0.so.0": "libglib2.0-0", "libgobject-2.0.so.0": "libglib2.0-0", "libgio-2.0.so.0": "libglib2.0-0",
    "libgmodule-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0",
    "libnspr4.so": "libnspr4", "libplc4.so": "libnspr4", "libplds4.so": "libnspr4",
    "libnss3.so": "libnss3", "libnssutil3.so": "libnss3", "libsmime3.so": "libnss3",
    "libGLESv2.so.2": "libgles2",
    "libpulse-simple.so.0": "libpulse0",
    "libxml2.so.2": "libxml2",
    "librsvg-2.so.2": "librsvg2-2",
}  # fmt: skip
"""Libraries whose packages are called otherwise than the rule has it."""


def package_of(library: str) -> str | None:
    """The package that has `library` (its file name or its path), as the rule has it; None for what is no library."""
    name = library.rpartition("/")[2]
    if name in _ODD:
        return _ODD[name]
    found = _PLAIN.fullmatch(name) if len(name) < _MAX_NAME else None
    if found is None:
        return None
    base = found["name"].lower().replace("_", "-")
    version = (found["version"] or found["in_name"] or "").lower()
    package = f"{base}-{version}" if base[-1].isdigit() and version else base + version
    return package if _PACKAGE.fullmatch(package) else None
