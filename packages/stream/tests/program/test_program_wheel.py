"""The wheel of `dillinger-stream`: it brings its page, and is all that a machine needs."""

from __future__ import annotations

import runpy
import subprocess
import sys
import urllib.request
import venv
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

import pytest
from packages.stream.tests.engine.conftest import XServer
from packages.stream.tests.program.program_house import Program, Shelf

ROOT = Path(__file__).parents[4]
STREAM = ROOT / "packages/stream"
INSTALL_TIMEOUT_S = 600


def test_the_page_is_carried_with_all_that_it_names_and_nothing_else(tmp_path: Path) -> None:
    files_of: Callable[[Path], list[Path]] = runpy.run_path(str(STREAM / "hatch_build.py"))["files_of"]
    (tmp_path / "assets").mkdir()
    for name, text in {
        "desktop.html": '<link href="/icon.svg"><script src="/assets/desktop-1.js">',
        "index.html": '<script src="/assets/index-1.js">',
        "icon.svg": "<svg/>",
        "assets/desktop-1.js": 'new Worker("/assets/worker-1.js"); //# sourceMappingURL=desktop-1.js.map',
        "assets/worker-1.js": "import './shared-1.js'",
        "assets/shared-1.js": "import './worker-1.js'",
        "assets/index-1.js": "import './shared-1.js'",
        "assets/desktop-1.js.map": "{}",
    }.items():
        (tmp_path / name).write_text(text)
    found = sorted(str(file.relative_to(tmp_path)) for file in files_of(tmp_path / "desktop.html"))
    assert found == ["assets/desktop-1.js", "assets/shared-1.js", "assets/worker-1.js", "desktop.html", "icon.svg"]


@pytest.mark.full
def test_an_installed_wheel_shows_a_desktop_with_its_page(shelf: Shelf, display: XServer, tmp_path: Path) -> None:
    built = ROOT / "web/dist/desktop.html"
    assert built.is_file(), "the web part is not built: run `./dillinger setup`"
    uv = Path(sys.executable).parent / "uv"

    def run(*command: str | Path) -> None:
        ended = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False,
            env=shelf.environment | {"VIRTUAL_ENV": str(Path(sys.executable).parents[1])},
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr

    for folder in (ROOT / "packages/contracts", STREAM):
        run(uv, "build", "--wheel", "--no-build-isolation", "--out-dir", tmp_path / "dist", folder)
    venv.create(tmp_path / "venv", symlinks=True)
    contracts, stream = sorted((tmp_path / "dist").glob("*.whl"))
    python = tmp_path / "venv/bin/python"
    run(uv, "pip", "install", "--python", python, "-c", ROOT / "requirements.lock",
        contracts, f"dillinger-stream[program] @ {stream.as_uri()}")  # fmt: skip

    environment = {name: value for name, value in shelf.environment.items() if not name.endswith("_WEB_DIR")}
    program = Program(
        subprocess.Popen(
            [tmp_path / "venv/bin/dillinger-stream", "start", "--port", "0", "--display", display.name],
            env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
    )  # fmt: skip
    shelf.programs.append(program)
    files_of: Callable[[Path], list[Path]] = runpy.run_path(str(STREAM / "hatch_build.py"))["files_of"]
    for file in files_of(built):
        place = urljoin(program.address, f"/{file.relative_to(built.parent)}")
        with urllib.request.urlopen(place, timeout=30) as answer:
            assert answer.read() == file.read_bytes()
