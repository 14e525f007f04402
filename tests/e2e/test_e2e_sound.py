"""Sound in a real browser over both transports, by whoever decodes it: the player, or, where WebRTC's can't be taken
out, the browser by itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dillinger_bench.viewer import Viewer
from dillinger_bench.waiting import wait_until

pytestmark = pytest.mark.browser

TIMEOUT_S = 60
CONNECT_TIMEOUT_S = 120
"""A second connection comes after twenty seconds, on a busy machine after forty more."""
SWALLOW_SOUND = """
const swallow = `
  const read = ReadableStreamDefaultReader.prototype.read;
  ReadableStreamDefaultReader.prototype.read = async function () {
    for (;;) {
      const result = await read.call(this);
      if (!(result.value instanceof RTCEncodedAudioFrame)) return result;
    }
  };`;
const moduleOf = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
globalThis.Worker = class extends Worker {
  constructor(url, options) {
    super(moduleOf(`import "${moduleOf(swallow)}"; import "${url}";`), options);
  }
};
"""
"""A browser that has the interface for taking sound out, and hands none to the worker."""


def hear(viewer: Viewer, what: str) -> None:
    wait_until(lambda: viewer.sound_level() > 0.05, TIMEOUT_S, what)


def hear_and_mute(viewer: Viewer) -> None:
    hear(viewer, "the tone")
    viewer.by_id("mute-button").press("Enter")  # by a key, since the bar may be hidden
    wait_until(lambda: viewer.sound_level() < 0.005, TIMEOUT_S, "silence after mute")
    viewer.by_id("mute-button").press("Enter")
    hear(viewer, "the tone again")


def wait_decoded_by(viewer: Viewer, who: str, timeout_s: float = TIMEOUT_S) -> None:
    """On a busy machine WebRTC may break for a while, and its sound goes the WebSocket's way until it is back."""
    wait_until(lambda: (viewer.player() or {})["sound"]["decoded_by"] == who, timeout_s, f"sound decoded by the {who}")


def test_sound_of_both_transports_is_heard_muted_and_decoded_by_the_player(viewer: Viewer) -> None:
    viewer.play("testcard-tone")
    for transport in ("websocket", "webrtc", "websocket"):
        viewer.choose_transport(transport)
        hear_and_mute(viewer)
        wait_decoded_by(viewer, "player")


def test_where_sound_can_not_be_taken_out_of_webrtc_the_browser_plays_it(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    viewer.page.add_init_script("delete globalThis.RTCRtpScriptTransform")
    viewer.play("testcard-tone")
    viewer.choose_transport("webrtc")
    hear_and_mute(viewer)
    wait_decoded_by(viewer, "browser")
    viewer.choose_transport("websocket")
    hear_and_mute(viewer)
    wait_decoded_by(viewer, "player")


@pytest.mark.full
def test_sound_that_does_not_come_to_where_it_is_taken_is_played_by_the_browser(
    open_viewer: Callable[..., Viewer],
) -> None:
    viewer = open_viewer(bypass_csp=True)
    viewer.page.add_init_script(SWALLOW_SOUND)
    viewer.play("testcard-tone")
    viewer.choose_transport("webrtc")
    wait_decoded_by(viewer, "browser", CONNECT_TIMEOUT_S)
    hear(viewer, "the tone, of the browser's own decoder")
    wait_decoded_by(viewer, "browser", CONNECT_TIMEOUT_S)


def test_a_buffer_that_is_too_short_for_the_machine_gives_way_to_a_longer_one(
    open_viewer: Callable[..., Viewer],
) -> None:
    viewer = open_viewer()
    viewer.page.add_init_script(
        "let read = 0;"
        "const stats = { get: () => ({ underrunEvents: globalThis.isStarved ? ++read : 0 }) };"
        "Object.defineProperty(AudioContext.prototype, 'playbackStats', stats);"
    )
    viewer.play("testcard-tone")
    hear(viewer, "the tone")
    assert (viewer.player() or {})["sound"]["is_quick"]
    viewer.page.evaluate("globalThis.isStarved = true")
    wait_until(lambda: not (viewer.player() or {})["sound"]["is_quick"], TIMEOUT_S, "the longer buffer")
    hear_and_mute(viewer)


SPIES = """
    window.contexts = [];
    window.AudioContext = class extends AudioContext {
      constructor(...options) { super(...options); window.contexts.push(this); }
    };
    const enumerate = MediaDevices.prototype.enumerateDevices;
    MediaDevices.prototype.enumerateDevices = async function () {
      return (await enumerate.call(this)).filter(({ label }) => label !== window.unplugged);
    };
"""
"""What the page's speaker plays through; and devices that can be pulled out."""


KEEPS_NOTICES = """
    window.keptNotices = "";
    new MutationObserver(() => {
      const notice = document.querySelector("[data-testid=notice]");
      if (notice) window.keptNotices += notice.innerText;
    }).observe(document, { childList: true, subtree: true });
"""
"""A notice may be gone before anybody looks."""


def plug(viewer: Viewer, unplugged: str | None) -> None:
    viewer.page.evaluate(
        "(label) => { window.unplugged = label; navigator.mediaDevices.dispatchEvent(new Event('devicechange')); }",
        unplugged,
    )


def test_the_chosen_loudspeaker_plays_while_it_is_there(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    viewer.page.add_init_script(SPIES)
    viewer.page.goto(f"{viewer.target.core_url}/settings")
    outputs = viewer.by_id("sound-output")
    outputs.wait_for()
    name = outputs.locator("option").nth(1)
    name.wait_for(state="attached")
    chosen = name.inner_text()
    outputs.select_option(label=chosen)
    viewer.play("testcard-tone")

    def plays(is_chosen: bool, what: str) -> None:
        sink = "(contexts.at(-1)?.sinkId ?? '') !== ''"
        wait_until(lambda: viewer.page.evaluate(sink) is is_chosen, TIMEOUT_S, what)
        hear(viewer, "the tone there")

    plays(True, "the tone through the chosen one")
    plug(viewer, chosen)
    viewer.by_id("notice").get_by_text("loudspeaker is not there").wait_for()
    plays(False, "the system's own choice")
    plug(viewer, None)
    plays(True, "the chosen one again")
    other = viewer.page.context.new_page()
    other.goto(f"{viewer.target.core_url}/settings")
    other.get_by_test_id("sound-output").select_option("")
    plays(False, "what was chosen in another tab")
    other.close()


def test_a_loudspeaker_that_is_gone_since_the_last_time_is_said(open_viewer: Callable[..., Viewer]) -> None:
    viewer = open_viewer()
    viewer.page.add_init_script(
        "localStorage.setItem('dillinger.preferences', JSON.stringify({ soundOutput: 'a'.repeat(64) }));"
        + KEEPS_NOTICES
    )
    viewer.play("testcard-tone")
    hear(viewer, "the tone")
    wait_until(
        lambda: "loudspeaker is not there" in viewer.page.evaluate("window.keptNotices"), TIMEOUT_S, "a word about it"
    )
