"""What a cell may see: the argument list by equality, and the same from inside a real one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dillinger_contracts.cell import environment
from dillinger_seat.cell import isolation
from dillinger_seat.cell.sandbox import DataFds, SandboxSpec, contents, sandbox_argv

SPEC = SandboxSpec(
    game_dir="/srv/library/doom",
    saves_dir="/srv/saves/ann/doom",
    x11_dir="/run/dillinger/s/x11",
    sound_dir="/run/dillinger/s/sound",
    auth_file="/run/dillinger/s/auth",
    pads_dir="/run/dillinger/s/pads",
    preload=(("/opt/dillinger/pads.so", "/run/dillinger/preload/lib64/pads.so"),),
    devices=(("/dev/input/event7", "/dev/input/event0"),),
    init_file="/opt/dillinger/init.py",
    scratch_bytes=64 << 20,
    machine_id="0123456789abcdef0123456789abcdef",
    secrets=("keys", "timer_list"),
)
GOLDEN = """
bwrap
--unshare-all --die-with-parent --new-session --as-pid-1 --cap-drop ALL
--uid 1000 --gid 1000 --hostname cell
--clearenv
--setenv PATH /usr/bin
--ro-bind /usr /usr
--symlink usr/bin /bin
--symlink usr/sbin /sbin
--symlink usr/lib /lib
--symlink usr/lib32 /lib32
--symlink usr/lib64 /lib64
--symlink usr/libx32 /libx32
--symlink /game/files /app
--ro-bind-try /etc/alternatives /etc/alternatives
--ro-bind-try /etc/drirc /etc/drirc
--ro-bind-try /etc/fonts /etc/fonts
--ro-bind-try /etc/glvnd /etc/glvnd
--ro-bind-try /etc/ld.so.cache /etc/ld.so.cache
--ro-bind-try /etc/ld.so.conf /etc/ld.so.conf
--ro-bind-try /etc/ld.so.conf.d /etc/ld.so.conf.d
--ro-bind-try /etc/locale.alias /etc/locale.alias
--ro-bind-try /etc/localtime /etc/localtime
--ro-bind-try /etc/mime.types /etc/mime.types
--ro-bind-try /etc/openal /etc/openal
--ro-bind-try /etc/os-release /etc/os-release
--ro-bind-try /etc/sgml /etc/sgml
--ro-bind-try /etc/ssl/certs /etc/ssl/certs
--ro-bind-try /etc/timidity /etc/timidity
--ro-bind-try /etc/timezone /etc/timezone
--ro-bind-try /etc/vulkan /etc/vulkan
--ro-bind-try /etc/xml /etc/xml
--ro-bind-try /var/cache/fontconfig /var/cache/fontconfig
--ro-bind-data 11 /etc/passwd
--ro-bind-data 12 /etc/group
--ro-bind-data 13 /etc/nsswitch.conf
--ro-bind-data 14 /etc/hosts
--ro-bind-data 15 /etc/machine-id
--proc /proc
--ro-bind-try /proc/bus /proc/bus
--ro-bind-try /proc/fs /proc/fs
--ro-bind-try /proc/irq /proc/irq
--ro-bind-try /proc/sys /proc/sys
--ro-bind-try /proc/sysrq-trigger /proc/sysrq-trigger
--ro-bind /dev/null /proc/keys
--ro-bind /dev/null /proc/timer_list
--dev /dev
--perms 1777 --size 67108864 --tmpfs /dev/shm
--ro-bind /run/dillinger/s/pads /dev/input
--dev-bind /dev/input/event7 /dev/input/event0
--remount-ro /dev
--perms 1777 --size 67108864 --tmpfs /tmp
--perms 0700 --size 16777216 --tmpfs /run/user/1000
--dir /var/tmp
--symlink ../run /var/run
--ro-bind /run/dillinger/s/x11 /tmp/.X11-unix
--ro-bind /run/dillinger/s/sound /run/dillinger/sound
--ro-bind /run/dillinger/s/auth /run/dillinger/auth
--ro-bind /opt/dillinger/pads.so /run/dillinger/preload/lib64/pads.so
--ro-bind /opt/dillinger/init.py /run/dillinger/init.py
--ro-bind /srv/library/doom /game
--bind /srv/saves/ann/doom /home/player
--remount-ro /
--seccomp 16
--chdir /home/player
-- /usr/bin/python3 -I
"""


def test_argument_list() -> None:
    data = DataFds(passwd=11, group=12, nsswitch=13, hosts=14, machine_id=15, seccomp=16)
    assert sandbox_argv(SPEC, data, ["/usr/bin/python3", "-I"], environ={"PATH": "/usr/bin"}) == GOLDEN.split()


def test_a_compositor_makes_the_sockets_of_its_x_server_itself() -> None:
    data = DataFds(passwd=11, group=12, nsswitch=13, hosts=14, machine_id=15)
    words = sandbox_argv(replace(SPEC, x11_dir=None), data, ["/usr/bin/python3"])
    assert "/tmp/.X11-unix" not in words
    assert set(sandbox_argv(SPEC, data, ["/usr/bin/python3"])) - set(words) == {
        "/tmp/.X11-unix", "/run/dillinger/s/x11",
    }  # fmt: skip


def test_made_up_files_name_nobody_of_this_machine() -> None:
    made = contents(SPEC, None)
    assert made["machine_id"] == b"0123456789abcdef0123456789abcdef\n"
    assert [line.split(b":")[0] for line in made["passwd"].splitlines()] == [b"root", b"player"]
    assert set(environment()) == {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "XDG_RUNTIME_DIR"}


def test_probe_runs_a_real_sandbox_or_says_what_to_do() -> None:
    found = isolation.probe()
    assert found.is_ok or (found.problem and found.hint)


def test_probe_without_bubblewrap_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = isolation.probe()
    assert not found.is_ok and found.hint == "apt install bubblewrap"


def test_hint_follows_the_sysctl_that_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "kernel").mkdir()
    clone = tmp_path / "kernel" / "unprivileged_userns_clone"
    clone.write_text("0\n")
    assert "unprivileged_userns_clone=1" in isolation.hint_for("", tmp_path)
    clone.write_text("1\n")
    (tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns").write_text("1\n")
    assert "AppArmor" in isolation.hint_for("", tmp_path)
    assert isolation.hint_for("bwrap: Unknown option --size", tmp_path / "none") == "bubblewrap 0.8 or newer is needed"


def test_probe_is_a_command_that_prints_json() -> None:

    done = subprocess.run(
        [sys.executable, "-m", "dillinger_seat", "--probe"], capture_output=True, text=True, check=False
    )
    document = json.loads(done.stdout)
    assert set(document) - {"internet"} == {"ok", "isolation", "problem", "hint"}
    assert done.returncode == (0 if document["ok"] else 1)
