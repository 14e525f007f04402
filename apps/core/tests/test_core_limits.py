"""A session's limits and place in the queue, as core's API tells them."""

from __future__ import annotations

from functools import partial

from apps.core.tests.core_house import House, StandInRunner, add_user, until_async

from dillinger_contracts import QueuePlace, SessionState
from dillinger_core.settings import CoreSettings

GIB = 1 << 30


async def test_admins_change_limits_and_are_told_what_the_runner_refuses(
    house: House, runner: StandInRunner, settings: CoreSettings
) -> None:
    async with house.admin() as admin:
        session_id = (await admin.post("/api/v1/sessions", json={"game_id": "testcard"})).json()["session_id"]
        at = f"/api/v1/sessions/{session_id}/limits"
        assert (await admin.get(at)).json()["memory_bytes"] == 4 * GIB
        answer = await admin.patch(at, json={"memory_bytes": 6 * GIB})
        assert answer.status_code == 200 and answer.json()["memory_bytes"] == 6 * GIB
        assert (await admin.get(f"/api/runner/sessions/{session_id}/limits")).status_code == 200
        refused = await admin.patch(at, json={"memory_bytes": 1})
        assert (refused.status_code, refused.json()["field"]) == (422, "resources.memory_bytes")
        assert (await admin.patch(at, json={"saves_bytes": GIB})).status_code == 422
        del admin.headers["x-dillinger-csrf"]
        assert (await admin.patch(at, json={"memory_bytes": 5 * GIB})).status_code == 403
    await add_user(settings, "ann", "user")
    async with house.logged_in("ann") as ann:
        assert (await ann.patch(at, json={"memory_bytes": 5 * GIB})).status_code == 403
    assert runner.limits.memory_bytes == 6 * GIB


async def test_a_place_in_the_queue_is_told_and_gone_once_there_is_room(house: House, runner: StandInRunner) -> None:
    async with house.admin() as admin:
        session_id = (await admin.post("/api/v1/sessions", json={"game_id": "testcard"})).json()["session_id"]

        async def stands(wanted: int | None) -> bool:
            queue = (await admin.get(f"/api/v1/sessions/{session_id}")).json()["queue"]
            return bool((queue["place"] if queue else None) == wanted)

        for wanted in (2, 1):
            waits = QueuePlace(place=wanted, length=2, reason="no room")
            runner.change(session_id, SessionState.REQUESTED, queue=waits)
            await until_async(partial(stands, wanted))
        runner.change(session_id, SessionState.STARTING, queue=None)
        await until_async(partial(stands, None))
