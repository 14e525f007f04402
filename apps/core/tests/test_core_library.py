"""The library: broken files, hostile names, and games that are installed on the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from apps.core.tests.core_house import GAME, House, add_game
from hypothesis import given, settings
from hypothesis import strategies as st

from dillinger_contracts import Invalid, NotFound
from dillinger_core.library import volume
from dillinger_core.library.desktop_entries import command_of, parse_entry
from dillinger_core.library.found_games import find_games, sync
from dillinger_core.library.icons import find_icon
from dillinger_core.library.known_games import known_games
from dillinger_core.library.scan import read_game, scan

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40
ENTRY = "[Desktop Entry]\nType=Application\nName=Sleep\nComment=Rests\nExec=sleep 5\nIcon=rest\nCategories=Game;\n"


async def test_library_shows_what_is_there(house: House) -> None:
    folder = house.settings.library / "testcard"
    (folder / "game.toml").write_text(GAME + '\n[art]\nicon = "icon.png"\n')
    (folder / "art/icon.png").write_bytes(PNG)
    async with house.admin() as client:
        await house.parts.library.look(is_forced=True)
        [card] = (await client.get("/api/v1/games")).json()["games"]
        assert card == {
            "game_id": "testcard",
            "title": "Test Card",
            "summary": "A picture that moves",
            "launch_kind": "native",
            "icon_url": "/api/v1/games/testcard/art/icon.png",
            "is_playable": True,
            "problem": None,
            "warning": "its program testcard is not installed",
        }
        picture = await client.get(card["icon_url"])
        assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
        assert (await client.get("/api/v1/games/testcard")).json() == card


BROKEN = {
    "half": (b"title = ", "not TOML"),
    "binary": (b"\xff\xfe\x00", "not TOML"),
    "nested": (b"x = " + b"[" * 5000, "not TOML"),
    "launchless": (b'title = "X"\n', "launch"),
    "newer": (GAME.encode().replace(b"schema = 1", b"schema = 2"), "schema"),
    "unknown": (b"surprise = 1\n" + GAME.encode(), "surprise"),
    "commandless": (GAME.encode().replace(b'["testcard"]', b"[]"), "command"),
    "foreign": (b'game_id = "other"\n' + GAME.encode(), "folder is foreign"),
    "long": (b"#" * 300_000, "at most"),
    "other-kind": (b'title = "X"\n[launch]\nkind = "qemu"\nimage = "x"', "qemu"),
}


async def test_broken_games_say_what_is_wrong_and_break_nothing_else(house: House) -> None:
    for game_id, (content, _) in BROKEN.items():
        (add_game(house.settings.library, game_id) / "game.toml").write_bytes(content)
    async with house.admin() as client:
        await house.parts.library.look(is_forced=True)
        cards = {card["game_id"]: card for card in (await client.get("/api/v1/games")).json()["games"]}
        assert cards["testcard"]["is_playable"] is True
        for game_id, (_, words) in BROKEN.items():
            assert cards[game_id]["is_playable"] is False
            assert words in cards[game_id]["problem"], game_id
            refused = await client.post("/api/v1/sessions", json={"game_id": game_id})
            assert (refused.status_code, refused.json()["code"]) == (501, "unsupported")
        assert house.runner.launches == []


async def test_art_never_leaves_the_folder(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    art = house.settings.library / "testcard/art"
    (art / "link.png").symlink_to(secret)
    (art / "folder.png").mkdir()
    os.mkfifo(art / "pipe.png")
    (art / "huge.png").write_bytes(b"0" * (5 << 20))
    (art / "page.html").write_text("<script>")
    (house.settings.library / "linked").symlink_to(tmp_path)
    async with house.admin() as client:
        for path in (
            "testcard/art/link.png", "testcard/art/folder.png", "testcard/art/pipe.png",
            "testcard/art/page.html", "testcard/art/none.png",
            "testcard/art/..%2f..%2fsecret.png", "testcard/art/%2e%2e", "..%2fstate/art/secret.png",
            "%2e%2e/art/secret.png", "linked/art/secret.png", "testcard/art/.png", "testcard/art/a%00.png",
        ):  # fmt: skip
            answer = await client.get(f"/api/v1/games/{path}")
            assert answer.status_code == 404, path
            assert b"secret" not in answer.content.replace(path.encode(), b""), path
        assert (await client.get("/api/v1/games/testcard/art/huge.png")).status_code == 422


async def test_svg_is_served_without_any_right(house: House) -> None:
    (house.settings.library / "testcard/art/icon.svg").write_text("<svg onload='alert(1)'/>")
    async with house.admin() as client:
        answer = await client.get("/api/v1/games/testcard/art/icon.svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_symlinks_in_the_volume_are_nothing(tmp_path: Path) -> None:
    outside = add_game(tmp_path / "outside", "game")
    library = tmp_path / "library"
    library.mkdir()
    (library / "linked").symlink_to(outside)
    inner = library / "inner"
    inner.mkdir()
    (inner / "game.toml").symlink_to(outside / "game.toml")
    assert scan(library, {}).changed == ()
    with pytest.raises(NotFound):
        volume.read_inside(library, "linked", "game.toml", limit_bytes=1000)
    with pytest.raises(NotFound):
        volume.read_inside(library, "..", "outside", "game", "game.toml", limit_bytes=1000)


def test_scan_reads_only_what_changed(tmp_path: Path) -> None:
    folder = add_game(tmp_path, "one")
    add_game(tmp_path, "two")
    (tmp_path / "Not An Id").mkdir()
    first = scan(tmp_path, {})
    known = {entry.game_id: entry.fingerprint for entry in first.changed}
    assert sorted(known) == ["one", "two"]
    assert not scan(tmp_path, known)
    (folder / "game.toml").write_text(GAME.replace("Test Card", "Other"))
    assert [entry.title for entry in scan(tmp_path, known).changed] == ["Other"]
    (folder / "game.toml").unlink()
    assert scan(tmp_path, known).gone == ("one",)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("etr", ("etr",)),
        ("game %U --fullscreen %%", ("game", "--fullscreen", "%")),
        ('"/usr/games/a game" "quo\\\\"te" "\\\\$HOME"', ("/usr/games/a game", 'quo"te', "$HOME")),
        ("game %i --title %c --file=%f", ("game", "--title", "A Name", "--file=")),
        ('game ""', ("game", "")),
    ],
)
def test_exec_key(line: str, command: tuple[str, ...]) -> None:
    assert command_of(parse_entry(f"[Desktop Entry]\nName=A Name\nExec={line}\n")) == command


@pytest.mark.parametrize("line", ["", "%U", '"open', "game %x", "game %", "VAR=1 game"])
def test_exec_key_that_makes_no_sense(line: str) -> None:
    with pytest.raises(Invalid):
        command_of(parse_entry(f"[Desktop Entry]\nName=N\nExec={line}\n"))


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_text_is_an_entry_or_invalid(text: str) -> None:
    try:
        entry = parse_entry("[Desktop Entry]\nName=x\n" + text)
        command = command_of(entry)
    except Invalid:
        return
    assert command and all(isinstance(word, str) for word in command)


@pytest.mark.parametrize(
    ("change", "is_found"),
    [
        (("", ""), True),
        (("Type=Application", "Type=Link"), False),
        (("Categories=Game;", "Categories=Settings;"), False),
        (("Icon=rest", "NoDisplay=true"), False),
        (("Icon=rest", "Hidden=true"), False),
        (("Icon=rest", "Terminal=true"), False),
        (("Icon=rest", "TryExec=/nowhere/at/all"), False),
        (("Icon=rest", "TryExec=sleep"), True),
        (("Exec=sleep 5", "Exec=no-such-program-here"), False),
        (("Exec=sleep 5", "Exec=/home/me/game"), False),
    ],
)
def test_which_entries_are_games(tmp_path: Path, change: tuple[str, str], is_found: bool) -> None:
    (tmp_path / "My.Sleep.desktop").write_text(ENTRY.replace(*change) if change[0] else ENTRY)
    found = find_games([tmp_path], [])
    assert ("my.sleep" in found) is is_found


def test_found_games_come_and_go_without_touching_a_persons(tmp_path: Path) -> None:
    entries, icons, library = tmp_path / "applications", tmp_path / "icons", tmp_path / "library"
    (icons / "hicolor/64x64/apps").mkdir(parents=True)
    (icons / "hicolor/64x64/apps/rest.png").write_bytes(PNG)
    entries.mkdir()
    library.mkdir()
    (entries / "sleep.desktop").write_text(ENTRY)
    (entries / "mine.desktop").write_text(ENTRY)
    mine = add_game(library, "mine")
    assert sync(library, find_games([entries], [icons])) == ["sleep"]
    game = read_game(library, "sleep")
    assert game.launch.kind == "native" and game.launch.command[1:] == ("5",)
    assert game.launch.command[0].startswith("/usr") and game.source == f"desktop:{entries}/sleep.desktop"
    assert (library / "sleep/art/icon.png").read_bytes() == PNG
    assert sync(library, find_games([entries], [icons])) == []
    (entries / "sleep.desktop").write_text(ENTRY.replace("Name=Sleep", 'Name=A "quoted\\\\name" 🎮'))
    assert sync(library, find_games([entries], [icons])) == ["sleep"]
    assert read_game(library, "sleep").title == 'A "quoted\\name" 🎮'
    (entries / "sleep.desktop").unlink()
    (entries / "mine.desktop").unlink()
    assert sync(library, find_games([entries], [icons])) == ["sleep"]
    assert not (library / "sleep").exists()
    assert (mine / "game.toml").read_text() == GAME


def test_removed_entry_leaves_other_files_of_its_folder(tmp_path: Path) -> None:
    entries, library = tmp_path / "applications", tmp_path / "library"
    entries.mkdir()
    (entries / "sleep.desktop").write_text(ENTRY)
    sync(library, find_games([entries], []))
    (library / "sleep/notes.txt").write_text("mine")
    sync(library, {})
    assert [path.name for path in (library / "sleep").iterdir()] == ["notes.txt"]


def test_best_icon_wins(tmp_path: Path) -> None:
    for size in ("48x48", "128x128"):
        (tmp_path / f"hicolor/{size}/apps").mkdir(parents=True)
        (tmp_path / f"hicolor/{size}/apps/game.png").write_bytes(PNG)
    (tmp_path / "flat.svg").write_text("<svg/>")
    assert find_icon("game", [tmp_path]) == tmp_path / "hicolor/128x128/apps/game.png"
    assert find_icon("flat.svg", [tmp_path]) == tmp_path / "flat.svg"
    assert find_icon(str(tmp_path / "flat.svg"), []) == tmp_path / "flat.svg"
    assert find_icon("../flat", [tmp_path]) is None
    assert find_icon("none", [tmp_path]) is None


def test_curated_facts_are_readable() -> None:
    facts = known_games()
    assert facts["freedoom1"].command is not None
    assert not facts["chocolate-doom"].requires
