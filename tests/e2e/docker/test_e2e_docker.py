"""Sessions in containers, played in a real browser: what a player sees is what sandboxes give."""

from __future__ import annotations

import json

import pytest
from tests import container_engine
from tests.e2e.docker.bridge_network import BridgeNetwork

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until
from dillinger_runner.backends.docker_spec import LABEL_MEDIA_PORT
from dillinger_runner.backends.host_network import read_here

pytestmark = pytest.mark.browser

START_TIMEOUT_S = 90
"""An engine that does something else too may take its time."""
DOOM = "io.github.freedoom.phase1"

IPV6_ALONE = r"""
const connections = new Set()
const real = RTCPeerConnection.prototype.setRemoteDescription
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  connections.add(this)
  const others = sdp.split("\r\n").filter((line) => !/^a=candidate:(\S+ ){4}\d+(\.\d+){3} /.test(line))
  return real.call(this, { type, sdp: others.join("\r\n") })
}
window.waysIn = async () => {
  const found = []
  for (const connection of connections) {
    const stats = await connection.getStats()
    for (const pair of stats.values()) {
      if (pair.type === "candidate-pair" && pair.nominated) found.push(stats.get(pair.remoteCandidateId).address)
    }
  }
  return found
}
"""
"""The seat's other addresses are not heard of; `waysIn()` are those at which it is reached."""


def isolation(house: House) -> list[str]:
    with house.runner_client() as client:
        return [box["isolation"] for box in client.call("GET", "/containers")["containers"]]


def assert_only_the_published_port_is_told(house: House) -> None:
    """A browser of this machine would also reach the seat's own address, which others can't."""
    with house.client() as client:
        [session_id] = [view["session_id"] for view in client.sessions() if view["state"] != "ended"]
    seat = container_engine.box(session_id, "seat")
    assert seat is not None
    media = json.loads((house.target.session_dir(session_id) / "spec.json").read_text())["media"]
    assert media["is_behind_nat"] and media["addresses"]
    assert [media["ports"]["first"]] == [media["ports"]["last"]] == [int(seat.labels[LABEL_MEDIA_PORT])]


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_the_picture_goes_on_and_keys_arrive(viewer: Viewer, house: House, transport: str) -> None:
    viewer.play("testcard-light", START_TIMEOUT_S)
    viewer.choose_transport(transport)
    first = viewer.wait_card(lambda card: card.frame is not None, f"the card over {transport}").frame
    assert first is not None
    viewer.wait_card(lambda card: (card.frame or 0) >= first + 30, "thirty frames more")
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Space")
    viewer.wait_card(lambda card: card.key_presses == 1, "the key")
    assert isolation(house) == ["container"]
    if transport == "webrtc":
        assert_only_the_published_port_is_told(house)


def test_pictures_reach_a_browser_by_ipv6_alone(viewer: Viewer, house: House, bridge: BridgeNetwork) -> None:
    if not bridge.has_ipv6:
        pytest.skip("no IPv6 here: the engine makes no network that has it")
    if not any(":" in address for address in read_here().outer_addresses):
        pytest.skip("no IPv6 here: this machine has no address at which others would reach it")
    viewer.page.add_init_script(IPV6_ALONE)
    viewer.play("testcard-light", START_TIMEOUT_S)
    viewer.choose_transport("webrtc")
    first = viewer.wait_card(lambda card: card.frame is not None, "the card").frame
    assert first is not None
    viewer.wait_card(lambda card: (card.frame or 0) >= first + 30, "thirty frames more")
    viewer.by_id("stage").focus()
    viewer.page.keyboard.press("Space")
    viewer.wait_card(lambda card: card.key_presses == 1, "the key")
    ways = viewer.page.evaluate("waysIn()")
    assert ways and all(":" in address for address in ways), ways
    assert_only_the_published_port_is_told(house)


def test_doom_is_seen_heard_and_played(viewer: Viewer) -> None:
    viewer.play(DOOM, START_TIMEOUT_S)
    viewer.choose_transport("websocket")
    viewer.by_id("stage").focus()
    box = [(80 * column, 80 * row, 40, 40) for column in range(8) for row in range(6)]
    wait_until(lambda: max(map(max, viewer.means(*box))) > 40, 30, "a picture that is not black")
    wait_until(lambda: viewer.sound_level() > 0.001, 30, "Doom's music")
    title = viewer.means(*box)
    viewer.page.keyboard.press("Escape", delay=60)
    wait_until(lambda: viewer.means(*box) != title, 30, "Doom's menu")
