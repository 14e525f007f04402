"""Whether a container is what this runner would make for its session, by the digest in its label.

A runner adopts what another version or other settings of it made, since a running game is never ended for that; this
tells that it is so. Pure. What only the moment of its making knew (whether the game's folder is an overlay or a copy,
whether the library had runtimes) is taken either way, and what can be changed while it runs is in no digest.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from dillinger_contracts import SeatSpec, Unsupported
from dillinger_contracts.network import Internet, Lan
from dillinger_runner.saves import saves_of

from .docker_box import Box
from .docker_layers import copy_mount, layer_mount
from .docker_media import port_of
from .docker_net import lan_network
from .docker_spec import (
    LABEL_SESSION,
    LABEL_SPEC,
    Config,
    Premises,
    cell_config,
    container_name,
    seat_config,
    waiting_config,
)

_EITHER = (False, True)


def is_as_made_here(box: Box, spec: SeatSpec, premises: Premises) -> bool:
    """Whether the digest in the label of this container is one that this runner could have given it."""
    try:
        ways = _seats(box, spec, premises) if box.role == "seat" else _cells(spec, premises)
    except Unsupported:
        return False  # it would make none now
    return box.labels.get(LABEL_SPEC) in {way["Labels"][LABEL_SPEC] for way in ways}


def _seats(box: Box, spec: SeatSpec, premises: Premises) -> list[Config]:
    waited_as = box.labels.get(LABEL_SESSION, "")
    if waited_as != spec.session.session_id:  # labels stay as they were when a waiting seat is given away
        folder = PurePosixPath(spec.runtime_dir).with_name(waited_as)
        return [waiting_config(waited_as, str(folder), premises, media_port=port_of(box))]
    return [seat_config(spec, premises, has_runtimes=has_runtimes) for has_runtimes in _EITHER]


def _cells(spec: SeatSpec, premises: Premises) -> list[Config]:
    session_id, lan = spec.session.session_id, None
    match spec.session.game.network:
        case Internet():
            mode = f"container:{container_name(session_id, 'net')}"
        case Lan(name=name):
            mode, lan = lan_network(premises, name), name
        case _:
            mode = "none"
    games: list[Config | None] = [None]
    if (saves := saves_of(spec)) is not None:
        games += [layer_mount(session_id), copy_mount(premises, saves)]
    return [
        cell_config(spec, premises, has_runtimes=has_runtimes, game=game, network=mode, lan=lan)
        for has_runtimes in _EITHER
        for game in games
    ]
