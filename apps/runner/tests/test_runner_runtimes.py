"""`GET /runtimes` as an admin sees it: what is there, what is missing, for which games, and how to get it."""

from __future__ import annotations

from pathlib import Path

import pytest
from apps.runner.tests.runner_lab import RunnerLab

from dillinger_runner.runtimes import Runtime, runtimes

GAME = 'schema = 1\ntitle = "Game"\n[launch]\nkind = "proton"\ncommand = ["./a.exe"]\nruntime = "{}"\n'


def unpack(library: Path, name: str, *, files: tuple[str, ...] = ("proton", "toolmanifest.vdf")) -> None:
    folder = library / "runtimes" / name
    folder.mkdir(parents=True)
    (folder / "version").write_text(f"1730000000 {name}\n")
    for file in files:
        (folder / file).touch(mode=0o755)


def add_game(library: Path, game_id: str, runtime: str) -> None:
    (library / game_id).mkdir(parents=True)
    (library / game_id / "game.toml").write_text(GAME.format(runtime))


def by_name(library: Path, **options: bool) -> dict[str, Runtime]:
    return {runtime.name: runtime for runtime in runtimes(library, **({"has_own_wine": True} | options))}


def test_protons_are_told_with_their_version_and_the_games_that_want_them(tmp_path: Path) -> None:
    unpack(tmp_path, "GE-Proton9-20")
    unpack(tmp_path, "half", files=("proton",))
    unpack(tmp_path, "empty", files=())
    for name in ("dxvk-2.6", "vkd3d-proton-2.14", "winetricks"):  # what Wine's prefixes are given
        unpack(tmp_path, name, files=())
    add_game(tmp_path, "one", "GE-Proton9-20")
    add_game(tmp_path, "two", "GE-Proton8-1")
    found = by_name(tmp_path)
    assert list(found) == ["wine", "GE-Proton8-1", "GE-Proton9-20", "empty", "half"]
    good, missing = found["GE-Proton9-20"], found["GE-Proton8-1"]
    assert (good.version, good.is_installed, good.needed_by) == ("GE-Proton9-20", True, ("one",))
    assert not good.is_verified, "no release was tried with a real one"
    assert (missing.is_installed, missing.needed_by) == (False, ("two",)) and "runtimes/" in (missing.hint or "")
    assert "no program named proton" in (found["empty"].problem or "")
    assert "toolmanifest.vdf" in (found["half"].problem or "")


def test_libraries_for_native_games_are_told_too(tmp_path: Path) -> None:
    (tmp_path / "runtimes/sniper/sniper_platform/files/lib/x86_64-linux-gnu").mkdir(parents=True)
    for game_id, runtime in (("one", "sniper"), ("two", "soldier")):
        launch = f'[launch]\nkind = "native"\ncommand = ["./a"]\nlibraries = "runtime/{runtime}"\n'
        (tmp_path / game_id).mkdir()
        (tmp_path / game_id / "game.toml").write_text(f'schema = 1\ntitle = "Game"\n{launch}')
    found = by_name(tmp_path)
    assert list(found) == ["wine", "sniper", "soldier"]
    there, missing = found["sniper"], found["soldier"]
    assert (there.kind, there.is_installed, there.needed_by) == ("libraries", True, ("one",))
    assert (missing.kind, missing.is_installed, missing.needed_by) == ("libraries", False, ("two",))


def test_links_and_an_absent_library_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "library/runtimes").mkdir(parents=True)
    (tmp_path / "library/runtimes/linked").symlink_to("/usr")
    assert list(by_name(tmp_path / "library")) == ["wine"]
    assert list(by_name(tmp_path / "nowhere")) == ["wine"]


def test_a_machine_without_wine_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wine = by_name(tmp_path, has_own_wine=False)["wine"]
    assert not wine.is_installed and "apt-get install wine" in (wine.hint or "")


async def test_admins_are_told_by_the_api(shared_lab: RunnerLab) -> None:
    async with shared_lab.client() as client:
        answer = await client.get("/runtimes")
    assert answer.status_code == 200
    assert answer.json()["runtimes"][0]["name"] == "wine" and "isInstalled" in answer.json()["runtimes"][0]
