"""A real Chromium that reaches a TURN server and nothing else: the picture comes by way of coturn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.coturn import coturn

from dillinger_bench.house import House
from dillinger_bench.viewer import Viewer, new_context
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

WAIT_S = 90.0  # a busy machine may take two attempts
RELAY_ONLY = """(() => {
  const Plain = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Plain {
    constructor(configuration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
      window.connections.push(this);
    }
  };
})()"""
PAIR = """async () => {
  const connection = window.connections.at(-1);
  if (connection?.connectionState !== "connected") return null;
  const report = await connection.getStats();
  const pair = [...report.values()].find((one) => one.type === "candidate-pair" && one.nominated);
  const local = pair && report.get(pair.localCandidateId);
  return local ? [local.candidateType, local.relayProtocol] : null;
}"""


@pytest.fixture(params=["tcp", pytest.param("udp", marks=pytest.mark.full)])
def house(web_dir: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """A house that knows a TURN server, whose one port is all that browsers reach."""
    with coturn(tmp_path) as (url, secret):
        url = url.replace("transport=udp", f"transport={request.param}")
        settings = {"DILLINGER_RUNNER_ICE_SERVERS": url, "DILLINGER_RUNNER_TURN_SECRET": secret}
        with House(web_dir=web_dir, settings=settings) as house:
            yield house


def test_the_picture_comes_by_way_of_a_relay_alone(
    house: House, browser: Browser, explained: list[House], request: pytest.FixtureRequest
) -> None:
    explained.append(house)
    context = new_context(browser)
    context.add_init_script(RELAY_ONLY)
    try:
        viewer = Viewer(context.new_page(), house.target)
        viewer.login()
        viewer.play("testcard-motion")
        viewer.by_id("transport-select").select_option("webrtc")
        protocol = request.node.callspec.params["house"]
        wait_until(lambda: viewer.page.evaluate(PAIR) == ["relay", protocol], WAIT_S, "a path by the relay")
        before = viewer.wait_card(lambda card: card.frame is not None, "a picture that can be read", WAIT_S).frame
        assert before is not None
        viewer.wait_card(lambda card: (card.frame or 0) > before + 20, "later pictures", WAIT_S)
        assert (viewer.player() or {}).get("transport") == "webrtc"
    finally:
        context.close()
