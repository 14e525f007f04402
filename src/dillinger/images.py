"""`dillinger build images`: container images of the apps and of cells, each built only when it changed.

An image is named by what goes into it: the digest of its Dockerfile, of the files and the part of the lock that it
takes, and of its base. While that digest is there as a tag, nothing is built. What is where in an image is said in
`deploy/docker/`; this module knows only what goes in.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from dillinger_contracts.errors import Invalid, Unavailable, Unsupported

from . import __version__
from .needs import locked_part, own_packages
from .tree import Tree

DIGEST_LABEL = "io.dillinger.inputs"
"""On each image: the digest that it was built for."""
_DIGITS = 12
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""Build arguments that every engine knows and keeps out of the image."""
_SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "dist", "tests"})
_BUILT = (".so",)
"""Made by the build itself, from what counts."""
_COMMON = ("deploy/docker/slim.sh", "deploy/docker/sbom.py")
_APP = (*_COMMON, "deploy/docker/prune.sh", "src/dillinger/needs.py")


@dataclass(frozen=True, slots=True)
class Image:
    """One image: how it is built and what goes in."""

    name: str
    """As `build images NAME` calls it."""
    repository: str
    """Its name at the engine, without a tag."""
    folder: str
    """Where its Dockerfile is, below deploy/docker."""
    files: tuple[str, ...]
    """Files and folders of the tree that it takes, beside its own packages."""
    target: str = ""
    base: str = "debian:bookworm-slim"
    """What it is built from; `DILLINGER_IMAGE_BASE` or `--base` names another."""
    app: str = ""
    """The distribution of ours that is in it, with what that needs."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Stages of the Dockerfile that a folder of the tree replaces, where that is there: stage → folder."""


_CELL = (*_COMMON, "deploy/docker/cell")
_TRIXIE = "debian:trixie-slim"

IMAGES = (
    Image(
        "core", "dillinger-core", "core", (*_APP, "deploy/docker/healthy.py", "web"),
        app="dillinger-core", contexts={"pages": "web/dist"},
    ),
    Image("runner", "dillinger-runner", "runner", (*_APP, "deploy/docker/healthy.py"), app="dillinger-runner"),
    Image("seat", "dillinger-seat", "seat", _APP, app="dillinger-seat"),
    Image("postgres", "dillinger-postgres", "postgres", (*_COMMON, "deploy/docker/postgres")),
    Image("proxy", "dillinger-proxy", "proxy", (*_COMMON, "deploy/docker/proxy", "deploy/docker/healthy.py")),
    Image("cell", "dillinger-cell", "cell", _CELL, target="base", base=_TRIXIE),
    Image("games", "dillinger-cell-games", "cell", _CELL, target="games", base=_TRIXIE),
    Image("wine", "dillinger-cell-wine", "cell", _CELL, target="wine", base=_TRIXIE),
)  # fmt: skip


def choose(names: Iterable[str]) -> list[Image]:
    """The images of these names, all where none is named; raises `Invalid`."""
    known = {image.name: image for image in IMAGES}
    wanted = list(names) or list(known)
    for name in wanted:
        if name not in known:
            raise Invalid(f"There is no image {name}", hint=f"There are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(wanted)]


def digest(tree: Tree, image: Image, base: str) -> str:
    """Names what goes into `image` when it is built from `base`, which itself is named by content where known."""
    total = hashlib.sha256()
    lock = (tree.root / "requirements.lock").read_text("utf-8")
    own = own_packages(tree.root, image.app) if image.app else []
    names = [package.name for package in own]
    parts = [base, image.target, locked_part(lock, [*names, "hatchling"], own) if image.app else ""]
    paths = [tree.root / f"deploy/docker/{image.folder}/Dockerfile", *(tree.root / path for path in image.files)]
    for package in own:
        paths += [package.folder / "pyproject.toml", package.folder / "hatch_build.py", package.folder / "src"]
    # What is built already goes in as it is, whatever the sources beside it say by now.
    paths += [tree.root / folder for folder in image.contexts.values() if (tree.root / folder).is_dir()]
    for text in parts:
        total.update(f"{len(text)}:{text}".encode())
    for file in sorted({file for path in paths for file in _files(path)}):
        content = file.read_bytes()
        is_program = os.access(file, os.X_OK)
        total.update(f"{file.relative_to(tree.root)}:{is_program}:{len(content)}:".encode() + content)
    return total.hexdigest()[:_DIGITS]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS]
        yield from (Path(folder, name) for name in names if not name.endswith(_BUILT))


