"""Which engines are taken, by their own words: those of Docker 28 and of Debian 12's Podman; and one that is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dillinger_contracts import Game, Unavailable, Unsupported
from dillinger_runner.backends.base import SeatHandle
from dillinger_runner.backends.docker import DockerBackend, DockerConfig
from dillinger_runner.backends.docker_engine import Engine
from dillinger_runner.backends.docker_findings import (
    disk_finding,
    engine_finding,
    in_podmans_words,
    mounts_finding,
    refuse_on_podman,
)
from dillinger_runner.backends.docker_hands import Stores
from dillinger_runner.backends.docker_spec import MountRule, Premises
from dillinger_runner.cgroups import DiskRate, Limits
from dillinger_runner.store import SessionStore

DOCKER: dict[str, Any] = {"Components": [{"Name": "Engine"}], "Version": "28.0.1", "ApiVersion": "1.48"}
PODMAN: dict[str, Any] = {
    "Components": [{"Name": "Podman Engine", "Version": "4.3.1"}, {"Name": "Conmon"}],
    "Version": "4.3.1",
    "ApiVersion": "1.41",
}


@pytest.mark.parametrize(
    ("version", "is_ok", "says"),
    [
        (DOCKER, True, "28.0.1"),
        (DOCKER | {"ApiVersion": "1.41"}, False, "1.44 is needed"),
        (PODMAN, True, "best effort"),
        (PODMAN | {"Version": "3.4.4"}, False, "4.3 is needed"),
        ({}, False, "1.44 is needed"),
    ],
)
def test_an_engine_is_known_by_its_own_words(version: dict[str, Any], is_ok: bool, says: str) -> None:
    found = engine_finding(version)
    assert found.ok is is_ok and says in found.detail
    assert found.ok or found.hint


def test_what_podman_takes_and_does_not_do_is_refused() -> None:
    volume, folder = MountRule("/state", "dillinger", is_volume=True), MountRule("/state", "/srv")
    refused = mounts_finding(PODMAN, [volume])
    assert refused is not None and not refused.ok and refused.hint
    assert mounts_finding(PODMAN, [folder]) is None and mounts_finding(DOCKER, [volume]) is None
    game = {"game_id": "a", "title": "A", "launch": {"kind": "native", "command": ["a"]}}
    refuse_on_podman(Game.model_validate(game))
    with pytest.raises(Unsupported, match="wants a network"):
        refuse_on_podman(Game.model_validate(game | {"network": {"kind": "internet"}}))


def test_podman_is_asked_in_its_own_words_for_a_tmpfs_of_the_users() -> None:
    tmpfs = {"/tmp": "rw,mode=1777", "/run/user/1000": "rw,size=8,mode=0700,uid=997,gid=996"}
    asked = in_podmans_words({"Image": "cell", "HostConfig": {"Memory": 1, "Tmpfs": tmpfs}})
    assert asked["HostConfig"] == {
        "Memory": 1,
        "Tmpfs": {"/tmp": "rw,mode=1777", "/run/user/1000": "rw,size=8,mode=0700,U"},
    }


def test_an_engine_that_takes_a_bound_for_a_disk_and_has_none_says_so() -> None:
    rate = DiskRate("8:0", "/dev/sda", 5)
    for words in ("WARNING: No blkio throttle.write_bps_device support", "WARNING: No io.max (rbps) support"):
        found = disk_finding({"CgroupVersion": "2", "Warnings": ["WARNING: No swap limit support", words]}, rate)
        assert not found.ok and words in found.detail and not found.is_needed
    for version, is_tried in (("1", True), ("2", False)):
        found = disk_finding({"CgroupVersion": version, "Warnings": None}, rate)
        assert found.ok and "/dev/sda" in found.detail and ("unverified" not in found.detail) is is_tried


async def test_what_an_engine_that_is_gone_keeps_is_told_as_one_error(tmp_path: Path) -> None:
    """Both halves of a session can't be removed: who sweeps catches one error, and goes on."""
    engine = Engine(f"unix://{tmp_path}/none.sock", "test")
    premises = Premises("test", "1500:1500", "seat", {"native": "cell"}, Limits(1 << 30, 1.0, 64))
    stores = Stores(*(tmp_path / name for name in ("run", "sessions", "saves", "library")))
    backend = DockerBackend(DockerConfig(stores, premises), SessionStore(stores.sessions_dir), engine)
    try:
        with pytest.raises(Unavailable, match="can't be removed"):
            await backend.stop(SeatHandle("a1" * 10, "here"), grace_s=0)
    finally:
        await backend.close()
