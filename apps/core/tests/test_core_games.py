"""Games are added, changed and removed by API: by admins, from the import directory, never over another's change."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from apps.core.tests.core_house import GAME, House, add_user, until_async

from dillinger_contracts import EndReason, SessionState

PYTHON = Path(sys.executable).resolve()
NATIVE = {"kind": "native", "command": ["./spacerace"], "directory": "game"}


@pytest.fixture
def folder(house: House) -> Path:
    game = house.settings.imports / "shelf/Space Race"
    game.mkdir(parents=True)
    shutil.copy(PYTHON, game / "spacerace")
    return game


def addition(**values: Any) -> dict[str, Any]:
    return {"path": "shelf/Space Race", "game_id": "space-race", "title": "Space Race", "launch": NATIVE} | values


async def imported(client: httpx2.AsyncClient, answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    view: dict[str, Any] = {}

    async def is_over() -> bool:
        view.update((await client.get(answer.headers["location"])).json())
        return bool(view["state"] != "copying")

    await until_async(is_over, within_s=30)
    return view


async def test_a_folder_of_the_server_becomes_a_game(house: House, folder: Path) -> None:
    async with house.admin() as client:
        shelf = (await client.get("/api/v1/import/folder", params={"path": "shelf"})).json()
        assert shelf["items"] == [{"name": "Space Race", "is_folder": True, "size_bytes": None}]
        survey = (await client.get("/api/v1/import/survey", params={"path": "shelf/Space Race"})).json()
        assert (survey["title"], survey["game_id"], survey["system"]) == ("Space Race", "space-race", "linux")
        [candidate] = survey["candidates"]
        assert candidate["path"] == "spacerace" and candidate["launch"]["command"] == ["./spacerace"]
        launch = candidate["launch"] | {"command": ["./spacerace", "--fast"], "environment": {"SPEED": "9"}}
        body = addition(launch=launch, resources={"memory_bytes": 1 << 30})
        view = await imported(client, await client.post("/api/v1/games", json=body))
        assert (view["state"], view["problem"], view["copied_bytes"]) == ("done", None, view["total_bytes"])
        card = (await client.get("/api/v1/games/space-race")).json()
        assert (card["title"], card["is_playable"], card["warning"]) == ("Space Race", True, None)
        details = (await client.get("/api/v1/games/space-race/details")).json()
        assert details["launch"]["command"] == ["./spacerace", "--fast"] and details["unmet"] == []
        assert details["resources"]["memory_bytes"] == 1 << 30
        again = await client.post("/api/v1/games", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_what_is_wrong_is_said_at_its_field(house: House, folder: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        (addition(title=""), "#/title"),
        (addition(game_id="No Good"), "#/game_id"),
        (addition(launch=NATIVE | {"command": [""]}), "#/launch/command"),
        (addition(launch=NATIVE | {"environment": {"1A": "x"}}), "#/launch/environment/1A/[key]"),
        (
            addition(launch={"kind": "wine", "command": ["./a.exe"], "windows_version": "win3"}),
            "#/launch/windows_version",
        ),
        (addition(resources={"memory_bytes": 5}), "#/resources/memory_bytes"),
        (addition(display={"width_px": 801}), "#/display/width_px"),
        (addition(path=""), "#/path"),
    ]
    async with house.admin() as client:
        for body, pointer in cases:
            answer = await client.post("/api/v1/games", json=body)
            assert answer.status_code == 422, answer.text
            assert pointer in [one["pointer"] for one in answer.json()["errors"]], answer.text
        both = (await client.post("/api/v1/games", json=addition(title="", resources={"pids": 1}))).json()
        assert [one["pointer"] for one in both["errors"]] == ["#/title", "#/resources/pids"]
        other = await client.post("/api/v1/games", json=addition(launch=NATIVE | {"command": ["./none"]}))
        assert (other.status_code, other.json()["field"]) == (422, "launch.command.0")
        assert not (house.settings.library / "space-race").exists()


async def test_nothing_above_or_beside_the_import_directory_is_seen(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "outside/secret-game"
    secret.mkdir(parents=True)
    shutil.copy(PYTHON, secret / "spacerace")
    (house.settings.imports / "link").symlink_to(secret)
    (house.settings.imports / "open").mkdir()
    (house.settings.imports / "open/up").symlink_to("../..")
    os.mkfifo(house.settings.imports / "pipe")
    async with house.admin() as client:
        for path in (
            "link",
            "open/up",
            "open/up/outside",
            "pipe",
            "../outside/secret-game",
            "..",
            str(secret),
            "open/../../outside",
            "a\0b",
            "\ud800",
            "none",
        ):
            query = (
                {"path": path.encode("utf-8", "surrogatepass").decode("latin-1")}
                if "\ud800" in path
                else {"path": path}
            )
            for address in ("/api/v1/import/folder", "/api/v1/import/survey"):
                answer = await client.get(address, params=query)
                assert answer.status_code in (404, 422) and "secret-game" not in answer.text.replace(str(secret), ""), (
                    path
                )
            answer = await client.post("/api/v1/games", json=addition(path=query["path"]))
            assert answer.status_code in (404, 422), path
        listing = (await client.get("/api/v1/import/folder")).json()
        assert [item["name"] for item in listing["items"]] == ["open"]


async def test_the_second_of_two_editors_is_told(house: House) -> None:
    file = house.settings.library / "testcard/game.toml"
    async with house.admin() as client:
        read = await client.get("/api/v1/games/testcard/details")
        headers = {"if-match": read.headers["etag"]}
        first = await client.patch("/api/v1/games/testcard", json={"title": "First"}, headers=headers)
        assert (
            first.status_code == 200
            and first.json()["title"] == "First"
            and first.headers["etag"] != read.headers["etag"]
        )
        second = await client.patch("/api/v1/games/testcard", json={"title": "Second"}, headers=headers)
        assert (second.status_code, second.json()["code"]) == (412, "changed_meanwhile")
        assert 'title = "First"' in file.read_text()
        without = await client.patch("/api/v1/games/testcard", json={"title": "Third"})
        assert without.status_code == 422
        networked = await client.patch(
            "/api/v1/games/testcard",
            json={"network": {"kind": "internet"}},
            headers={"if-match": first.headers["etag"]},
        )
        assert (
            networked.json()["network"] == {"kind": "internet"} and '[network]\nkind = "internet"' in file.read_text()
        )
        first = networked
        nameless = {"network": {"kind": "lan", "name": "No Name"}}
        refused = await client.patch(
            "/api/v1/games/testcard", json=nameless, headers={"if-match": first.headers["etag"]}
        )
        assert refused.json()["errors"][0]["pointer"] == "#/network/lan/name"
        wrong = await client.patch(
            "/api/v1/games/testcard", json={"resources": {"cpu_cores": 0}}, headers={"if-match": first.headers["etag"]}
        )
        assert wrong.json()["errors"][0]["pointer"] == "#/resources/cpu_cores"
        assert (await client.get("/api/v1/games/testcard")).json()["title"] == "First"


async def test_a_game_is_removed_unless_it_is_played(house: House) -> None:
    async with house.admin() as client:
        played = (await client.post("/api/v1/sessions", json={"game_id": "testcard"})).json()
        refused = await client.delete("/api/v1/games/testcard")
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        house.runner.change(played["session_id"], SessionState.STARTING)
        await client.delete(f"/api/v1/sessions/{played['session_id']}")
        house.runner.end(played["session_id"], EndReason.USER_STOP)

        async def is_removed() -> bool:
            return (await client.delete("/api/v1/games/testcard")).status_code == 204

        await until_async(is_removed, within_s=30)
        assert (await client.get("/api/v1/games/testcard")).status_code == 404
        assert (await client.get("/api/v1/games")).json()["games"] == []
        assert (await client.delete("/api/v1/games/testcard")).status_code == 404


async def test_games_of_the_machine_are_not_removed_but_become_ones_own_when_edited(house: House) -> None:
    file = house.settings.library / "testcard/game.toml"
    file.write_text('source = "desktop:/usr/share/applications/testcard.desktop"\n' + GAME)
    async with house.admin() as client:
        await house.parts.library.look(is_forced=True)
        assert (await client.delete("/api/v1/games/testcard")).status_code == 409
        read = await client.get("/api/v1/games/testcard/details")
        changed = await client.patch(
            "/api/v1/games/testcard", json={"title": "Mine"}, headers={"if-match": read.headers["etag"]}
        )
        assert changed.json()["source"] == "file" and "source" not in file.read_text()


async def test_only_admins_change_the_library(house: House, folder: Path) -> None:
    await add_user(house.settings, "ann", "user")
    async with house.logged_in("ann") as client:
        for method, path, body in (
            ("GET", "import/folder", None),
            ("GET", "import/survey?path=shelf", None),
            ("POST", "games", addition()),
            ("GET", "games/testcard/details", None),
            ("PATCH", "games/testcard", {"title": "Mine"}),
            ("DELETE", "games/testcard", None),
            ("GET", "imports/1", None),
            ("DELETE", "imports/1", None),
        ):
            answer = await client.request(method, f"/api/v1/{path}", json=body, headers={"if-match": "x"})
            assert (answer.status_code, answer.json()["code"]) == (403, "denied"), path
    assert (house.settings.library / "testcard/game.toml").is_file()


async def test_a_library_that_lacks_is_told_on_the_card(house: House) -> None:
    program = PYTHON.read_bytes().replace(b"libc.so.6\0", b"lib0.so.6\0")
    game = house.settings.library / "testcard"
    (game / "game").write_bytes(program)
    (game / "game.toml").write_text(GAME.replace('"testcard"', '"./game"'))
    async with house.admin() as client:
        await house.parts.library.look(is_forced=True)
        card = (await client.get("/api/v1/games/testcard")).json()
        assert card["warning"].startswith("needs lib0.so.6") and card["is_playable"] is True
