"""Which graphics cards' encoders there are: each is tried by encoding three pictures, and what is missing is said.

Blocking: for threads, and for `dillinger doctor`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dillinger_contracts.errors import DillingerError

from . import nvenc, vaapi
from .base import EncoderSettings
from .gstreamer import GstEncoder, GstPlan

PLANS: tuple[GstPlan, ...] = (nvenc.PLAN, vaapi.PLAN)
"""The best first."""
_TRIAL = EncoderSettings(256, 256, 1_000_000, 60.0)


@dataclass(frozen=True, slots=True)
class HardwareProbe:
    """What came of one plan."""

    name: str
    is_usable: bool
    reason: str
    hint: str = ""


def probe(plan: GstPlan, root: Path = Path("/")) -> HardwareProbe:
    """Looks for the device, then encodes with it."""
    name = plan.caps.name
    nodes = [node for pattern in plan.devices for node in sorted(root.glob(pattern))]
    if plan.devices and not nodes:
        looked_for = " or ".join(f"/{pattern}" for pattern in plan.devices)
        hint = "Nothing, without such a card; in a container, hand its device in"
        return HardwareProbe(name, False, f"there is no {looked_for}", hint)
    if nodes and not any(os.access(node, os.R_OK | os.W_OK) for node in nodes):
        hint = "Add this user to the groups video and render"
        return HardwareProbe(name, False, f"{nodes[0]} is there, but not for this user", hint)
    try:
        encoder = GstEncoder(_TRIAL, plan)
        try:
            encoder.self_test()
        finally:
            encoder.close()
    except DillingerError as error:
        return HardwareProbe(name, False, error.message, error.hint or "")
    verdict = "it encodes" if plan.caps.is_verified else "it encodes; nobody has told how well on such a card"
    return HardwareProbe(name, True, verdict)


def probe_all(root: Path = Path("/")) -> list[HardwareProbe]:
    """Every plan, the best first."""
    return [probe(plan, root) for plan in PLANS]


def plan_of(name: str) -> GstPlan | None:
    """The plan whose encoder has this name."""
    return next((plan for plan in PLANS if plan.caps.name == name), None)
