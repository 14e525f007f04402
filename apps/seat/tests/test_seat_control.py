"""The seat's line to its runner: one-time tokens, nothing lost while the runner is away, and a stream that goes on."""

from __future__ import annotations

import json
from typing import Any

from dillinger_contracts.control import PeersChanged, SeatReady
from dillinger_contracts.lifecycle import EndReason


async def test_runner_away_and_back_loses_no_report_and_no_frame(rig: Any) -> None:
    rig.window()
    await rig.ready()
    viewer = await rig.view()
    await rig.next_text(viewer, "video_config")
    await rig.runner.wait_for(lambda: rig.runner.bodies(PeersChanged)[-1].peers == 1)
    await rig.next_binary(viewer)
    [first, *_] = (await rig.runner.ask_trace()).pictures
    assert first.is_keyframe and {"wait", "capture", "encode"} <= first.stages_ms.keys()
    await rig.runner.stop()
    second = await rig.view()
    await rig.next_text(second, "video_config")
    viewer.transport.abort()
    await rig.runner.start()
    await rig.runner.wait_for(lambda: len(rig.runner.enrolments) == 2)
    again = rig.runner.enrolments[1]
    assert again.is_ready and again.peers == 1
    assert {step.name for step in again.steps} == set(rig.runner.steps)
    await rig.runner.wait_for(lambda: [body.peers for body in rig.runner.bodies(PeersChanged)][-2:] == [2, 1])
    numbers = [report.number for report in rig.runner.reports]
    assert numbers == sorted(set(numbers)), "each once, in order"


async def test_unacknowledged_reports_are_sent_again(rig: Any) -> None:
    rig.runner.acks = False
    rig.window()
    await rig.ready()
    made = len(rig.runner.reports)
    await rig.runner.stop()
    await rig.runner.start()
    first = [report.number for report in rig.runner.reports[:made]]
    await rig.runner.wait_for(lambda: all(rig.runner.times_seen(number) == 2 for number in first))


async def test_each_token_is_used_once_and_the_next_one_is_kept_private(rig: Any) -> None:
    rig.window()
    await rig.ready()
    kept = rig.session_dir / "control.json"
    assert json.loads(kept.read_text())["token"] == rig.runner.token
    assert kept.stat().st_mode & 0o777 == 0o600
    await rig.runner.stop()
    await rig.runner.start()
    await rig.runner.wait_for(lambda: len(rig.runner.enrolments) == 2)
    assert rig.runner.refused_tokens == 0


async def test_end_is_written_down_when_the_runner_is_away(rig: Any) -> None:
    rig.window()
    await rig.ready()
    await rig.runner.stop()
    rig.process.terminate()
    end = await rig.ended()
    assert end.reason is EndReason.SEAT_LOST
    assert rig.runner.bodies(SeatReady) and rig.runner.end is None


async def test_seat_starts_without_its_runner_and_finds_it_later(rig: Any) -> None:
    await rig.runner.stop()
    rig.window()
    await rig.printed("window shows")
    await rig.runner.start()
    await rig.ready()
    assert "window" in rig.runner.steps
