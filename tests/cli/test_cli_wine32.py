"""The launcher and Wine's 32-bit half, which is of a second architecture: apt must not be left worse than it was."""

from __future__ import annotations

import pytest
from tests.cli.launcher_house import LauncherHouse

DPKG = """#!/bin/sh
echo "dpkg $*" >> "$CALLS"
case $1 in --print-architecture) echo amd64 ;; esac
"""
APT = """#!/bin/sh
case " $* " in
*" update "*) case " $* " in *Dir::State*) {update} ;; esac; echo "apt-get update" >> "$CALLS" ;;
*" --simulate "*) {plan} ;;
*) {install}
    echo "apt-get $*" >> "$CALLS"
    for word; do case $word in *:i386) echo "$word" >> "$INSTALLED" ;; esac; done ;;
esac
"""
FINE = {"update": "exit 0", "plan": "echo 'Inst wine32:i386'; exit", "install": ":"}
FAULTS = {
    "update": ("exit 100", "lists for i386 can't be read whole"),
    "plan": ("echo 'Inst wine32:i386'; echo 'Remv wine64 [8.0]'; exit", "other packages would have to go"),
    "install": ("exit 100", "could not be installed"),
}


def without_32_bit(house: LauncherHouse, **faults: str) -> None:
    house.install_everything()
    known = (house.folder / "installed").read_text().split()
    (house.folder / "installed").write_text("".join(f"{name}\n" for name in known if not name.endswith(":i386")))
    house.program("uname", "#!/bin/sh\necho x86_64\n")
    house.program("dpkg", DPKG)
    house.program("apt-get", APT.format(**FINE | faults))


def changes(house: LauncherHouse) -> list[str]:
    return [call for call in house.calls if "architecture i386" in call or "install" in call]


@pytest.mark.parametrize("command", ["up", "test"])
def test_it_is_installed_after_it_was_said_and_once(house: LauncherHouse, command: str) -> None:
    without_32_bit(house)
    ended = house.run(command, "--yes")
    assert ended.returncode == 0 and f"CLI <{command}>" in ended.stdout, ended.stderr
    added, installed = changes(house)
    assert added == "dpkg --add-architecture i386" and "--no-remove" in installed and "wine32:i386" in installed
    assert ended.stdout.index("dpkg --add-architecture i386") < ended.stdout.index("packages of i386 (")
    house.run(command, "--yes")
    assert changes(house) == [added, installed]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mirror_that_would_do_harm_leaves_the_system_as_it_was(house: LauncherHouse, fault: str) -> None:
    instead, words = FAULTS[fault]
    without_32_bit(house, **{fault: instead})
    ended = house.run("test", "--yes")
    assert ended.returncode == 0 and "CLI <test>" in ended.stdout, ended.stderr
    assert words in ended.stdout and "apt-get install wine32:i386" in ended.stdout
    kept = ["dpkg --add-architecture i386", "dpkg --remove-architecture i386"] if fault == "install" else []
    assert changes(house) == kept
    calls = len(house.calls)
    house.run("test", "--yes")
    assert not [call for call in house.calls[calls:] if "apt-get" in call], "the same day it is not tried again"


def test_it_is_neither_forced_nor_tried_without_wine_or_a_second_architecture(house: LauncherHouse) -> None:
    without_32_bit(house)
    assert "nobody to ask" in house.run("test").stdout
    assert "CLI <up>" in house.run("up", "--yes", "--no-games").stdout
    house.program("dpkg", DPKG.replace("amd64", "arm64"))
    assert "CLI <test>" in house.run("test", "--yes").stdout
    assert not changes(house)


def test_a_list_that_can_not_be_had_does_not_stop_other_installations(house: LauncherHouse) -> None:
    house.install_everything()
    known = (house.folder / "installed").read_text()
    (house.folder / "installed").write_text(known.replace("xvfb\n", ""))
    house.program(
        "apt-get",
        """#!/bin/sh
case " $* " in *" update "*) echo 'E: Some index files failed to download' && exit 100 ;; esac
echo "apt-get $*" >> "$CALLS"
""",
    )
    ended = house.run("up", "--yes")
    assert ended.returncode == 0, ended.stderr
    assert [call for call in house.calls if call.endswith(" xvfb")]
