"""Players' saves over the runner's API: listed, exported, restored, reset, and left alone while they are played."""

from __future__ import annotations

import asyncio
import contextlib
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from apps.runner.tests.runner_lab import RunnerLab

from dillinger_contracts import Exhausted, GameLaunchRequest
from dillinger_runner.admission import admit_disk
from dillinger_saves.layout import GameSaves
from dillinger_saves.locks import played
from dillinger_saves.measure import folder_bytes

AT = "/saves/ann/kept"
ZIP = {"Content-Type": "application/zip"}


@pytest.fixture
async def client(shared_lab: RunnerLab) -> AsyncIterator[httpx2.AsyncClient]:
    shared_lab.add_game("kept", "well", saves_bytes=2 << 20)
    async with shared_lab.client() as client:
        yield client
        await client.post(f"{AT}/reset", json={"part": "everything"})


def saves_of(lab: RunnerLab, game_id: str = "kept") -> GameSaves:
    saves = GameSaves.of(lab.folder / "saves", "ann", game_id)
    saves.make()
    return saves


async def test_saves_leave_and_come_back(shared_lab: RunnerLab, client: httpx2.AsyncClient) -> None:
    saves = saves_of(shared_lab)
    (saves.home / "level").write_bytes(bytes(300_000))
    (saves.changes / "scores").write_text("100")
    seen = (await client.get(AT)).json()
    assert 300_000 < seen["usedBytes"] < 500_000 and seen["gameFolderBytes"] < seen["usedBytes"]
    assert (seen["limitBytes"], seen["isPlayed"], seen["work"]) == (2 << 20, False, None)
    archive = (await client.get(f"{AT}/archive")).content
    assert (await client.post(f"{AT}/reset", json={"part": "everything"})).status_code == 204
    assert list(saves.home.iterdir()) == list(saves.changes.iterdir()) == []
    answer = await client.put(f"{AT}/archive", content=archive, headers=ZIP)
    assert answer.status_code == 204, answer.text
    assert (saves.home / "level").stat().st_size == 300_000 and (saves.changes / "scores").read_text() == "100"


async def test_what_is_played_is_left_alone(shared_lab: RunnerLab, client: httpx2.AsyncClient) -> None:
    """By a session of this runner, and by a seat that only its lock on disk tells of."""
    saves = saves_of(shared_lab)
    (saves.home / "level").write_text("5")

    async def refusals() -> list[str]:
        answers = [
            await client.post(f"{AT}/reset", json={"part": "everything"}),
            await client.get(f"{AT}/archive"),
            await client.put(f"{AT}/archive", content=b"", headers=ZIP),
        ]
        assert [answer.status_code for answer in answers] == [409] * 3
        return [answer.json()["detail"] for answer in answers]

    with played(saves):
        assert all("played" in said for said in await refusals())
    session_id = (await shared_lab.play(client, "kept"))["sessionId"]
    assert set(await refusals()) == {"This game is being played"}
    assert (await client.get(AT)).json()["isPlayed"] is True
    await client.delete(f"/sessions/{session_id}")
    await shared_lab.until(client, session_id, "ended")
    assert (saves.home / "level").read_text() == "5"
    assert (await client.post(f"{AT}/reset", json={"part": "everything"})).status_code == 204


async def test_no_session_starts_while_saves_are_restored(shared_lab: RunnerLab, client: httpx2.AsyncClient) -> None:
    """An upload that goes on for long; the one who sends it gives up, and nothing has changed."""
    saves, sent = saves_of(shared_lab), asyncio.Event()
    (saves.home / "level").write_text("5")

    async def slowly() -> AsyncIterator[bytes]:
        yield b"PK"
        await sent.wait()
        yield b"no more than that"

    upload = asyncio.create_task(client.put(f"{AT}/archive", content=slowly(), headers=ZIP))
    async with asyncio.timeout(30):
        while (await client.get(AT)).json()["work"] is None:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)
    wish = GameLaunchRequest(game_id="kept", user_id="ann").model_dump(mode="json", by_alias=True, exclude_none=True)
    refused = await client.post("/sessions", json=wish)
    assert refused.status_code == 409 and "restored" in refused.json()["detail"]
    sent.set()
    answer = await upload
    assert answer.status_code == 422 and "no whole archive" in answer.json()["detail"]
    assert (saves.home / "level").read_text() == "5" and (await client.get(AT)).json()["work"] is None


async def test_an_archive_bigger_than_what_a_player_may_have_is_not_even_taken(
    shared_lab: RunnerLab, client: httpx2.AsyncClient
) -> None:
    async def much() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield bytes(1 << 20)

    with contextlib.suppress(httpx2.TransportError):  # it may be hung up on
        answer = await client.put(f"{AT}/archive", content=much(), headers=ZIP)
        assert answer.status_code == 429 and "2 MiB" in answer.json()["detail"]
    assert folder_bytes(shared_lab.folder / "saves") < 1 << 20
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dillinger-saves.json", '{"format": 1, "game_id": "kept"}')
        archive.writestr("home/zeros", bytes(64 << 20))
    answer = await client.put(f"{AT}/archive", content=bomb.getvalue(), headers=ZIP)
    assert answer.status_code == 429 and "64 MiB" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/saves/..%2Fann/kept", {"part": "everything"}, 404),
        ("/saves/ann/..%2f..", {"part": "everything"}, 404),
        (AT, {"part": "prefix"}, 422),
        (AT, {"part": "prefix", "prefix": "../x"}, 422),
        (AT, {"part": "prefix", "prefix": "none"}, 404),
        (AT, {"part": "all"}, 422),
    ],
)
async def test_what_makes_no_sense_is_refused(
    client: httpx2.AsyncClient, path: str, body: dict[str, str], status: int
) -> None:
    assert (await client.post(f"{path}/reset", json=body)).status_code == status


async def test_saves_are_the_keys_holders_business(shared_lab: RunnerLab) -> None:
    async with shared_lab.client(key=None) as nobody:
        assert (await nobody.get(AT)).status_code == 401
        assert (await nobody.put(f"{AT}/archive", content=b"x", headers=ZIP)).status_code == 401


def test_no_session_starts_where_the_disk_has_only_its_reserve(tmp_path: Path) -> None:
    admit_disk(tmp_path / "not/there/yet", 1)
    with pytest.raises(Exhausted, match="in reserve"):
        admit_disk(tmp_path, 1 << 60)
