"""Where the time of a viewer's pictures goes, put together out of what pipeline, transport and browser measured.

Reads figures and makes words and numbers of them, once a second a viewer; measures nothing by itself but whether the
machine has a graphics card. On the loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from dillinger_contracts.session import SeatStats
from dillinger_contracts.signaling import ClientStats
from dillinger_contracts.stages import STAGES, Advice, PictureTrace, Stage, StageTimes, StreamTrace

from .advice import Situation, advise
from .telemetry import FrameTiming, PipelineStats, quantile
from .transport.trail import Step, Trail

if TYPE_CHECKING:
    from .host import PipelineFigures
    from .peer import Peer


class TimesTold(TypedDict):
    """Fields that `SeatStats` and `ServerStats` share."""

    stages_ms_p50: StageTimes
    stages_ms_p95: StageTimes
    advice: tuple[Advice, ...]


@dataclass(frozen=True, slots=True)
class _Times:
    p50: StageTimes
    p95: StageTimes


def _times(*parts: Mapping[Stage, Sequence[float]]) -> _Times:
    measured = {stage: values for part in parts for stage, values in part.items() if values}
    ordered = [stage for stage in STAGES if stage in measured]
    return _Times(
        {stage: quantile(measured[stage], 0.5) or 0.0 for stage in ordered},
        {stage: quantile(measured[stage], 0.95) or 0.0 for stage in ordered},
    )


def tell(figures: PipelineFigures, peer: Peer | None, now_ns: int) -> TimesTold:
    """The second before `now_ns`, as `peer` had it; without one, what the pipeline alone knows."""
    trail = peer.trail if peer is not None else None
    times = _times(figures.stages, trail.stages(now_ns) if trail is not None else {})
    advice = advise(_situation(figures, peer, times)) if peer is not None else ()
    return TimesTold(stages_ms_p50=times.p50, stages_ms_p95=times.p95, advice=advice)


def tell_all(figures: PipelineStats, peers: Sequence[Peer], now_ns: int) -> SeatStats:
    """The same for whoever keeps the session, as the first of `peers` had it, with what else is known of the second."""
    said = (peer.client_stats for peer in peers)
    seen = next((stats for stats in said if stats is not None), ClientStats())
    return SeatStats(
        measured_at=datetime.now(UTC),
        peers=len(peers),
        capture_fps=figures.capture_fps,
        encode_ms_p50=figures.encode_ms_p50,
        encode_ms_p95=figures.encode_ms_p95,
        convert_ms_p50=figures.convert_ms_p50,
        bitrate_bps=figures.bitrate_bps,
        width_px=figures.width_px,
        height_px=figures.height_px,
        shown_fps=seen.shown_fps,
        round_trip_ms=seen.rtt_ms,
        loss_ratio=seen.loss_ratio,
        latency_ms=seen.latency_ms,
        **tell(figures, next(iter(peers), None), now_ns),
    )


def _situation(figures: PipelineFigures, peer: Peer, times: _Times) -> Situation:
    seen = peer.client_stats
    return Situation(
        p50=times.p50,
        p95=times.p95,
        rate_hz=figures.limit_hz or figures.rate_hz or peer.profile.rate_hz,
        size_px=(figures.width_px or peer.profile.width_px, figures.height_px or peer.profile.height_px),
        format=figures.format,
        is_hardware=figures.is_hardware,
        transport=peer.transport,
        capture_fps=figures.capture_fps or 0.0,
        shown_fps=seen.shown_fps if seen is not None else None,
        is_steady=figures.is_steady,
        cpu_share=None if figures.is_hardware or figures.format == "av1" else figures.cpu_share,
        loss_ratio=seen.loss_ratio if seen is not None else None,
        wish_bps=peer.profile.bitrate_bps,
        target_bps=peer.target_bps,
        limit_reason=figures.limit_reason,
        has_graphics_card=any(Path("/dev/dri").glob("renderD*")),
    )


def trace(figures: PipelineFigures, pictures: Sequence[FrameTiming], peer: Peer | None) -> StreamTrace:
    """The pictures that are kept, as they went to `peer`."""
    trail = peer.trail if peer is not None else None
    steps = {step.sequence: step for step in trail.steps()} if trail is not None else {}
    return StreamTrace(
        transport=peer.transport if peer is not None else None,
        width_px=figures.width_px,
        height_px=figures.height_px,
        rate_hz=figures.rate_hz,
        pictures=tuple(_picture(timing, steps.get(timing.sequence), trail) for timing in pictures),
    )


def _picture(timing: FrameTiming, step: Step | None, trail: Trail | None) -> PictureTrace:
    stages: StageTimes = timing.stages_ms
    if step is not None and trail is not None and step.encoded_ns == timing.at_ns:
        stages |= _way_ms(step, trail)
    else:
        step = None
    return PictureTrace(
        sequence=timing.sequence,
        captured_at_us=timing.captured_at_ns // 1000,
        encoded_at_us=timing.at_ns // 1000,
        sent_at_us=step.sent_ns // 1000 if step is not None and step.sent_ns else None,
        shown_at_us=step.shown_ns // 1000 if step is not None and step.shown_ns else None,
        bits=timing.bits,
        is_keyframe=timing.is_keyframe,
        stages_ms={stage: round(value, 3) for stage, value in stages.items()},
    )


def _way_ms(step: Step, trail: Trail) -> StageTimes:
    found: StageTimes = {
        "queue": max(0, step.taken_ns - step.encoded_ns) / 1e6,
        "packetise": (step.packed_ns - step.taken_ns) / 1e6,
    }
    if step.sent_ns:
        found["send"] = (step.sent_ns - step.packed_ns) / 1e6
    trip_ms = step.trip_ms
    if trip_ms is None:
        return found
    way = trail.way(trip_ms / 2)
    found |= {"network": way.network_ms, "delivery": way.delivery_ms}
    if way.relay_ms:
        found["relay"] = way.relay_ms
    if step.decode_us:
        found["decode"] = step.decode_us / 1e3
    if step.paint_us:
        found["paint"] = step.paint_us / 1e3
    return found
