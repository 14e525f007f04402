"""Ports that are given out stay free until they are taken."""

from __future__ import annotations

import socket

import pytest

from dillinger_bench.ports import everywhere, free_port


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_each_is_another(kind: socket.SocketKind) -> None:
    ports = [free_port(kind) for _ in range(50)]
    assert len(set(ports)) == 50


def test_one_that_somebody_has_is_not_given() -> None:
    port = free_port()
    with everywhere(port), pytest.raises(OSError, match="in use"):
        everywhere(port)
