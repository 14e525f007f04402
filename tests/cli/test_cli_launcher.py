"""What the launcher says and does on a machine that lacks things; the machine itself is not changed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.cli.launcher_house import LauncherHouse


def test_hands_arguments_over_as_they_are(house: LauncherHouse) -> None:
    house.install_everything()
    ended = house.run("--yes", "up", "--host", "::1", "a b", "--", "--yes")
    assert ended.stdout.splitlines()[-1] == "CLI <up> <--host> <::1> <a b> <--> <--yes>"
    assert ended.returncode == 0


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_runs_in_every_shell(house: LauncherHouse, shell: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} on this machine")
    house.install_everything()
    ended = house.run("doctor", shell=path)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("CLI <doctor>\n", "", 0)


def test_second_start_asks_and_installs_nothing(house: LauncherHouse) -> None:
    house.install_everything()
    house.run("up")
    assert not [call for call in house.calls if not call.startswith("python -c")]


def test_without_a_terminal_it_says_what_to_run_and_changes_nothing(house: LauncherHouse) -> None:
    ended = house.run("up")
    assert ended.returncode == 1
    assert "--yes" in ended.stderr
    assert "sudo apt-get install --no-install-recommends ca-certificates python3" in ended.stderr
    assert "bubblewrap           the sandbox around each game" in ended.stdout
    assert "apt-get" not in " ".join(house.calls)


@pytest.mark.parametrize(("answer", "is_installed"), [("n", False), ("", True), ("yes", True)])
def test_on_a_terminal_it_asks(house: LauncherHouse, answer: str, is_installed: bool) -> None:
    ours, its = os.openpty()
    process = subprocess.Popen(
        [str(house.tree / "dillinger"), "doctor"], env=house.environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    shown = b""
    while b"[Y/n]" not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, f"{answer}\n".encode())
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while more := os.read(ours, 1024):
            shown += more
    os.close(ours)
    assert process.wait(30) == (0 if is_installed else 1)
    assert any("apt-get" in call for call in house.calls) == is_installed
    assert (b"CLI <doctor>" in shown) == is_installed
    assert is_installed or b"To do it yourself" in shown


def test_yes_installs_only_what_is_missing(house: LauncherHouse) -> None:
    house.install_everything()
    (house.folder / "installed").write_text(
        "".join(
            f"{line}\n" for line in (house.folder / "installed").read_text().split() if line not in ("xvfb", "xauth")
        )
    )
    ended = house.run("up", "--yes")
    assert ended.returncode == 0, ended.stderr
    installs = [call for call in house.calls if "apt-get" in call and " install " in call]
    assert [call.split("Lock::Timeout=120 ")[1] for call in installs] == ["xvfb xauth"]
    assert "installing 2 packages (" in ended.stdout
    assert "CLI <up>" in ended.stdout


def test_commands_need_only_their_own_groups(house: LauncherHouse) -> None:
    house.install("ca-certificates", "python3", "python3-venv")
    assert house.run("config", "show").stdout == "CLI <config> <show>\n"
    assert "bubblewrap" in house.run("up").stdout
    assert "x11-utils" not in house.run("up").stdout
    assert "x11-utils" in house.run("test").stdout
    assert "gstreamer" not in house.run("bench", "latency").stdout
    assert "gstreamer1.0-nice" in house.run("bench", "peers", "--rounds", "1").stdout


def test_tests_get_their_browser_where_the_distribution_packages_it(house: LauncherHouse) -> None:
    for command in (("test",), ("bench", "latency")):
        assert "    chromium " in house.run(*command).stdout
        assert "    libatomic1 " in house.run(*command).stdout
    house.distribution = "ubuntu"  # its chromium is a snap
    assert "chromium" not in house.run("test").stdout


def test_tests_get_the_game_that_they_play(house: LauncherHouse) -> None:
    said = house.run("test").stdout
    assert said.count("    chocolate-doom ") == 1
    assert said.count("    freedoom ") == 1


def test_without_sudo_it_says_what_root_has_to_run(house: LauncherHouse) -> None:
    (house.programs / "sudo").unlink()
    ended = house.run("up", "--yes")
    assert ended.returncode == 1
    assert "Run this as root" in ended.stderr
    assert "apt-get install" in ended.stderr


def test_failed_install_shows_why(house: LauncherHouse) -> None:
    house.program("apt-get", "#!/bin/sh\necho 'E: Unable to locate package'\nexit 100\n")
    ended = house.run("up", "--yes")
    assert ended.returncode == 1
    assert "| E: Unable to locate package" in ended.stderr
    assert "CLI" not in ended.stdout


def test_another_distribution_is_told_its_own_names(house: LauncherHouse) -> None:
    house.distribution = "fedora"
    ended = house.run("up", "--yes")
    assert ended.returncode == 1
    assert "Fedora Linux 43" in ended.stderr
    assert "sudo dnf install" in ended.stderr
    assert "xorg-x11-server-Xvfb" in ended.stderr
    assert not house.calls


def test_unknown_distribution_is_told_the_commands(house: LauncherHouse) -> None:
    house.distribution = "void"
    ended = house.run("up")
    assert ended.returncode == 1
    assert "bwrap            the sandbox around each game" in ended.stderr


def test_another_distribution_goes_on_when_all_is_there(house: LauncherHouse) -> None:
    house.distribution = "fedora"
    for name in ("python3", "bwrap", "Xvfb", "xkbcomp", "xauth", "pulseaudio", "parec", "xterm"):
        house.script(house.programs / name, "exit 0\n")
    ended = house.run("up")
    assert (ended.stdout, ended.returncode) == ("CLI <up>\n", 0)


def test_games_are_offered_once_and_not_forced(house: LauncherHouse) -> None:
    house.install_everything()
    text = (house.folder / "installed").read_text()
    (house.folder / "installed").write_text(text.replace("openttd\n", ""))
    (house.tree / ".stamps/games").unlink()
    assert "sudo apt-get install openttd" in house.run("up").stdout
    assert "CLI <up>" in house.run("up", "--yes", "--no-games").stdout
    assert not [call for call in house.calls if "openttd" in call]
    house.run("up", "--yes")
    assert [call for call in house.calls if call.endswith(" openttd")]


def test_changed_lock_is_installed_with_hashes(house: LauncherHouse) -> None:
    house.install_everything()
    house.write("requirements.lock", "uv==2 --hash=sha256:0\n")
    ended = house.run("doctor")
    assert "installing the locked Python packages (" in ended.stdout
    assert [call for call in house.calls if call.startswith("uv pip sync") and "--require-hashes" in call]
    calls = len(house.calls)
    house.run("doctor")
    assert not [call for call in house.calls[calls:] if call.startswith("uv")]


def test_interrupted_install_is_taken_up_again(house: LauncherHouse) -> None:
    house.install_everything()
    house.write("requirements.lock", "uv==2 --hash=sha256:0\n")
    uv = house.tree / ".venv/bin/uv"
    whole = uv.read_text()
    house.script(uv, "echo 'no route to host'; exit 2\n")
    ended = house.run("doctor")
    assert (ended.returncode, "| no route to host" in ended.stderr) == (1, True)
    uv.write_text(whole)
    assert house.run("doctor").returncode == 0


def test_two_launchers_take_turns(house: LauncherHouse) -> None:
    house.install_everything()
    with (house.tree / ".stamps/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [str(house.tree / "dillinger"), "doctor"], env=house.environment, stdout=subprocess.PIPE, bufsize=0
        )
        assert second.stdout is not None
        assert b"waiting for it" in second.stdout.readline()
        assert select.select([second.stdout], [], [], 0.5)[0] == []  # it would speak or end within that
        fcntl.flock(lock, fcntl.LOCK_UN)
    assert second.stdout.read() == b"CLI <doctor>\n"
    assert second.wait(30) == 0


def test_help_before_anything_is_installed(house: LauncherHouse) -> None:
    shutil.rmtree(house.tree / ".venv")
    for arguments in ((), ("--help",), ("up", "--help")):
        ended = house.run(*arguments)
        assert ended.returncode == 0
        assert "./dillinger up" in ended.stdout
    assert not house.calls


def test_uninstall_keeps_data_unless_purged(house: LauncherHouse) -> None:
    saves = house.folder / "home/.local/share/dillinger/saves"
    saves.mkdir(parents=True)
    assert house.run("uninstall").returncode == 1  # nobody to ask
    assert (house.tree / ".venv").exists()

    ended = house.run("uninstall", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert not (house.tree / ".venv").exists()
    assert saves.exists()
    assert "keeps" in ended.stdout

    (saves.parent / "mine.txt").write_text("not Dillinger's")
    assert house.run("uninstall", "--yes", "--purge").returncode == 0
    assert [path.name for path in saves.parent.iterdir()] == ["mine.txt"]


def test_uninstall_takes_nothing_from_under_a_running_one_and_ends_what_was_left(house: LauncherHouse) -> None:
    lock = house.folder / "home/.local/share/dillinger/runner/lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = house.run("uninstall", "--yes")
        assert ended.returncode == 1
        assert "Dillinger is running" in ended.stderr and "Ctrl-C" in ended.stderr
    assert (house.tree / ".venv").exists()
    assert house.run("uninstall", "--yes").returncode == 0
    assert house.calls == ["python -m dillinger_runner stop-all"]
    assert not (house.tree / ".venv").exists()


def test_uninstall_refuses_what_it_does_not_know(house: LauncherHouse) -> None:
    ended = house.run("uninstall", "--all")
    assert ended.returncode == 2
    assert "--purge" in ended.stderr
    assert (house.tree / ".venv").exists()


def test_upgrade_outside_a_clone_says_so(house: LauncherHouse) -> None:
    ended = house.run("upgrade")
    assert ended.returncode == 1
    assert "not a git clone" in ended.stderr


def git(folder: Path, *arguments: str) -> None:
    """Runs git as somebody, whatever this machine's own settings are."""
    somebody = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=main")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(("git", *somebody, *arguments), cwd=folder, env=environment, check=True, capture_output=True)


