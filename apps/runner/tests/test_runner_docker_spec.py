"""What an engine is asked for, by equality; and the pure parts around it: mounts, digests, networks."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dillinger_contracts import (
    Game,
    NativeLaunch,
    Resources,
    SeatSpec,
    SessionSpec,
    StreamProfile,
    Unsupported,
    WineLaunch,
)
from dillinger_contracts.cell import CONTAINER_INIT
from dillinger_contracts.handing import Handing
from dillinger_contracts.ice import MediaAccess, PortRange
from dillinger_contracts.network import Lan
from dillinger_runner.backends.docker_box import Box
from dillinger_runner.backends.docker_digest import is_as_made_here
from dillinger_runner.backends.docker_layers import layer_config, layer_mount
from dillinger_runner.backends.docker_net import holder_config, lan_config, lan_network, walls_config
from dillinger_runner.backends.docker_spec import Gpu, MountRule, Premises, cell_config, seat_config, waiting_config
from dillinger_runner.backends.docker_warm import order_for
from dillinger_runner.backends.gpu import find_gpu
from dillinger_runner.backends.host_network import HostNetwork
from dillinger_runner.cgroups import DiskRate, Limits

MIB = 1 << 20
ID = "a1" * 10
PREMISES = Premises(
    instance="runner-1",
    user="997:996",
    seat_image="seat",
    cell_images={"native": "cell"},
    seat_limits=Limits(1024 * MIB, 4.0, 256, disk_weight=800),
)


def spec(**changes: Any) -> SeatSpec:
    game = Game(game_id="doom", title="Doom", launch=NativeLaunch(command=("doom",)))
    resources = Resources(memory_bytes=512 * MIB, cpu_cores=1.5, pids=64, scratch_bytes=8 * MIB)
    session = SessionSpec(
        session_id=ID,
        user_id="ann",
        game=game,
        resources=resources,
        profile=StreamProfile(),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    made = SeatSpec(
        session=session,
        session_dir=f"/state/runner/sessions/{ID}",
        runtime_dir=f"/run/d/{ID}",
        library_dir="/state/library",
        saves_dir="/state/saves/ann/doom",
        control_url="ws://127.0.0.1:3002/seats",
        control_token="t" * 43,
        ticket_key="k" * 43,
    )
    return made.model_copy(update=changes)


def bind(source: str, target: str, *, is_read_only: bool = True) -> dict[str, Any]:
    options = {"Propagation": "rprivate"}
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": is_read_only, "BindOptions": options}


def host(memory_mib: int, quota_us: int, pids: int) -> dict[str, Any]:
    return {
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "Privileged": False,
        "IpcMode": "private",
        "Init": False,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
        "Memory": memory_mib * MIB,
        "MemorySwap": memory_mib * MIB,
        "CpuPeriod": 100_000,
        "CpuQuota": quota_us,
        "PidsLimit": pids,
        "Ulimits": [{"Name": "nofile", "Soft": 16384, "Hard": 16384}, {"Name": "core", "Soft": 0, "Hard": 0}],
        "SecurityOpt": ["no-new-privileges:true"],
    }


def without_labels(config: dict[str, Any]) -> dict[str, Any]:
    labels = config.pop("Labels")
    assert len(labels.pop("io.dillinger.spec")) == 64
    role = labels.pop("io.dillinger.role")
    assert labels == {"io.dillinger.instance": "runner-1", "io.dillinger.session": ID}
    return config | {"role": role}


def test_the_seat_sees_its_folders_and_the_machines_network() -> None:
    session, runtime = f"/state/runner/sessions/{ID}", f"/run/d/{ID}"
    assert without_labels(seat_config(spec(), PREMISES)) == {
        "role": "seat",
        "Image": "seat",
        "User": "997:996",
        "WorkingDir": "/",
        "Cmd": ["--dir", session, "--log", f"{session}/seat.log"],
        "StopSignal": "SIGTERM",
        "HostConfig": host(1024, 400_000, 256)
        | {
            "NetworkMode": "host",
            "BlkioWeight": 800,
            "Mounts": [
                bind(session, session, is_read_only=False),
                bind(runtime, runtime, is_read_only=False),
                bind("/state/saves/ann/doom", "/state/saves/ann/doom"),
                bind("/state/library/doom", "/state/library/doom"),
            ],
            "Tmpfs": {"/tmp": "rw,nosuid,nodev,noexec,size=67108864,mode=1777"},
        },
    }


def test_a_seat_that_waits_sees_its_runtime_folder_alone() -> None:
    started, waits = (
        without_labels(config)
        for config in (seat_config(spec(), PREMISES), waiting_config(ID, f"/run/d/{ID}", PREMISES))
    )
    assert waits["HostConfig"].pop("Mounts") == [bind(f"/run/d/{ID}", "/run/dillinger/runtime", is_read_only=False)]
    started["HostConfig"].pop("Mounts")
    assert started["HostConfig"] == waits["HostConfig"]
    assert started["User"] == waits["User"]


def test_the_cell_has_one_writable_folder_and_no_network() -> None:
    runtime = f"/run/d/{ID}"
    config = without_labels(cell_config(spec(), PREMISES))
    assert set(config.pop("Env")) > {"HOME=/home/player", "USER=player"}
    assert config == {
        "role": "cell",
        "Image": "cell",
        "User": "997:996",
        "WorkingDir": "/",
        "Hostname": "cell",
        "Entrypoint": list(CONTAINER_INIT),
        "Cmd": [],
        "HostConfig": host(512, 150_000, 64)
        | {
            "NetworkMode": "none",
            "BlkioWeight": 200,
            "ShmSize": 8 * MIB,
            "Mounts": [
                bind(f"{runtime}/x11", "/tmp/.X11-unix"),
                bind(f"{runtime}/sound", "/run/dillinger/sound"),
                bind(f"{runtime}/auth", "/run/dillinger/auth"),
                bind(f"{runtime}/pads", "/dev/input"),
                bind(f"{runtime}/cell", "/run/dillinger/cell"),
                bind(f"{runtime}/cell/etc/passwd", "/etc/passwd"),
                bind(f"{runtime}/cell/etc/group", "/etc/group"),
                bind(f"{runtime}/cell/etc/nsswitch.conf", "/etc/nsswitch.conf"),
                bind(f"{runtime}/cell/etc/machine-id", "/etc/machine-id"),
                bind(f"/state/runner/sessions/{ID}/preload", "/run/dillinger/preload"),
                bind("/state/library/doom", "/game"),
                bind("/state/saves/ann/doom", "/home/player", is_read_only=False),
            ],
            "Tmpfs": {
                "/tmp": "rw,exec,nosuid,nodev,size=8388608,mode=1777",
                "/var/tmp": "rw,exec,nosuid,nodev,size=8388608,mode=1777",
                "/run/user/1000": "rw,nosuid,nodev,size=8388608,mode=0700,uid=997,gid=996",
            },
        },
    }


def test_a_cells_disk_is_bounded_where_it_is_wished() -> None:
    premises = dataclasses.replace(PREMISES, disk_rate=DiskRate("8:0", "/dev/sda", 5 * MIB))
    host_config = cell_config(spec(), premises)["HostConfig"]
    bound = [{"Path": "/dev/sda", "Rate": 5 * MIB}]
    assert host_config["BlkioDeviceReadBps"] == host_config["BlkioDeviceWriteBps"] == bound
    assert "BlkioDeviceReadBps" not in seat_config(spec(), premises)["HostConfig"]


def test_a_card_that_was_not_found_is_not_asked_for() -> None:
    """An engine that refuses the request would refuse every session."""
    premises = dataclasses.replace(PREMISES, gpu=Gpu("nvidia"))
    found, missed = (cell_config(spec(has_graphics_card=has), premises)["HostConfig"] for has in (True, False))
    assert "DeviceRequests" in found and "DeviceRequests" not in missed


def test_a_librarys_runtimes_are_shown_to_both_halves() -> None:
    """Proton is looked for by the seat and run by the cell."""
    seat, cell = (
        [mount["Target"] for mount in config(spec(), PREMISES, has_runtimes=True)["HostConfig"]["Mounts"]]
        for config in (seat_config, cell_config)
    )
    assert "/state/library/runtimes" in seat
    assert "/opt/dillinger/runtimes" in cell


@pytest.mark.parametrize("has_runtimes", [False, True])
@pytest.mark.parametrize("layer_dir", [None, "/state/layers/ann/doom"])
def test_a_seat_that_waited_is_handed_what_others_mount(layer_dir: str | None, has_runtimes: bool) -> None:
    one = spec(layer_dir=layer_dir)
    mounts = seat_config(one, PREMISES, has_runtimes=has_runtimes)["HostConfig"]["Mounts"]
    mounted = {(mount["Source"], mount["ReadOnly"]) for mount in mounts} - {(one.runtime_dir, False)}
    order = order_for(one, has_runtimes=has_runtimes)
    handing = Handing.model_validate_json(order["text"])
    assert set(order["folders"]) == mounted and len(handing.folders) == len(order["folders"])
    assert dict(zip(handing.folders, order["folders"], strict=True)).get("runtimes") == (
        ("/state/library/runtimes", True) if has_runtimes else None
    )


def test_a_change_of_the_configuration_shows_in_its_digest() -> None:
    one, same = (cell_config(spec(), PREMISES)["Labels"]["io.dillinger.spec"] for _ in range(2))
    other = cell_config(spec(saves_dir="/state/saves/bob/doom"), PREMISES)["Labels"]["io.dillinger.spec"]
    assert one == same != other


def box_of(config: dict[str, Any]) -> Box:
    labels = config["Labels"]
    return Box("1", "running", None, was_out_of_memory=False, pid=1, labels=labels)


def test_what_was_made_for_a_session_is_known_as_that() -> None:
    own = spec(layer_dir="/state/layers/ann/doom")
    doom = own.session.game
    friday = own.model_copy(
        update={"session": own.session.model_copy(update={"game": doom.model_copy(update={"network": Lan(name="x")})})}
    )
    lan = cell_config(friday, PREMISES, network=lan_network(PREMISES, "x"), lan="x")
    made = [
        (own, seat_config(own, PREMISES, has_runtimes=True)),
        (own, cell_config(own, PREMISES, game=layer_mount(ID))),
        (own, waiting_config("b2" * 10, f"/run/d/{'b2' * 10}", PREMISES)),
        (own, waiting_config("b2" * 10, f"/run/d/{'b2' * 10}", PREMISES, media_port=40007)),
        (friday, lan),
    ]
    for of, config in made:
        assert is_as_made_here(box_of(config), of, PREMISES)
        for changes in ({"user": "1:1"}, {"seat_image": "other", "cell_images": {"native": "other"}}):
            assert not is_as_made_here(box_of(config), of, dataclasses.replace(PREMISES, **changes))
    assert not is_as_made_here(box_of(lan), own, PREMISES), "it is to have no network"
    assert not is_as_made_here(box_of(made[1][1]), own, dataclasses.replace(PREMISES, cell_images={})), "none is made"
    limits = own.session.resources.model_copy(update={"memory_bytes": MIB << 10})
    changed = own.model_copy(update={"session": own.session.model_copy(update={"resources": limits})})
    assert is_as_made_here(box_of(made[1][1]), changed, PREMISES), "limits change while it runs"


def test_folders_that_the_engine_knows_by_other_names() -> None:
    """The longest rule counts; a volume is mounted by its part."""
    rules = tuple(map(MountRule.parse, ("/state=volume:games", "/state/saves=/srv/saves", "/run/d/=/host/run")))
    premises = Premises("i", "1:1", "seat", {"native": "cell"}, Limits(1, 1.0, 1), rules=rules)
    mounts = {mount["Target"]: mount for mount in cell_config(spec(), premises)["HostConfig"]["Mounts"]}
    assert mounts["/home/player"]["Source"] == "/srv/saves/ann/doom"
    assert mounts["/run/dillinger/sound"]["Source"] == f"/host/run/{ID}/sound"
    options = {"NoCopy": True, "Subpath": "library/doom"}
    assert mounts["/game"] == {
        "Type": "volume", "Source": "games", "Target": "/game", "ReadOnly": True, "VolumeOptions": options,
    }  # fmt: skip
    for wrong in ("/state", "state=/x", "/state=", "/state=volume:", "/state=relative"):
        with pytest.raises(ValueError, match="is not PATH="):
            MountRule.parse(wrong)


def test_graphics_cards_are_asked_for_in_the_engines_words(tmp_path: Path) -> None:
    (tmp_path / "renderD128").touch()
    assert find_gpu("none") is None
    assert find_gpu("dri", nodes=tmp_path) == Gpu("dri", groups=tuple({tmp_path.stat().st_gid} - {0}))
    asked = {}
    for gpu in (Gpu("nvidia"), Gpu("dri", groups=(105,)), Gpu("cdi", "example.com/gpu=0")):
        premises = Premises("i", "1:1", "seat", {"native": "cell"}, Limits(1, 1.0, 1), gpu=gpu)
        wanted = cell_config(spec(has_graphics_card=True), premises)["HostConfig"]
        asked[gpu.kind] = {key: wanted[key] for key in ("DeviceRequests", "Devices", "GroupAdd") if key in wanted}
    assert asked["nvidia"]["DeviceRequests"][0]["Driver"] == "nvidia"
    assert asked["cdi"] == {"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["example.com/gpu=0"]}]}
    assert asked["dri"]["GroupAdd"] == ["105"]


def test_a_game_that_may_make_namespaces_gets_the_rest_as_any_other() -> None:
    """Only the engine's own filter, profile and masks of `/proc` are lifted; the seat's comes with the cell's init."""
    usual = cell_config(spec(), PREMISES)["HostConfig"]
    game = spec().session.game.model_copy(update={"user_namespaces": True})
    session = spec().session.model_copy(update={"game": game})
    other = cell_config(spec().model_copy(update={"session": session}), PREMISES)["HostConfig"]
    differ = {name: other[name] for name in other if other[name] != usual.get(name)}
    assert differ == {
        "SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined", "apparmor=unconfined"],
        "MaskedPaths": ["/sys/firmware", "/sys/devices/virtual/powercap"],
        "ReadonlyPaths": [],
    }


