"""A plain GStreamer stream of an X display: ximagesrc → x264enc → webrtcbin, and the page that shows it. A program.

Run by Debian's own Python, which alone sees GStreamer: `python3 gst_pipeline.py --display :9 --port 8000 --kbps 12000`.
One viewer at a time; no input and no sound, since a plain pipeline has none. GLib's loop owns the pipeline; the HTTP
server's thread hands over to it and waits.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402 - after the versions

_ANSWER_TIMEOUT_S = 10.0
PAGE = b"""<!doctype html><meta charset="utf-8"><title>GStreamer</title>
<style>body{margin:0;background:#000}video{display:block;width:100vw;height:100vh}</style>
<video id="stream" muted autoplay playsinline></video>
<script type="module">
const connection = new RTCPeerConnection();
connection.ontrack = ({ receiver, streams, track }) => {
  receiver.jitterBufferTarget = 0;
  document.getElementById("stream").srcObject = streams[0] ?? new MediaStream([track]);
};
await connection.setRemoteDescription(await (await fetch("/offer")).json());
await connection.setLocalDescription(await connection.createAnswer());
await new Promise((done) => {
  const look = () => connection.iceGatheringState === "complete" && done();
  connection.onicegatheringstatechange = look;
  look();
});
await fetch("/answer", { method: "POST", body: JSON.stringify(connection.localDescription) });
</script>"""


def description(display: str, rate_hz: int, kbps: int) -> str:
    """The pipeline, with what its elements' documentation says of low latency."""
    return (
        f"ximagesrc display-name={display} use-damage=false show-pointer=false"
        f" ! video/x-raw,framerate={rate_hz}/1"
        " ! queue max-size-buffers=1 leaky=downstream"
        " ! videoconvert ! video/x-raw,format=I420"
        f" ! x264enc tune=zerolatency speed-preset=ultrafast pass=cbr bitrate={kbps} vbv-buf-capacity=50"
        " key-int-max=36000 bframes=0 aud=false"
        " ! video/x-h264,profile=constrained-baseline,stream-format=byte-stream"
        " ! rtph264pay pt=96 mtu=1200 config-interval=-1 aggregate-mode=zero-latency"
        " ! application/x-rtp,media=video,encoding-name=H264,payload=96"
        " ! webrtcbin name=out bundle-policy=max-bundle latency=0"
    )


class Stream:
    """The pipeline of the viewer that came last."""

    def __init__(self, wishes: argparse.Namespace) -> None:
        self._description = description(wishes.display, wishes.rate_hz, wishes.kbps)
        self._pipeline: Any = None
        self._out: Any = None

    def start(self, tell: Callable[[str], None]) -> None:
        """Starts it anew and tells the offer with all candidates."""
        if self._pipeline is not None:
            self._pipeline.set_state(Gst.State.NULL)
        self._pipeline = Gst.parse_launch(self._description)
        self._out = self._pipeline.get_by_name("out")
        transceiver = self._out.emit("get-transceiver", 0)
        transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)

        def offered(promise: Any, out: Any) -> None:
            reply = promise.get_reply()  # what is in it lives as long as this name
            out.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        def gathered(out: Any, _what: Any) -> None:
            if out.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
                tell(out.get_property("local-description").sdp.as_text())

        def negotiate(out: Any) -> None:
            out.emit("create-offer", None, Gst.Promise.new_with_change_func(offered, out))

        self._out.connect("notify::ice-gathering-state", gathered)
        self._out.connect("on-negotiation-needed", negotiate)
        self._pipeline.set_state(Gst.State.PLAYING)

    def answer(self, sdp: str) -> None:
        """Takes the viewer's answer."""
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        kind = GstWebRTC.WebRTCSDPType.ANSWER
        told = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        self._out.emit("set-remote-description", told, Gst.Promise.new())


def handler(stream: Stream) -> type[BaseHTTPRequestHandler]:
    """What answers the page."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/offer":
                told: list[str] = []
                is_told = threading.Event()

                def tell(sdp: str) -> None:
                    told.append(sdp)
                    is_told.set()

                GLib.idle_add(stream.start, tell)
                if not is_told.wait(_ANSWER_TIMEOUT_S):
                    self.send_error(503)
                    return
                self._say("application/json", json.dumps({"type": "offer", "sdp": told[0]}).encode())
            elif self.path == "/":
                self._say("text/html", PAGE)
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), 1 << 16)
            GLib.idle_add(stream.answer, json.loads(self.rfile.read(length))["sdp"])
            self._say("text/plain", b"")

        def _say(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing of each request."""

    return Handler


def main() -> None:
    """Serves until told to end."""
    parser = argparse.ArgumentParser(description="A plain GStreamer stream of an X display.")
    parser.add_argument("--display", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate-hz", type=int, default=60)
    parser.add_argument("--kbps", type=int, default=12_000)
    Gst.init(None)
    wishes = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", wishes.port), handler(Stream(wishes)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
