"""A small tree with the real launcher in it, and a PATH of stand-ins for the system's programs that note their calls.

The launcher is the thing under test; apt, sudo and `.venv` are the machine's, and a test must not change the machine.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).parents[2]
PROGRAMS = (
    "awk", "cat", "chmod", "cp", "cut", "date", "dirname", "env", "find", "flock", "grep", "head", "mkdir", "mktemp",
    "mv", "readlink", "rm", "rmdir", "sed", "sh", "sha256sum", "sleep", "sort", "stat", "tail", "tar", "tr", "wc",
    "xargs",
)  # fmt: skip
OS_RELEASE = {
    "debian": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
    "ubuntu": 'ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME="Ubuntu 24.04 LTS"\n',
    "fedora": 'ID=fedora\nPRETTY_NAME="Fedora Linux 43"\n',
    "void": 'ID=void\nPRETTY_NAME="Void"\n',
}
APT = """#!/bin/sh
echo "apt-get $*" >> "$CALLS"
for word; do case $word in -*|install|update) ;; *) echo "$word" >> "$INSTALLED" ;; esac; done
"""
DPKG = """#!/bin/sh
for word; do case $word in -*|*'$'*) ;; *) grep -qx -- "$word" "$INSTALLED" && echo "$word installed" ;; esac; done
exit 0
"""


@dataclass(slots=True)
class LauncherHouse:
    """The tree, the PATH and what was called."""

    folder: Path
    distribution: str = "debian"

    @property
    def tree(self) -> Path:
        """The clone."""
        return self.folder / "clone"

    @property
    def programs(self) -> Path:
        """The only folder on PATH."""
        return self.folder / "bin"

    @property
    def calls(self) -> list[str]:
        """How the stand-ins were called, in order."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def build(self) -> None:
        """Makes a tree where everything is installed already, and nothing of the system's packages is."""
        for part in ("dillinger", "deploy"):
            source, target = TREE / part, self.tree / part
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        self.write("src/dillinger/__init__.py", "")
        self.write("requirements.lock", "uv==1 \\\n    --hash=sha256:0\n")
        self.write("pyproject.toml", "[project]\n")
        self.write("apps/core/pyproject.toml", "")
        self.write("packages/contracts/pyproject.toml", "")
        self.script(self.tree / ".venv/bin/python", 'echo "python $*" >> "$CALLS"\n')
        self.script(self.tree / ".venv/bin/uv", 'echo "uv $*" >> "$CALLS"\n')
        self.script(self.tree / ".venv/bin/dillinger", 'printf "CLI"; printf " <%s>" "$@"; echo\n')
        self.stamp("locked", "requirements.lock")
        self.stamp("ours", "pyproject.toml")
        self.write(".stamps/compiled", "")
        self.write(".stamps/games", "")
        self.write(".stamps/wine", "")
        self.programs.mkdir()
        for name in PROGRAMS:
            (self.programs / name).symlink_to(Path(shutil.which(name) or f"/bin/{name}").resolve())
        self.script(self.programs / "id", "echo 1000\n")  # an ordinary user, whoever runs the tests
        self.script(self.programs / "sudo", '[ "$1" = -v ] && exit; echo "sudo" >> "$CALLS"; exec "$@"\n')
        self.program("apt-get", APT)
        self.program("dpkg-query", DPKG)
        (self.folder / "installed").touch()
        for name, text in OS_RELEASE.items():
            (self.folder / name).write_text(text)

    def write(self, path: str, text: str) -> None:
        """A file of the tree."""
        (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / path).write_text(text)

    def stamp(self, name: str, made_of: str) -> None:
        """The stamp of a stage that was done."""
        self.write(f".stamps/{name}", hashlib.sha256((self.tree / made_of).read_bytes()).hexdigest()[:40] + "\n")

    def script(self, path: Path, body: str) -> None:
        """A shell script."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)

    def program(self, name: str, text: str) -> None:
        """A stand-in on PATH."""
        (self.programs / name).unlink(missing_ok=True)
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def install(self, *packages: str) -> None:
        """Lets dpkg know these."""
        with (self.folder / "installed").open("a") as file:
            file.writelines(f"{package}\n" for package in packages)

    def install_everything(self) -> None:
        """Lets dpkg know every package of the list."""
        lines = (TREE / "deploy/debian-packages.txt").read_text().splitlines()
        self.install(*(line.split()[1] for line in lines if line and not line.startswith("#")))

    @property
    def environment(self) -> dict[str, str]:
        """What the launcher sees."""
        return {
            "PATH": str(self.programs),
            "HOME": str(self.folder / "home"),
            "CALLS": str(self.folder / "calls"),
            "INSTALLED": str(self.folder / "installed"),
            "DILLINGER_OS_RELEASE": str(self.folder / self.distribution),
            "DILLINGER_CGROUP_ROOT": str(self.folder / "no-cgroups"),
        }

    def run(self, *arguments: str, shell: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the launcher without a terminal, by `shell` where one is named."""
        command = (*((shell,) if shell else ()), str(self.tree / "dillinger"), *arguments)
        return subprocess.run(
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
            check=False, cwd=self.folder,
        )  # fmt: skip