def build_argv(tree: Tree, image: Image, base: str, tag: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The engine's command line that builds `image` as `tag`, `latest` and this version."""
    argv = ["docker", "buildx", "build", "--load", "-f", f"deploy/docker/{image.folder}/Dockerfile"]
    if image.target:
        argv += ["--target", image.target]
    argv += ["--build-arg", f"BASE={base}"]
    for name in _PASSED_ON:
        if environment.get(name):
            argv += ["--build-arg", name]
    if pip_conf := environment.get("PIP_CONFIG_FILE"):
        argv += ["--secret", f"id=pip_conf,src={pip_conf}"]
    for stage, folder in image.contexts.items():
        if (tree.root / folder).is_dir():
            argv += ["--build-context", f"{stage}={folder}"]
    argv += ["--label", f"org.opencontainers.image.version={__version__}", "--label", f"{DIGEST_LABEL}={tag}"]
    for each in (tag, __version__, "latest"):
        argv += ["-t", f"{image.repository}:{each}"]
    return (*argv, ".")


class Engine:
    """The container engine that `docker` talks to (`DOCKER_HOST`, or its default)."""

    def __init__(self) -> None:
        """Raises `Unsupported` or `Unavailable` where images can't be built."""
        try:
            version = self._ask("version", "--format", "{{.Server.Version}}")
        except FileNotFoundError as error:
            raise Unsupported(
                "Images are built by a container engine, and there is no command docker here",
                hint="Install Docker Engine with buildx, then run this again",
            ) from error
        if version.returncode:
            raise Unavailable(
                f"No container engine answers: {version.stderr.strip()}",
                hint="Start it, name it in DOCKER_HOST, or join the group that may use its socket (docker)",
            )
        if self._ask("buildx", "version").returncode:
            raise Unsupported(
                "docker has no buildx here", hint="apt-get install docker-buildx (or docker-buildx-plugin)"
            )

    def image_id(self, name: str) -> str | None:
        """The content that `name` stands for now; None where it is not there (yet)."""
        found = self._ask("image", "inspect", "--format", "{{.Id}}", name)
        return found.stdout.strip() if found.returncode == 0 else None

    def size_bytes(self, name: str) -> int:
        """What the image takes, its base included."""
        return int(self._ask("image", "inspect", "--format", "{{.Size}}", name).stdout)

    def tag(self, name: str, other: str) -> None:
        """Another name for an image."""
        self._ask("image", "tag", name, other)

    @staticmethod
    def _ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)


def build(tree: Tree, names: Sequence[str], console: Console, *, base: str | None = None) -> list[str]:
    """Builds what changed, with the engine's progress shown; the names of those that could not be built."""
    chosen = choose(names)
    engine = Engine()
    return [image.name for image in chosen if not _build(tree, image, engine, console, base or image.base)]


@contextmanager
def _place_for_notes() -> Iterator[dict[str, str]]:
    """buildx insists on keeping notes in the client's folder, which may be one that several users share."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    at = next(path for path in (folder / "buildx", folder, *folder.parents) if path.exists())
    if "BUILDX_CONFIG" in os.environ or os.access(at, os.W_OK | os.X_OK):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="dillinger-buildx-", ignore_cleanup_errors=True) as own:
        yield {"BUILDX_CONFIG": own}


def _build(tree: Tree, image: Image, engine: Engine, console: Console, base: str) -> bool:
    tag = digest(tree, image, engine.image_id(base) or base)
    name = f"{image.repository}:{tag}"
    if engine.image_id(name):
        for other in (__version__, "latest"):
            engine.tag(name, f"{image.repository}:{other}")
        console.print(f"  [green]✓[/] {escape(name)} [dim]is built already[/]")
        return True
    console.print(f"  building {escape(name)} from {escape(base)}")
    begun = time.monotonic()
    argv = build_argv(tree, image, base, tag, os.environ)
    with _place_for_notes() as place:
        ended = subprocess.run(argv, cwd=tree.root, stdin=subprocess.DEVNULL, env={**os.environ, **place}, check=False)
    took_s = time.monotonic() - begun
    if ended.returncode:
        console.print(f"  [red]✗[/] {escape(name)} [dim]{took_s:.0f} s[/]")
        return False
    size_mb = engine.size_bytes(name) / 1e6
    console.print(f"  [green]✓[/] {escape(name)} [dim]{took_s:.0f} s, {size_mb:.0f} MB[/]")
    return True
