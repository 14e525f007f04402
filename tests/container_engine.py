"""The container engine that tests use where `DOCKER_HOST` names one, and images of this very tree.

An image is named by what goes into it, so one that was built for this tree is taken, and only else one is built.
`DILLINGER_TEST_IMAGES=seat=NAME,games=NAME` has tests take others.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import json
import os
import shlex
import shutil
import tarfile
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import aiodocker
import pytest
from rich.console import Console

from dillinger import images
from dillinger.tree import find_tree
from dillinger_contracts import DillingerError
from dillinger_runner import app
from dillinger_runner.backends.docker_box import Box
from dillinger_runner.backends.docker_engine import Engine
from dillinger_runner.backends.docker_spec import LABEL_INSTANCE, LABEL_SESSION, Role, container_name

T = TypeVar("T")

HOST = os.environ.get("DOCKER_HOST", "")
USER = f"{os.getuid() or 1500}:{os.getgid() or 1500}"
"""Whom containers run as: never root, also where the tests do."""


def asked(question: Callable[[Engine], Awaitable[T]], *, host: str = HOST) -> T:
    """What the engine (or another at `host`) answers, in a loop of its own."""

    async def ask() -> T:
        engine = Engine(host, "tests")
        try:
            return await question(engine)
        finally:
            await engine.close()

    return _run(ask)


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """In a thread: a test's own loop may be running in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()


@functools.cache
def problem() -> str | None:
    """Why no test can use an engine here."""
    if not HOST:
        return "no container engine: DOCKER_HOST is not set"
    try:
        asked(lambda engine: engine.version())
    except DillingerError as error:
        return f"no container engine: {error.message}"
    return None


def require() -> None:
    """Skips where there is no engine."""
    if problem() is not None:
        pytest.skip(problem() or "")


@functools.cache
def image(name: str) -> str:
    """The image `name` of this tree; skips where it is not there and can't be built."""
    require()
    chosen = dict(pair.split("=") for pair in os.environ.get("DILLINGER_TEST_IMAGES", "").split(",") if pair)
    if name in chosen:
        return str(chosen[name])
    tree, [wanted] = find_tree(), images.choose([name])
    base = asked(lambda engine: engine.image_id(wanted.base)) or wanted.base
    full_name = f"{wanted.repository}:{images.digest(tree, wanted, base)}"
    if asked(lambda engine: engine.image_id(full_name)) is None:
        if shutil.which("docker") is None:
            pytest.skip(f"no image {wanted.repository} of this tree, and no docker command that could build it")
        assert images.build(tree, [name], Console(stderr=True)) == []
    return full_name


def derived(base: str, files: dict[str, Path], entrypoint: list[str]) -> str:
    """`base` with some files more and another entry point, as a tag of its own."""
    words = ", ".join(f'"{word}"' for word in entrypoint)
    copies = "".join(f"COPY {name} /{name}\n" for name in files)
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        recipe = f"FROM {base}\n{copies}ENTRYPOINT [{words}]\n".encode()
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(recipe)
        archive.addfile(entry, io.BytesIO(recipe))
        for name, path in files.items():
            archive.add(path, name)
    context.seek(0)
    tag = f"dillinger-test-{os.getpid()}"

    async def build() -> None:
        async with aiodocker.Docker(url=HOST) as docker:
            await docker.images.build(fileobj=context, encoding="identity", tag=tag, rm=True)

    _run(build)
    return tag


def forget(tag: str) -> None:
    """Removes an image that `derived` made."""

    async def remove() -> None:
        async with aiodocker.Docker(url=HOST) as docker:
            await docker.images.delete(tag, force=True)

    _run(remove)


def settings(*, native: str = "games") -> dict[str, str]:
    """The environment of a runner that keeps its sessions in containers; skips where that can't be. `native` names the
    image that native games run in."""
    return {
        "DILLINGER_RUNNER_BACKEND": "docker",
        "DILLINGER_RUNNER_START_TIMEOUT_S": "90",  # an engine that also builds something takes its time
        "DILLINGER_RUNNER_DOCKER_HOST": HOST,
        "DILLINGER_RUNNER_DOCKER_USER": USER,
        "DILLINGER_RUNNER_DOCKER_SEAT_IMAGE": image("seat"),
        "DILLINGER_RUNNER_DOCKER_NATIVE_IMAGE": image(native),
    }


def box(session_id: str, role: Role, *, host: str = HOST) -> Box | None:
    """A session's container, as the engine has it."""
    return asked(lambda engine: engine.inspect(container_name(session_id, role)), host=host)


def configuration(name: str) -> dict[str, Any]:
    """A container's `HostConfig`, as the engine has it now."""

    async def look() -> dict[str, Any]:
        async with aiodocker.Docker(url=HOST) as docker:
            container: Any = await docker.containers.get(name)  # untyped there
            return dict((await container.show())["HostConfig"])

    return _run(look)


def address(session_id: str, role: Role) -> str:
    """The IPv4 address of a session's container in its one network."""

    async def look() -> str:
        async with aiodocker.Docker(url=HOST) as docker:
            container = await docker.containers.get(container_name(session_id, role))
            [network] = container["NetworkSettings"]["Networks"].values()
            return str(network["IPAddress"])

    return _run(look)


