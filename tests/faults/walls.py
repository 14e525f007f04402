"""What `hostile_guest.py` is set against: things that are really there, to be reached where a wall is down."""

from __future__ import annotations

import contextlib
import json
import resource
import secrets
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from dillinger_bench.house import House
from dillinger_bench.waiting import wait_until
from dillinger_saves.layout import GameSaves

GUEST = Path(__file__).with_name("hostile_guest.py")
END_TIMEOUT_S = 90.0

GAME_TOML = """
schema = 1
title = "Hostile"
keeps_changes = false
[launch]
kind = "native"
command = ["/usr/bin/python3", "-I", "/game/hostile_guest.py"]
[display]
needs_window = false
"""


def has_a_mounted_disk() -> bool:
    """Whether a disk of this machine is mounted as such, and so can be once more."""
    disks = {":".join(line.split()[:2]) for line in Path("/proc/partitions").read_text().splitlines()[2:]}
    return any(line.split()[2] in disks for line in Path("/proc/self/mountinfo").read_text().splitlines())


BEYOND_THIS_MACHINE = (
    set() if resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 17_000 else {"hold_more_files_than_its_share"}
) | (set() if has_a_mounted_disk() else {"mount_a_disk"})
"""Tries that a machine's own limits refuse to anybody."""

BY_ANY_USER = {
    "read_the_runners_keys", "read_another_sessions_spec", "read_another_users_saves", "read_a_file_of_the_machine",
    "write_the_library", "write_beside_the_shared_sockets", "reach_the_runner", "reach_core",
    "reach_a_server_of_the_machine", "reach_an_abstract_socket_of_the_machine", "reach_another_seats_stream",
    "have_a_way_to_any_network", "take_inits_place_at_the_seat", "find_the_stream_process",
    "reach_the_machine_past_the_routes", "reach_a_server_of_the_machine_by_udp", "hold_more_files_than_its_share",
} - BEYOND_THIS_MACHINE  # fmt: skip
"""Tries that succeed for a mere process of the same user: nothing but the cell's walls stops them."""

CLOSED_BY_THE_KERNEL = {
    "open_a_socket_to_the_hypervisor", "set_io_uring_up", "use_keyrings", "use_bpf", "use_userfaultfd",
    "load_a_kernel_module",
}  # fmt: skip
"""Tries that a kernel which was built without these refuses to anybody: of them nothing is seen there."""

NEEDS_A_NETWORK = {
    "reach_the_internet", "reach_the_metadata_address", "reach_a_private_address",
    "reach_a_private_address_at_the_port_for_names", "reach_another_game", "reach_a_game_of_its_lan",
    "reach_a_game_of_another_lan",
}  # fmt: skip
"""Tries for which the targets are there in the tests of networks alone, or that need one to begin with."""


@dataclass(frozen=True)
class Targets:
    """The hostile game, set up in a house."""

    folder: Path
    facts: dict[str, Any]


@contextlib.contextmanager
def listening(family: int, address: Any, token: str) -> Iterator[socket.socket]:
    """A server that says `token` to whoever comes."""
    with socket.socket(family) as server:
        server.bind(address)
        server.listen(16)
        server.settimeout(0.2)
        ending = threading.Event()

        def serve() -> None:
            while not ending.is_set():
                with contextlib.suppress(OSError):
                    link, _ = server.accept()
                    with link:
                        link.sendall(token.encode())

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server
        finally:
            ending.set()
            thread.join()


