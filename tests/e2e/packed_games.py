"""Games as they are handed out: the test card in an AppImage, a makeself archive and an unpacked Flatpak.

Made by the tools that people make them with where Debian has those (mksquashfs, makeself), else by the format's own
description. The AppImage's runtime is a program of the machine with an AppImage's mark: nothing of Dillinger runs it.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from importlib import resources
from pathlib import Path

RUNTIME = Path("/usr/bin/true")
APP_RUN = """#!/bin/sh
echo "started in $APPDIR as $ARGV0 with $1"
exec /usr/bin/python3 -I "$APPDIR/usr/share/testcard.py" --mode light
"""


def _card(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files("dillinger_bench.testcard").joinpath("guest.py")) as guest:
        shutil.copyfile(guest, place)


def _script(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, "utf-8")
    place.chmod(0o755)


def _run(tool: str, *arguments: str) -> None:
    program = shutil.which(tool, path="/usr/bin:/usr/sbin")
    assert program is not None, f"the launcher installs {tool} for tests"
    subprocess.run([program, *arguments], check=True, stdout=subprocess.DEVNULL)


def appimage(file: Path, scratch: Path, compression: str) -> None:
    """Writes an AppImage of type 2 that plays the test card."""
    root = scratch / "Card.AppDir"
    _script(root / "usr/bin/card", APP_RUN)
    (root / "AppRun").symlink_to("usr/bin/card")
    _card(root / "usr/share/testcard.py")
    (root / "card.desktop").write_text("[Desktop Entry]\nType=Application\nName=Card\nExec=card\n")
    appimage_of(root, file, scratch, compression)


def appimage_of(root: Path, file: Path, scratch: Path, compression: str) -> None:
    """Writes an AppImage of type 2 with what is in `root`."""
    image = scratch / f"{file.name}.squashfs"
    quiet = ("-root-owned", "-noappend", "-quiet", "-no-progress")
    _run("mksquashfs", str(root), str(image), "-comp", compression, *quiet)
    runtime = bytearray(RUNTIME.read_bytes())
    runtime[8:11] = b"AI\x02"
    sections, size, count = *struct.unpack_from("<Q", runtime, 40), *struct.unpack_from("<HH", runtime, 58)
    file.write_bytes(bytes(runtime[: sections + size * count]) + image.read_bytes())
    file.chmod(0o755)


def makeself(file: Path, scratch: Path, *options: str) -> None:
    """Writes a self-extracting script that starts the test card."""
    root = scratch / "makeself"
    _script(root / "start.sh", '#!/bin/sh\necho "started with $1"\nexec /usr/bin/python3 -I data/testcard.py\n')
    _card(root / "data/testcard.py")
    makeself_of(root, file, *options)


def makeself_of(root: Path, file: Path, *options: str) -> None:
    """Writes a self-extracting script with what is in `root`; it would run `start.sh`."""
    _run("makeself", "--quiet", *options, str(root), str(file), "Space Card 1.0", "./start.sh")


def flatpak(root: Path) -> None:
    """Makes the folder of an unpacked Flatpak app that plays the test card from /app."""
    _script(
        root / "files/bin/space-card",
        '#!/bin/sh\necho "started as $FLATPAK_ID with $(cat /app/share/greeting)"\n'
        "exec /usr/bin/python3 -I /app/share/testcard.py --mode light\n",
    )
    _script(root / "files/bin/another-tool", "#!/bin/sh\n")
    _card(root / "files/share/testcard.py")
    (root / "files/share/greeting").write_text("its own files")
    (root / "metadata").write_text(
        "[Application]\nname=org.example.SpaceCard\nruntime=org.freedesktop.Platform/x86_64/23.08\n"
        "sdk=org.freedesktop.Sdk/x86_64/23.08\ncommand=space-card\n\n[Context]\nshared=network;ipc;\nsockets=x11;\n"
    )
    exports = root / "export/share/applications"
    exports.mkdir(parents=True)
    (exports / "org.example.SpaceCard.desktop").write_text(
        "[Desktop Entry]\nType=Application\nName=Card in Space\nCategories=Game;\n"
        "Exec=/usr/bin/flatpak run --branch=stable --arch=x86_64 --command=space-card org.example.SpaceCard\n"
    )
