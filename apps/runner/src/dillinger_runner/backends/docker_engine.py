"""The one file that speaks to a container engine: containers looked at, made, started, ended, removed, waited on.

Everything that a vendor's library or the engine may raise leaves here as `Unavailable` (the engine does not answer, or
failed), `Unsupported` (it lacks something that a person can mend) or None (there is no such container).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import aiodocker
import aiohttp

from dillinger_contracts import Conflict, Unavailable, Unsupported

from .docker_box import Box, inspected, listed
from .docker_spec import LABEL_INSTANCE, LABEL_SESSION, Config

REQUEST_TIMEOUT_S = 30.0
_RECONNECT_S = 1.0
_NO_CONNECTION = 900
"""aiodocker's own status for an engine that is not there."""
_PORT_TAKEN = ("port is already allocated", "address already in use")


class EngineAway(Unavailable):
    """Nobody answers at the engine's address."""


class NameTaken(Unavailable):
    """A container of this name is there already."""


class PortTaken(Unavailable):
    """A port that was to be published is somebody else's."""


class Talk:
    """A container's standard input and output, a line for a line."""

    def __init__(self, name: str, stream: Any) -> None:
        self._name = name
        self._stream = stream

    async def ask(self, line: bytes) -> bytes:
        """The line that it answers with; raises `Unavailable` where it has ended."""
        answer = b""
        try:
            await self._stream.write_in(line)
            while not answer.endswith(b"\n"):
                if (message := await self._stream.read_out()) is None:
                    raise Unavailable(f"The container {self._name} has ended")
                answer += message.data
        except (aiohttp.ClientError, OSError, RuntimeError, AssertionError) as error:  # the last says: no connection
            raise Unavailable(f"The container {self._name} is not to be reached: {error!r}") from error
        return answer

    async def close(self) -> None:
        """It reads no more from then on."""
        with contextlib.suppress(OSError, AssertionError):
            await self._stream.close()


