"""Saves over core's API: one's own only, whatever size, and the runner's refusals told as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from apps.core.tests.core_house import House, StandInRunner, add_user

from dillinger_core.settings import CoreSettings

AT = "/api/v1/games/testcard/saves"
ZIP = {"content-type": "application/zip"}


async def test_saves_stream_through_however_big_they_are(house: House, runner: StandInRunner) -> None:
    """Twice what any other body may have."""
    piece = bytes(1 << 20)

    async def archive() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield piece

    async with house.admin() as admin:
        answer = await admin.put(f"{AT}/archive", content=archive(), headers=ZIP)
        assert answer.status_code == 204, answer.text
        assert len(runner.saves["admin", "testcard"]) == 8 << 20
        seen = (await admin.get(AT)).json()
        assert (seen["used_bytes"], seen["prefixes"][0]["name"]) == (8 << 20, "default")
        back = await admin.get(f"{AT}/archive")
        assert len(back.content) == 8 << 20
        assert back.headers["content-disposition"] == 'attachment; filename="testcard-saves.zip"'
        assert (await admin.post(f"{AT}/reset", json={"part": "everything"})).status_code == 204
        assert runner.saves == {}


async def test_nobody_reaches_anothers_saves_but_admins(
    house: House, runner: StandInRunner, settings: CoreSettings
) -> None:
    runner.saves["admin", "testcard"] = b"mine"
    await add_user(settings, "ann", "user")
    async with house.logged_in("ann") as ann:
        for method, path in (("GET", AT), ("GET", f"{AT}/archive"), ("PUT", f"{AT}/archive"), ("POST", f"{AT}/reset")):
            body = {"json": {"part": "everything"}} if method == "POST" else {"content": b"x", "headers": ZIP}
            answer = await ann.request(method, f"{path}?user=admin", **body)
            assert answer.status_code == 403, (method, path)
        assert (await ann.put(f"{AT}/archive", content=b"hers", headers=ZIP)).status_code == 204
        assert (await ann.get(AT)).json()["used_bytes"] == 4
        del ann.headers["x-dillinger-csrf"]
        assert (await ann.put(f"{AT}/archive", content=b"forged", headers=ZIP)).status_code == 403
    async with house.admin() as admin:
        assert (await admin.get(f"{AT}/archive?user=ann")).content == b"hers"
    assert runner.saves == {("admin", "testcard"): b"mine", ("ann", "testcard"): b"hers"}
    async with house.client() as nobody:
        assert (await nobody.put(f"{AT}/archive", content=bytes(1 << 20), headers=ZIP)).status_code == 403


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/games/..%2F..%2Fsessions/saves/archive", ZIP, 405),
        (f"{AT}/archive?user=..%2Fbob", ZIP, 422),
        (f"{AT}/archive", {"content-type": "text/html"}, 422),
    ],
)
async def test_what_makes_no_sense_is_refused(house: House, path: str, headers: dict[str, str], status: int) -> None:
    async with house.admin() as admin:
        assert (await admin.put(path, content=b"x", headers=headers)).status_code == status
        assert (await admin.post(f"{AT}/reset", json={"part": "prefix"})).status_code == 422


async def test_the_runners_refusal_is_told_as_it_is(house: House, runner: StandInRunner) -> None:
    async with house.admin() as admin:
        assert (await admin.post("/api/v1/sessions", json={"game_id": "testcard"})).status_code == 201
        answer = await admin.put(f"{AT}/archive", content=b"x", headers=ZIP)
        assert answer.status_code == 409 and answer.json()["detail"] == "it is played"
        await runner.vanish()
        assert (await admin.get(AT)).status_code == 503