@pytest.fixture
def published(house: LauncherHouse) -> Path:
    """The house's tree is a clone; who has this other clone may publish to where both come from."""
    house.install_everything()
    (house.programs / "git").symlink_to(Path(shutil.which("git") or "/usr/bin/git").resolve())
    origin, other = house.folder / "origin.git", house.folder / "other"
    git(house.tree, "init", "-q")
    house.write(".gitignore", ".stamps\n")
    git(house.tree, "add", "-A")
    git(house.tree, "commit", "-qm", "first")
    git(house.folder, "clone", "-q", "--bare", str(house.tree), str(origin))
    git(house.tree, "remote", "add", "origin", str(origin))
    git(house.tree, "fetch", "-q", "origin")
    git(house.tree, "branch", "-q", "--set-upstream-to=origin/main")
    git(house.folder, "clone", "-q", str(origin), str(other))
    return other


def test_upgrade_fetches_the_newest_and_sets_it_up(house: LauncherHouse, published: Path) -> None:
    (published / "requirements.lock").write_text("uv==2 --hash=sha256:0\n")
    git(published, "commit", "-qam", "second")
    git(published, "push", "-q")
    ended = house.run("upgrade")
    assert ended.returncode == 0, ended.stderr
    assert (house.tree / "requirements.lock").read_text().startswith("uv==2")
    assert "installing the locked Python packages (" in ended.stdout, "what the new version needs"
    assert "CLI <setup>" in ended.stdout


