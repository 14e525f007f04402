"""A standard player by GStreamer's webrtcbin, which speaks WHEP as its standard says and knows nothing of Dillinger.

Run by Debian's own Python, which alone sees GStreamer: `python3 whep_gstreamer.py URL TICKET CODEC FRAMES FOLDER`. It
takes nothing but CODEC. After so many FRAMES it writes the first and the last picture (RGBA) into FOLDER, says a line
of JSON with what it saw, and leaves by DELETE. A game that is silent sends no sound.
"""

from __future__ import annotations

import json
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 - after the versions

PICTURES = {
    "H264": ",packetization-mode=(string)1,profile-level-id=(string)42e01f",
    "VP8": "",
    "VP9": ",profile-id=(string)0",
}
"""What an offer says of each codec."""
DECODERS = {
    "H264": "rtph264depay ! h264parse ! openh264dec",
    "VP8": "rtpvp8depay ! vp8dec",
    "VP9": "rtpvp9depay ! vp9dec",
}
OPUS = "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2"
DEADLINE_S = 60


class Player:
    """One watch, from its offer to its end. GLib's loop owns it; pictures come on GStreamer's threads."""

    def __init__(self, url: str, ticket: str, codec: str, frames: int, folder: Path) -> None:
        self.url, self.ticket, self.codec, self.folder = url, ticket, codec, folder
        self.frames = frames
        self.seen: dict[str, Any] = {"frames": 0, "sounds": 0}
        self.location = ""
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new("player")
        self.webrtc = Gst.ElementFactory.make("webrtcbin", "in")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.webrtc)
        pictures = f"application/x-rtp,media=video,encoding-name={codec},payload=96,clock-rate=90000{PICTURES[codec]}"
        for caps in (pictures, OPUS):
            self.webrtc.emit(
                "add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps)
            )
        self.webrtc.connect("on-negotiation-needed", self.negotiate)
        self.webrtc.connect("notify::ice-gathering-state", self.gathered)
        self.webrtc.connect("pad-added", self.pad_added)

    def run(self) -> None:
        """Until enough was seen."""
        GLib.timeout_add_seconds(DEADLINE_S, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.location:
            self.seen["left"], _, _ = self.call("DELETE", self.location)
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.seen), flush=True)

    def call(self, method: str, url: str, body: str | None = None) -> tuple[int, str, Any]:
        headers = {"Authorization": f"Bearer {self.ticket}"} | ({"Content-Type": "application/sdp"} if body else {})
        request = urllib.request.Request(url, body.encode() if body else None, headers, method=method)
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.status, answer.read().decode(), answer.headers

    def negotiate(self, webrtc: Any) -> None:
        def offered(promise: Any, _: Any) -> None:
            reply = promise.get_reply()  # what is in it lives as long as this name
            webrtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        webrtc.emit("create-offer", None, Gst.Promise.new_with_change_func(offered, None))

    def gathered(self, webrtc: Any, _: Any) -> None:
        if webrtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            threading.Thread(target=self.post, args=(webrtc.get_property("local-description").sdp.as_text(),)).start()

    def post(self, offer: str) -> None:
        try:
            status, answer, headers = self.call("POST", self.url, offer)
        except OSError as error:
            self.seen["error"] = f"{error} {getattr(error, 'fp', None) and error.fp.read()}"  # type: ignore[attr-defined]
            self.loop.quit()
            return
        self.location = urljoin(self.url, headers["Location"])
        self.seen["status"] = status
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        told = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.webrtc.emit("set-remote-description", told, Gst.Promise.new())

    def pad_added(self, _: Any, pad: Any) -> None:
        is_video = self.codec in (pad.get_current_caps() or pad.query_caps(None)).to_string()
        rest = (
            f"{DECODERS[self.codec]} ! videoconvert ! video/x-raw,format=RGBA" if is_video else "rtpopusdepay ! opusdec"
        )
        sink = "appsink name=out emit-signals=true sync=false max-buffers=4 drop=true"
        branch = Gst.parse_bin_from_description(f"queue ! {rest} ! {sink}", True)
        branch.get_by_name("out").connect("new-sample", self.shown if is_video else self.heard)
        self.pipeline.add(branch)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def heard(self, sink: Any) -> Any:
        sink.emit("pull-sample")
        self.seen["sounds"] += 1
        return Gst.FlowReturn.OK

    def shown(self, sink: Any) -> Any:
        sample = sink.emit("pull-sample")
        self.seen["frames"] += 1
        is_last = self.seen["frames"] >= self.frames
        if is_last or self.seen["frames"] == 1:
            shape = sample.get_caps().get_structure(0)
            self.seen["size"] = [shape.get_value("width"), shape.get_value("height")]
            buffer = sample.get_buffer()
            (self.folder / ("last" if is_last else "first")).write_bytes(buffer.extract_dup(0, buffer.get_size()))
        if is_last:
            GLib.idle_add(self.loop.quit)
        return Gst.FlowReturn.OK


if __name__ == "__main__":
    Gst.init(None)
    Player(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5])).run()
