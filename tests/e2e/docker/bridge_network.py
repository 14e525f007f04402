"""A bridge network of a container engine, made for a test, from which containers reach one port of the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from pathlib import Path
from typing import Any

import aiodocker
from tests import container_engine


class BridgeNetwork:
    """One thread with a loop of its own, ended by `close`, which removes the network too."""

    def __init__(self) -> None:
        self.name = f"dillinger-test-{os.getpid()}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self.to_port: int | None = None
        """Of the loopback, where containers get to that connect to `gateway` at `port`."""
        self.has_ipv6 = Path("/proc/net/if_inet6").exists()
        """Whether containers in it have addresses of both kinds."""
        self.gateway, self.port = self._do(self._create())

    def close(self) -> None:
        """Nothing of it is left."""
        self._do(self._remove())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    async def _create(self) -> tuple[str, int]:
        async with aiodocker.Docker(url=container_engine.HOST) as docker:
            try:
                network = await docker.networks.create(self._config())
            except aiodocker.DockerError:
                if not self.has_ipv6:
                    raise
                self.has_ipv6 = False  # the machine has it, and its engine does not
                network = await docker.networks.create(self._config())
            found = await network.show()
        gateway = next(str(one["Gateway"]) for one in found["IPAM"]["Config"] if "." in one.get("Gateway", ""))
        self._server = await asyncio.start_server(self._serve, gateway, 0)
        return gateway, self._server.sockets[0].getsockname()[1]

    def _config(self) -> dict[str, Any]:
        """With IPv6 where it is to be had; of addresses that are nobody's but this test's."""
        config: dict[str, Any] = {"Name": self.name, "Driver": "bridge"}
        if not self.has_ipv6:
            return config
        own = [{"Subnet": f"fd{os.urandom(1).hex()}:{os.urandom(2).hex()}:{os.urandom(2).hex()}::/64"}]
        return config | {"EnableIPv6": True, "IPAM": {"Driver": "default", "Config": own}}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
            await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer))

    async def _remove(self) -> None:
        if self._server is not None:
            self._server.close()
        async with aiodocker.Docker(url=container_engine.HOST) as docker:
            await (await docker.networks.get(self.name)).delete()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
