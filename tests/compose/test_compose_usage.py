"""What a runner in a container measures where the machine's cgroups and interfaces are shown to it: on a real engine,
the same figures as on the machine itself."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests import container_engine

from dillinger_runner.backends.base import Usage
from dillinger_runner.backends.docker_engine import Engine
from dillinger_runner.backends.docker_spec import Role, container_name
from dillinger_runner.backends.docker_usage import ContainerMeter
from dillinger_runner.wishes import new_session_id

INTERFACES = Path("/sys/devices/virtual/net")
SENT_BYTES = 200_000
ROUNDING_S = 1e-6
WORK = f"""
import socket, sys, time
server = socket.create_server(("0.0.0.0", 7777))
if len(sys.argv) > 1:
    while True:
        try:
            link = socket.create_connection((sys.argv[1], 7777), 60)
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    link.sendall(bytes({SENT_BYTES}))
else:
    server.settimeout(600)
    link, _ = server.accept()
    while link.recv(65536):
        pass
time.sleep(600)
"""
"""By TCP, of which nothing is lost: who is not there yet is asked again."""


@asynccontextmanager
async def two_in_a_network(engine: Engine) -> AsyncIterator[tuple[str, str]]:
    """Sessions that share one; the second has sent much to the first."""
    network = f"dillinger-test-usage-{os.getpid()}"
    first, second = new_session_id(), new_session_id()
    await engine.create_network({"Name": network, "Driver": "bridge"})
    try:
        await start(engine, first, "seat", "none")
        await start(engine, first, "cell", network)
        await start(engine, second, "seat", "none")
        await start(engine, second, "cell", network, container_engine.address(first, "cell"))
        yield first, second
    finally:
        for session_id in (first, second):
            await engine.remove(container_name(session_id, "seat"))
            await engine.remove(container_name(session_id, "cell"))
        await engine.remove_network(network)


async def start(engine: Engine, session_id: str, role: Role, network: str, *words: str) -> None:
    name = container_name(session_id, role)
    config = {
        "Image": container_engine.image("games"),
        "Entrypoint": ["/usr/bin/python3", "-I", "-S", "-c", WORK],
        "Cmd": list(words),
        "HostConfig": {"NetworkMode": network},
    }
    await engine.create(name, config)
    await engine.start(name)


async def until_sent(meter: ContainerMeter, session_id: str) -> Usage:
    async with asyncio.timeout(60):
        while ((used := await meter.usage(session_id)).network_bytes or 0) < SENT_BYTES:  # noqa: ASYNC110 - what the kernel counts is no event
            await asyncio.sleep(0.05)
    return used


async def test_every_way_of_measuring_tells_the_same(tmp_path: Path) -> None:
    container_engine.require()
    shutil.copyfile("/proc/mounts", tmp_path / "mounts")  # and no process: as a container's own /proc
    engine = Engine(container_engine.HOST, "tests")
    meters = {
        "on the machine": ContainerMeter(engine),
        "in a container": ContainerMeter(engine, proc=tmp_path, interfaces=INTERFACES),
        "by the engine": ContainerMeter(engine, proc=tmp_path / "nothing"),
    }
    try:
        async with two_in_a_network(engine) as ids:
            for session_id in ids:
                for way, meter in meters.items():
                    before = await until_sent(meters["on the machine"], session_id)
                    used = await until_sent(meter, session_id)
                    after = await meters["on the machine"].usage(session_id)
                    assert before.cpu_s is not None and used.cpu_s is not None and after.cpu_s is not None, way
                    assert before.cpu_s - ROUNDING_S < used.cpu_s < after.cpu_s + ROUNDING_S, way
                    assert used.processes == 2 and used.memory_bytes, way
                    assert used.network_bytes == pytest.approx(before.network_bytes, rel=0.2), way
        for meter in meters.values():
            assert (await meter.usage(ids[0])).cpu_s is None, "it is gone"
    finally:
        await engine.close()