def test_a_compositor_makes_the_sockets_of_its_x_server_itself() -> None:
    display = spec().session.game.display.model_copy(update={"desktop": "wayland"})
    game = spec().session.game.model_copy(update={"display": display})
    session = spec().session.model_copy(update={"game": game})
    usual, other = (cell_config(one, PREMISES)["HostConfig"]["Mounts"] for one in (spec(), spec(session=session)))
    assert [mount["Target"] for mount in usual if mount not in other] == ["/tmp/.X11-unix"]
    assert all(mount in usual for mount in other)


def test_a_kind_without_an_image_is_refused() -> None:
    game = Game(game_id="doom", title="Doom", launch=WineLaunch(command=("doom.exe",)))
    session = spec().session.model_copy(update={"game": game})
    with pytest.raises(Unsupported, match="no image for wine"):
        cell_config(spec(session=session), PREMISES)


def test_a_game_that_may_write_beside_itself_gets_an_overlay_as_a_volume() -> None:
    """Paths are the engine's: also where the runner's are parts of volumes."""
    rules = (MountRule.parse("/state=volume:games"), MountRule.parse("/state/saves=/srv/saves"))
    premises = Premises("i", "1:1", "seat", {"native": "cell"}, Limits(1, 1.0, 1), rules=rules)
    session = spec(layer_dir="/state/saves/ann/.layers/doom")
    side = "/srv/saves/ann/.layers/doom"
    assert layer_config(session, premises, {"games": "/var/lib/volumes/games"}) == {
        "Name": f"dillinger-{ID}-game",
        "Driver": "local",
        "DriverOpts": {
            "type": "overlay",
            "device": "overlay",
            "o": f"lowerdir=/var/lib/volumes/games/library/doom,upperdir={side}/changes,workdir={side}/work,"
            "userxattr,index=off,xino=off,nosuid,nodev",
        },
        "Labels": {"io.dillinger.instance": "i", "io.dillinger.session": ID},
    }
    with pytest.raises(Unsupported, match="comma"):
        layer_config(session, premises, {"games": "/var/lib/a,upperdir=b"})
    game = {"Type": "volume", "Source": "x", "Target": "/game"}
    mounts = cell_config(session, premises, game=game)["HostConfig"]["Mounts"]
    assert [mount for mount in mounts if mount["Target"] == "/game"] == [game]
    seat = [
        mount for mount in seat_config(session, premises)["HostConfig"]["Mounts"] if mount["Target"].endswith("doom")
    ]
    assert ["/state/saves/ann/.layers/doom", True] in [[mount["Target"], mount["ReadOnly"]] for mount in seat]


