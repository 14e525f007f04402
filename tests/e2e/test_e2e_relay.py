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
SEEN = """async () => {
  const seen = [];
  for (const connection of window.connections) {
    const report = await connection.getStats().catch(() => new Map());
    const stats = [...report.values()];
    const pair = stats.find((one) => one.type === "candidate-pair" && one.nominated);
    const local = pair && stats.find((one) => one.id === pair.localCandidateId);
    const video = stats.find((one) => one.type === "inbound-rtp" && one.kind === "video");
    if (local) seen.push([local.candidateType, local.relayProtocol, video?.framesDecoded ?? 0]);
  }
  return seen;
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
        with viewer.stream_menu():
            viewer.by_id("transport-select").select_option("webrtc")
        protocol = request.node.callspec.params["house"]

        def are_decoded() -> bool:
            ways: list[tuple[str, str, int]] = viewer.page.evaluate(SEEN)
            return any(kind == "relay" and by == protocol and frames > 20 for kind, by, frames in ways)

        wait_until(are_decoded, WAIT_S, "pictures by the relay")
    finally:
        context.close()