def test_upgrade_of_a_tree_that_went_its_own_way_changes_nothing(house: LauncherHouse, published: Path) -> None:
    (published / "requirements.lock").write_text("uv==2 --hash=sha256:0\n")
    git(published, "commit", "-qam", "second")
    git(published, "push", "-q")
    house.write("requirements.lock", "uv==3 --hash=sha256:0\n")
    git(house.tree, "commit", "-qam", "mine")
    ended = house.run("upgrade")
    assert ended.returncode == 1 and "fetching the newest version: failed" in ended.stderr
    assert (house.tree / "requirements.lock").read_text().startswith("uv==3")
    assert "CLI" not in ended.stdout


def test_tree_that_can_not_be_written_is_told(house: LauncherHouse) -> None:
    house.install_everything()
    house.write("requirements.lock", "uv==2 --hash=sha256:0\n")
    shutil.rmtree(house.tree / ".stamps")
    (house.tree / ".stamps").write_text("")  # root may write anywhere, but not into a file as a folder
    ended = house.run("doctor")
    assert ended.returncode == 1
    assert "can't be written" in ended.stderr


def test_ctrl_c_ends_a_launcher_that_waits(house: LauncherHouse) -> None:
    house.install_everything()
    with (house.tree / ".stamps/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # A suite that was started in the background ignores Ctrl-C, and a shell can't undo that for itself.
        second = subprocess.Popen(
            ["env", "--default-signal=INT", str(house.tree / "dillinger"), "doctor"], env=house.environment,
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert second.stdout is not None
        second.stdout.readline()
        os.killpg(second.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
        assert second.wait(10) == 130
        second.stdout.close()