@contextlib.contextmanager
def answering(token: str) -> Iterator[int]:
    """A UDP server at all addresses that says `token` to whoever says anything; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 0))
        server.settimeout(0.2)
        ending = threading.Event()

        def serve() -> None:
            while not ending.is_set():
                with contextlib.suppress(OSError):
                    _, source = server.recvfrom(100)
                    server.sendto(token.encode(), source)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            ending.set()
            thread.join()


@contextlib.contextmanager
def arranged(house: House, *, other: str, engines: list[str]) -> Iterator[Targets]:
    """The targets while `other` is a session of somebody else that streams."""
    token = secrets.token_hex(16)
    folder = house.library_dir / "hostile"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(GUEST, folder / GUEST.name)
    (folder / "game.toml").write_text(GAME_TOML)
    secret = house.root / "secret"
    secret.write_text(token)
    save = house.state_dir / "saves/bob/other/save"
    save.parent.mkdir(parents=True, exist_ok=True)
    save.write_text(token)
    abstract = f"dillinger-{token}"
    addresses = [entry.address for entries in psutil.net_if_addrs().values() for entry in entries if entry.family == 2]
    init = str(house.root / "init.sock")
    with (
        listening(socket.AF_INET, ("0.0.0.0", 0), token) as server,
        listening(socket.AF_UNIX, "\0" + abstract, token),
        listening(socket.AF_UNIX, init, token),
        answering(token) as udp_port,
    ):
        facts = {
            "token": token,
            "keys": str(house.state_dir / "runner/keys"),
            "other_spec": str(house.state_dir / f"runner/sessions/{other}/spec.json"),
            "other_save": str(save),
            "other_stream": str(house.runtime_dir / other / "stream.sock"),
            "host_file": str(secret),
            "runtime": str(house.runtime_dir),
            "engine": [*engines, "/var/run/docker.sock", "/run/docker.sock"],
            "hosts": ["127.0.0.1", *(address for address in addresses if not address.startswith("127."))],
            "runner_port": house.ports["runner"],
            "core_port": house.ports["core"],
            "token_port": server.getsockname()[1],
            "udp_port": udp_port,
            "abstract": abstract,
            "init": "",
            "init_pid": 1,
            "cgroups": [],
        }
        down = {"init": init, "init_pid": house.processes["runner"].pid, "is_answered": True}
        (folder / "targets.json").write_text(json.dumps(facts))
        yield Targets(folder, facts | {"down": down})
    Path(init).unlink(missing_ok=True)


MOUNTS = {"remount_the_library", "remount_the_system", "uncover_what_a_mount_hides", "mount_a_disk"}
"""Tries that are made in a namespace of the game's own, and by root."""

IN_ITS_OWN = {
    "make_a_user_namespace", "make_other_namespaces", "mount_something", "hold_a_capability", "become_root",
}  # fmt: skip
"""What a game gets that may make user namespaces: root's capabilities, over nothing but its own namespaces."""


def let_make_namespaces(targets: Targets) -> None:
    """Gives the hostile game a cell in which it may make user namespaces, and has it try all it can from inside one."""
    (targets.folder / "game.toml").write_text(GAME_TOML.replace("[launch]", "user_namespaces = true\n[launch]"))
    (targets.folder / "targets.json").write_text(json.dumps(targets.facts | {"in_namespace": True}))


def assert_only_in_its_own(got: dict[str, str | None]) -> None:
    """Sandboxes can be made, and nothing of the machine's be reached by them."""
    found = through(got)
    assert found.keys() <= IN_ITS_OWN, found
    assert found.keys() >= {"make_a_user_namespace", "mount_something", "hold_a_capability"}, found
    assert got.keys() >= MOUNTS


def end_of(house: House, game_id: str) -> dict[str, Any]:
    """How a session of this game ended, that somebody else plays and nobody stops."""
    with house.runner_client() as client:
        session_id = client.call("POST", "/sessions", {"gameId": game_id, "userId": "eve"})["sessionId"]

        def end() -> Any:
            found = client.call("GET", f"/sessions/{session_id}")
            return found["end"] if found["state"] == "ended" else None

        told: dict[str, Any] = wait_until(end, END_TIMEOUT_S, f"the end of {game_id}")
    return told


def got_in_a_cell(house: House, game_id: str = "hostile") -> dict[str, str | None]:
    """What the hostile game got through to, played as a session of the house."""
    told = end_of(house, game_id)
    assert told["reason"] == "game_exited", told
    saves = GameSaves.of(house.state_dir / "saves", "eve", game_id)
    got = result(saves.home)
    if got["write_the_library"] and not (house.library_dir / game_id / "mine").exists():
        assert (saves.changes / "mine").is_file(), "what it wrote is its player's alone"
        got["write_the_library"] = None
    return got


def result(home: Path) -> dict[str, str | None]:
    """What the guest wrote down."""
    got: dict[str, str | None] = json.loads((home / "result.json").read_text())
    assert len(got) > 30
    return got


def through(got: dict[str, str | None]) -> dict[str, str]:
    """The tries that succeeded."""
    return {name: found for name, found in got.items() if found is not None}
