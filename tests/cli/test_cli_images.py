"""What goes into an image, told from the tree alone; building them is tested where an engine is."""

from __future__ import annotations

import shutil
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dillinger import images, needs
from dillinger.tree import Tree, find_tree

LOCK = """\
# This file was made
apple==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via
    #   dillinger-seat
    #   pear
pear==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:bb
    # via dillinger-core
plum==3.0 \\
    --hash=sha256:cc
    # via apple
quince==4.0 \\
    --hash=sha256:dd
    # via dillinger (pyproject.toml:build)
"""


def names(part: str) -> list[str]:
    return [pin.name for pin in needs.pins(part)]


def test_an_app_gets_its_part_of_the_lock_with_hashes_and_nothing_else() -> None:
    seat = needs.locked_part(LOCK, ["dillinger-seat"])
    assert seat == "apple==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\nplum==3.0 \\\n    --hash=sha256:cc\n"
    assert names(needs.locked_part(LOCK, ["dillinger-core"])) == ["apple", "pear", "plum"]
    assert names(needs.locked_part(LOCK, ["quince"])) == ["quince"]


@pytest.mark.parametrize("app", ["dillinger-core", "dillinger-runner", "dillinger-seat"])
def test_the_real_lock_holds_all_that_an_app_asks_for_and_no_tool_of_ours(app: str) -> None:
    root = find_tree().root
    own = needs.own_packages(root, app)
    assert own[-1].name == app
    lock = (root / "requirements.lock").read_text("utf-8")
    part = set(names(needs.locked_part(lock, [one.name for one in own], own)))
    lines = [Requirement(line) for one in own for line in requires(one.name) or ()]
    asked = {line.name.lower() for line in lines if line.marker is None or line.marker.evaluate({"extra": ""})}
    assert {name for name in asked if not name.startswith("dillinger-")} <= part
    assert not part & {"pytest", "ruff", "playwright", "mypy", "uv", "dbus-fast"}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """What images are made of, to be changed."""
    real = find_tree().root
    for name in ("requirements.lock", "deploy/docker", "src/dillinger/needs.py", "packages", "apps"):
        if (real / name).is_dir():
            shutil.copytree(real / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(real / name, tmp_path / name)
    (tmp_path / "web").mkdir()
    return Tree(tmp_path)


def digests(tree: Tree) -> dict[str, str]:
    return {image.name: images.digest(tree, image, image.base) for image in images.IMAGES}


def changed(tree: Tree, before: dict[str, str]) -> set[str]:
    return {name for name, digest in digests(tree).items() if digest != before[name]}


def test_an_image_is_built_again_only_for_what_is_in_it(tree: Tree) -> None:
    before = digests(tree)
    assert len(set(before.values())) == len(before)
    (tree.root / "apps/core/tests/anything.py").write_text("tests are in no image\n")
    assert changed(tree, before) == set()
    (tree.root / "apps/seat/src/dillinger_seat/new.py").write_text("x = 1\n")
    assert changed(tree, before) == {"seat"}
    (tree.root / "packages/contracts/src/dillinger_contracts/new.py").write_text("x = 1\n")
    assert changed(tree, before) == {"seat", "core", "runner"}


def test_pages_that_are_built_already_count_as_what_they_are(tree: Tree) -> None:
    before = digests(tree)
    (tree.root / "web/dist").mkdir()
    (tree.root / "web/dist/index.html").write_text("built")
    assert changed(tree, before) == {"core"}


def test_an_image_is_built_again_for_its_part_of_the_lock_only(tree: Tree) -> None:
    before = digests(tree)
    lock = tree.root / "requirements.lock"
    lock.write_text(lock.read_text("utf-8").replace("\nalembic==", "\nalembic==99."), "utf-8")
    assert changed(tree, before) == {"core"}


def test_an_image_is_built_again_when_its_base_changes(tree: Tree) -> None:
    seat = images.choose(["seat"])[0]
    assert images.digest(tree, seat, "sha256:aa") != images.digest(tree, seat, "sha256:bb")


def test_what_a_network_needs_is_passed_on_without_being_written_down(tree: Tree) -> None:
    seat = images.choose(["seat"])[0]
    environment = {"https_proxy": "http://user:secret@proxy", "PIP_CONFIG_FILE": "/etc/my-pip.conf"}
    argv = images.build_argv(tree, seat, seat.base, "0123456789ab", environment)
    assert "https_proxy" in argv
    assert "id=pip_conf,src=/etc/my-pip.conf" in argv
    assert not any("secret@" in word for word in argv)
    assert {"dillinger-seat:0123456789ab", "dillinger-seat:latest"} <= set(argv)