class Engine:
    """An engine at one address, as one runner sees it. Bound to the loop of its first call."""

    def __init__(self, host: str, instance: str) -> None:
        self.host = host
        self._instance = instance
        self._client: aiodocker.Docker | None = None

    def _docker(self) -> aiodocker.Docker:
        if self._client is None:
            timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
            self._client = aiodocker.Docker(url=self.host, timeout=timeout)
        return self._client

    async def close(self) -> None:
        """Lets go of the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def version(self) -> dict[str, Any]:
        """`GET /version`; raises `EngineAway`, whose hint tells what is in the way."""
        with self._told("looking at the engine"):
            found: dict[str, Any] = await self._docker().version()
            return found

    async def info(self) -> dict[str, Any]:
        """`GET /info`."""
        with self._told("looking at the engine"):
            return dict(await self._docker().system.info())

    async def image_id(self, name: str) -> str | None:
        """Whether the engine has this image, and which."""
        with self._told(f"looking for the image {name}"), _missing():
            found = await self._docker().images.inspect(name)
            return str(found["Id"])
        return None

    async def inspect(self, name: str) -> Box | None:
        """The container of this name or id."""
        with self._told(f"looking at {name}"), _missing():
            container = await self._docker().containers.get(name)
            return inspected(container._container)
        return None

    async def create(self, name: str, config: Config) -> str:
        """Makes a container; raises `NameTaken`, or `Unsupported` where its image is missing. Returns its id."""
        with self._told(f"making {name}"):
            try:
                container = await self._docker().containers.create(config, name=name)
            except aiodocker.DockerError as error:
                if error.status == 409:
                    raise NameTaken(f"There is a container {name} already") from error
                if error.status == 404:
                    raise Unsupported(
                        f"The engine lacks the image {config['Image']}", hint="./dillinger build images"
                    ) from error
                raise
            return str(container.id)

    async def start(self, name: str) -> None:
        """Starts it; nothing happens where it runs. Raises `PortTaken` where a port of it is somebody else's."""
        with self._told(f"starting {name}"):
            try:
                await self._docker().containers.container(name).start()
            except aiodocker.DockerError as error:
                if any(words in str(error.message) for words in _PORT_TAKEN):
                    raise PortTaken(f"A port of {name} is taken: {error.message}") from error
                raise

    async def talk(self, name: str) -> Talk:
        """With a container that is made and not yet started."""
        with self._told(f"attaching to {name}"):
            stream = self._docker().containers.container(name).attach(stdin=True, stdout=True)
            await stream.__aenter__()
            return Talk(name, stream)

    async def update(self, name: str, bounds: Config) -> None:
        """Changes the bounds of what runs; raises `Conflict` where it does not run, or has more memory in use."""
        with self._told(f"changing {name}"):
            try:
                await self._docker()._query_json(f"containers/{name}/update", method="POST", data=bounds)
            except aiodocker.DockerError as error:
                if error.status in (404, 409):
                    raise Conflict("The game's container does not run") from error
                if error.status != _NO_CONNECTION and "busy" in error.message:
                    raise Conflict("The game has more memory in use than that") from error
                raise

    async def rename(self, name: str, new_name: str) -> None:
        """Gives it another name; raises `NameTaken`, or `Unavailable` where it is not there."""
        with self._told(f"renaming {name}"):
            try:
                await self._docker().containers.container(name).rename(new_name)
            except aiodocker.DockerError as error:
                if error.status == 409:
                    raise NameTaken(f"There is a container {new_name} already") from error
                raise

    async def signal(self, name: str, number: str) -> None:
        """Signals its first process; nothing happens where it does not run."""
        with self._told(f"signalling {name}"), _missing(404, 409):
            await self._docker().containers.container(name).kill(signal=number)

    async def wait(self, name: str, *, timeout_s: float) -> bool:
        """Waits until it does not run; False when it still does after `timeout_s`."""
        with self._told(f"waiting for {name}"), _missing():
            try:
                async with asyncio.timeout(timeout_s):
                    await self._docker().containers.container(name).wait()
            except TimeoutError:
                return False
        return True

    async def remove(self, name: str) -> None:
        """Kills it where it runs, and removes it with what only it used; returns when it is gone."""
        is_gone = False
        with self._told(f"removing {name}"), _missing():
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                while not is_gone:
                    is_gone = await self._is_removed(name)

    async def _is_removed(self, name: str) -> bool:
        try:
            await self._docker().containers.container(name).delete(force=True, v=True)
        except aiodocker.DockerError as error:
            if error.status != 409:  # else somebody is removing it already
                raise
            await asyncio.sleep(0.05)
            return False
        return True

    async def volume_path(self, name: str) -> str:
        """Where the engine's machine has this volume's files; raises `Unsupported` where it has none."""
        with self._told(f"looking at the volume {name}"), _missing():
            found = await self._docker()._query_json(f"volumes/{name}", method="GET")
            return str(found["Mountpoint"])
        raise Unsupported(f"The engine has no volume {name}")

    async def create_volume(self, config: Config) -> None:
        """Makes a volume; nothing happens where it is there with the same options."""
        volumes: Any = self._docker().volumes  # untyped there
        with self._told(f"making the volume {config['Name']}"):
            await volumes.create(config)

    async def remove_volume(self, name: str) -> None:
        """Removes a volume; returns when it is gone. An engine lets go of one a little later than of its container."""
        volumes: Any = self._docker().volumes
        with self._told(f"removing the volume {name}"), _missing():
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                while True:
                    with _missing(409):
                        await (await volumes.get(name)).delete(force="false")  # a boolean is refused there
                        return
                    await asyncio.sleep(0.05)

    async def our_volumes(self) -> list[str]:
        """The sessions of volumes with this runner's label."""
        volumes: Any = self._docker().volumes
        with self._told("listing volumes"):
            found = await volumes.list(filters={"label": [f"{LABEL_INSTANCE}={self._instance}"]})
            return [str((one.get("Labels") or {}).get(LABEL_SESSION, "")) for one in found.get("Volumes") or ()]

    async def create_network(self, config: Config) -> None:
        """Makes a network; nothing happens where one of this name is there."""
        with self._told(f"making the network {config['Name']}"), _missing(409):
            await self._docker().networks.create(config)

    async def remove_network(self, name: str) -> None:
        """Removes a network that no container is in."""
        with self._told(f"removing the network {name}"), _missing():
            await (await self._docker().networks.get(name)).delete()

    async def our_networks(self) -> list[Mapping[str, str]]:
        """The labels of each network with this runner's."""
        with self._told("listing networks"):
            found = await self._docker().networks.list(filters={"label": [f"{LABEL_INSTANCE}={self._instance}"]})
            return [one.get("Labels") or {} for one in found]

    async def said(self, name: str, *, lines: int = 5) -> str:
        """The last that it wrote to its own output."""
        with contextlib.suppress(Unavailable), self._told(f"reading what {name} said"), _missing():
            tail = await self._docker().containers.container(name).log(stdout=True, stderr=True, tail=lines)
            return " ".join("".join(tail).split())[-500:]
        return ""

    async def output(self, name: str) -> str:
        """All that it wrote to its standard output."""
        with self._told(f"reading what {name} wrote"):
            return "".join(await self._docker().containers.container(name).log(stdout=True))

    async def ours(self) -> list[Box]:
        """All containers with this runner's label, also those that never started."""
        with self._told("listing containers"):
            filters = json.dumps({"label": [f"{LABEL_INSTANCE}={self._instance}"]})
            found = await self._docker().containers.list(all=True, filters=filters)
            return [listed(container._container) for container in found]

    async def any_running(self) -> Box | None:
        """The newest container that runs, whoever's."""
        with self._told("looking for a container"):
            found = await self._docker().containers.list(limit=1)
        return await self.inspect(str(found[0].id)) if found else None

    async def stats(self, name: str) -> dict[str, Any] | None:
        """One measurement, without the second that a comparison would take."""
        with self._told(f"measuring {name}"), _missing():
            params = {"stream": "false", "one-shot": "true"}
            found = await self._docker()._query_json(f"containers/{name}/stats", method="GET", params=params)
            return dict(found)
        return None

    async def changes(self) -> AsyncIterator[Box | None]:
        """A container of ours that ended or ran out of memory; None whenever the engine came or went, since what
        happens meanwhile is not told."""
        while True:
            with contextlib.suppress(Unavailable):
                async for box in self._events():
                    yield box
                yield None
            await asyncio.sleep(_RECONNECT_S)

    async def _events(self) -> AsyncIterator[Box | None]:
        events: Any = self._docker().events  # untyped there
        filters = {
            "type": ["container"],
            "event": ["die", "oom", "destroy"],
            "label": [f"{LABEL_INSTANCE}={self._instance}"],
        }
        await self.version()  # else a lost engine is told by a task that nobody looks at
        subscriber = events.subscribe(filters=json.dumps(filters))
        try:
            yield None
            while (event := await subscriber.get()) is not None:
                actor = event.get("Actor") or {}
                labels = actor.get("Attributes") or {}
                action = str(event.get("Action", ""))
                name = str(labels.get("name", ""))
                yield Box(str(actor.get("ID", "")), action, None, action == "oom", 0, labels, name)
        finally:
            with contextlib.suppress(aiodocker.DockerError, aiohttp.ClientError, TimeoutError):
                await events.stop()

    @contextlib.contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        try:
            yield
        except aiodocker.DockerError as error:
            if error.status == _NO_CONNECTION:
                raise EngineAway(f"The container engine at {self.host} does not answer", hint=_mend(error)) from error
            raise Unavailable(f"The container engine failed when {doing}: {error.message}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            raise EngineAway(f"The container engine at {self.host} does not answer: {said}") from error


@contextlib.contextmanager
def _missing(*statuses: int) -> Iterator[None]:
    try:
        yield
    except aiodocker.DockerError as error:
        if error.status not in (statuses or (404,)):
            raise


def _mend(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, PermissionError):
            return "Let Dillinger's user reach the engine's socket: docs/how-to/containers.md says how"
        if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
            return "Install and start Docker, or name its socket: docker_host"
        cause = cause.__cause__ or cause.__context__
    return "Look whether the engine runs: docker version"