def test_a_seat_in_a_network_of_its_own_has_one_port_published() -> None:
    media = MediaAccess(ports=PortRange.parse("40007"), addresses=("192.0.2.9",), is_behind_nat=True)
    config = seat_config(spec(media=media), PREMISES)
    assert config["ExposedPorts"] == {"40007/udp": {}}
    assert config["HostConfig"]["PortBindings"] == {"40007/udp": [{"HostPort": "40007"}]}
    assert config["Labels"]["io.dillinger.media-port"] == "40007"
    waits = waiting_config(ID, f"/run/d/{ID}", PREMISES, media_port=40007)
    assert waits["HostConfig"]["PortBindings"] == config["HostConfig"]["PortBindings"]
    assert (
        is_as_made_here(
            box_of(waits | {"Labels": waits["Labels"] | {"io.dillinger.session": "b2" * 10}}), spec(), PREMISES
        )
        is False
    )


@pytest.mark.parametrize("text", ["", "x", "0", "70000", "5-4", "1-2-3", "-5", "5-", "٣"])
def test_what_is_no_range_of_ports_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        PortRange.parse(text)


def test_a_lan_has_no_address_on_the_machine_and_only_the_walls_have_a_right_over_a_network() -> None:
    lan = lan_config(PREMISES, "friday")
    assert lan["Internal"] and lan["Options"] == {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}
    host_network = HostNetwork(("192.0.2.9",), ("192.0.2.0/24",), (), ("192.0.2.1",))
    up = walls_config(PREMISES, ID, host_network)
    assert up["HostConfig"]["CapAdd"] == ["NET_ADMIN"] and up["HostConfig"]["CapDrop"] == ["ALL"]
    assert up["HostConfig"]["NetworkMode"] == f"container:dillinger-{ID}-net"
    cell = cell_config(spec(), PREMISES, network=up["HostConfig"]["NetworkMode"])
    assert "CapAdd" not in cell["HostConfig"] and "Hostname" not in cell
    assert "CapAdd" not in holder_config(PREMISES, ID)["HostConfig"]
    assert holder_config(PREMISES, ID)["StopSignal"] == "SIGKILL", "an ending engine waits for no game with a network"
    assert cell_config(spec(), PREMISES, network="x", lan="friday")["Labels"]["io.dillinger.lan"] == "friday"