def networks(state_dir: Path) -> list[str]:
    """Names of the networks of the runner that keeps `state_dir`."""
    filters = {"label": [f"{LABEL_INSTANCE}={app.instance_of(state_dir)}"]}

    async def look() -> list[str]:
        async with aiodocker.Docker(url=HOST) as docker:
            found: Any = docker.networks  # untyped there
            return [str(one["Name"]) for one in await found.list(filters=filters)]

    return _run(look)


def run_inside(name: str, script: str) -> tuple[int, str]:
    """Exit code and words of a shell that runs `script` in this container, as its user."""

    async def run() -> tuple[int, str]:
        async with aiodocker.Docker(url=HOST) as docker:
            begun = await docker.containers.container(name).exec(["/bin/sh", "-c", script])
            said = b""
            async with begun.start(detach=False) as stream:
                while (message := await stream.read_out()) is not None:
                    said += message.data
            return int((await begun.inspect())["ExitCode"]), said.decode("utf-8", "replace")

    return _run(run)


def kill(container_id: str, *, host: str = HOST) -> None:
    """`docker kill`."""
    asked(lambda engine: engine.signal(container_id, "SIGKILL"), host=host)


def rename(name: str, new_name: str) -> None:
    """`docker rename`."""
    asked(lambda engine: engine.rename(name, new_name))


def leave_behind(session_id: str, *, like: str) -> None:
    """A container that was made and never started, with the labels of another's runner."""

    async def make(engine: Engine) -> None:
        found = await engine.inspect(like)
        assert found is not None
        labels = {**found.labels, LABEL_SESSION: session_id}
        await engine.create(container_name(session_id, "seat"), {"Image": image("seat"), "Labels": labels})

    image("seat")
    asked(make)


def without_walls(
    command: list[str], *, folders: Sequence[Path] = (), network: str = "host", image_name: str = "games"
) -> dict[str, Any]:
    """What to make a container of that holds nothing back: root, all capabilities, the machine's own namespaces; in
    another network where one is named. `folders` are there by their names, the machine's root is `/machine`."""
    return {
        "Image": image(image_name),
        "User": "0:0",
        "Entrypoint": command,
        "Cmd": [],
        "HostConfig": {
            "Privileged": True,
            "NetworkMode": network,
            "PidMode": "host",
            "IpcMode": "host",
            "CgroupnsMode": "host",
            "SecurityOpt": ["seccomp=unconfined"],
            "Binds": [f"{folder}:{'/machine' if folder == Path('/') else folder}" for folder in folders],
        },
    }


def run_without_walls(
    command: list[str], *, folders: Sequence[Path] = (), network: str = "host", image_name: str = "games"
) -> str:
    """Runs `command` in a container that holds nothing back (`without_walls`); what it wrote."""
    name = f"dillinger-test-{os.getpid()}-open"
    config = without_walls(command, folders=folders, network=network, image_name=image_name)

    async def run(engine: Engine) -> str:
        try:
            await engine.create(name, config)
            await engine.start(name)
            assert await engine.wait(name, timeout_s=60)
            found = await engine.inspect(name)
            assert found is not None and found.exit_code == 0, await engine.said(name)
            return await engine.output(name)
        finally:
            await engine.remove(name)

    return asked(run)


@contextlib.contextmanager
def cdi_file(name: str, text: str) -> Iterator[None]:
    """A file among those that tell the engine of devices (Container Device Interface); skips where none do."""
    folders = asked(lambda engine: engine.info()).get("CDISpecDirs") or []
    if not folders:
        pytest.skip("no container engine: it knows no CDI")
    folder = Path(folders[-1])  # the later one counts more, and is that of what comes and goes
    path = shlex.quote(str(folder / name))

    def change(script: str) -> None:
        run_without_walls(["/bin/sh", "-c", script], folders=[folder], network="none", image_name="seat")

    change(f"printf %s {shlex.quote(text)} > {path}")
    try:
        yield
    finally:
        change(f"rm {path}")


def inventory(state_dir: Path, *, host: str = HOST) -> Counter[str]:
    """What the engine has: containers of the runner that keeps `state_dir`; named volumes and networks that no compose
    project claims."""
    claims = {"com.docker.compose.project", "com.docker.volume.anonymous"}
    filters = json.dumps({"label": [f"{LABEL_INSTANCE}={app.instance_of(state_dir)}"]})

    def unclaimed(found: list[dict[str, Any]] | None) -> int:
        return sum(not claims & (entry.get("Labels") or {}).keys() for entry in found or ())

    async def look() -> Counter[str]:
        async with aiodocker.Docker(url=host) as docker:
            networks: Any = docker.networks  # untyped there, as volumes are
            volumes: Any = docker.volumes
            return Counter(
                containers=len(await docker.containers.list(all=True, filters=filters)),
                volumes=unclaimed((await volumes.list())["Volumes"]),
                networks=unclaimed(await networks.list()),
            )

    return _run(look)
