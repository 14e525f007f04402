"""The development container's tools: pinned, checked before they are installed, and said when they can't be had."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / ".devcontainer/tools.sh"
PINNED = {"node": "22.20.0", "kubectl": "1.33.2", "kind": "0.23.0", "helm": "3.14.3", "talosctl": "1.3.7"}
CURL = """#!/bin/sh
while [ $# -gt 1 ]; do case $1 in -o) to=$2 ;; esac; shift; done
case $1 in *.sha256) cat "$SITE/sum" ;; *) cat "$SITE/file" ;; esac >"$to"
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A machine that has every tool but kubectl, whose maker's site is a folder."""
    folder = tmp_path / "tools/bin"
    folder.mkdir(parents=True)
    for name, version in PINNED.items():
        if name != "kubectl":
            script(folder / name, f"#!/bin/sh\necho v{version}\n")
    script(tmp_path / "bin/curl", CURL)
    for name in ("apt-get", "sudo", "kubectl"):
        script(tmp_path / "bin" / name, '#!/bin/sh\necho "$0 $*" >> "$SITE/calls"; exit 1\n')
    return tmp_path


def script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def install(tools: Path, *, content: bytes, checksum: str) -> subprocess.CompletedProcess[str]:
    (tools / "file").write_bytes(content)
    (tools / "sum").write_text(checksum)
    script(tools / "bin/id", "#!/bin/sh\necho 0\n")
    environment = {
        "PATH": f"{tools}/bin:{os.environ['PATH']}", "SITE": str(tools), "DILLINGER_TOOLS_DIR": str(tools / "tools"),
    }  # fmt: skip
    return subprocess.run(["sh", SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_tool_with_the_published_checksum_is_installed_once(tools: Path) -> None:
    content = b"#!/bin/sh\necho Client Version: v1.33.2\n"
    ended = install(tools, content=content, checksum=hashlib.sha256(content).hexdigest())
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "kubectl: 1.33.2\n", "")
    assert (tools / "tools/bin/kubectl").read_bytes() == content
    again = install(tools, content=b"", checksum="")
    assert (again.returncode, again.stdout) == (0, "")


def test_a_tool_that_is_not_what_its_maker_published_is_not_installed(tools: Path) -> None:
    ended = install(tools, content=b"something else", checksum=hashlib.sha256(b"what it should be").hexdigest())
    assert "its checksum is not the published one" in ended.stderr
    assert "not installed: kubectl" in ended.stderr
    assert not (tools / "tools/bin/kubectl").exists()
    assert "kubernetes-client" in (tools / "calls").read_text(), "the distribution's was tried"


def test_the_pins_are_those_of_the_documentation() -> None:
    text, page = SCRIPT.read_text("utf-8"), " ".join((ROOT / "docs/how-to/develop.md").read_text("utf-8").split())
    for name, version in PINNED.items():
        assert f"{name}={version}" in text
        assert f"{name} {version}" in page.replace("Node", "node")
