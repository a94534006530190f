"""GStreamer's webrtcbin as a WHEP client; run by the system's Python, which has GStreamer's bindings.

gst_whep.py URL TOKEN FRAME_COUNT     prints one JSON line: when each decoded frame came, seconds from the request
"""

import json
import sys
import time
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

CAPS = "application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000,packetization-mode=(string)1"
GIVE_UP_S = 20


class Client:
    """One recvonly picture."""

    def __init__(self, url: str, token: str, frame_count: int) -> None:
        Gst.init(None)
        self.url, self.token, self.wanted_count = url, token, frame_count
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline.new("whep")
        self.web = Gst.ElementFactory.make("webrtcbin", "web")
        self.web.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.pipeline.add(self.web)
        self.began_s = 0.0
        self.seen_s: list[float] = []
        self.size = ""
        self.web.connect("on-negotiation-needed", self.negotiate)
        self.web.connect("pad-added", self.take)
        direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
        self.web.emit("add-transceiver", direction, Gst.Caps.from_string(CAPS))

    def run(self) -> None:
        self.began_s = time.monotonic()
        GLib.timeout_add_seconds(GIVE_UP_S, self.loop.quit)
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps({"seen_s": self.seen_s, "caps": self.size}))

    def negotiate(self, _: object) -> None:
        self.web.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered, None))

    def offered(self, promise: object, *_: object) -> None:
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.web.emit("set-local-description", offer, Gst.Promise.new())
        request = urllib.request.Request(
            self.url, offer.sdp.as_text().encode(), method="POST",
            headers={"Content-Type": "application/sdp", "Authorization": f"Bearer {self.token}"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=10) as reply:
            _, sdp = GstSdp.SDPMessage.new_from_text(reply.read().decode())
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.web.emit("set-remote-description", answer, Gst.Promise.new())

    def take(self, _: object, pad: object) -> None:
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        decode = Gst.parse_bin_from_description(
            "rtph264depay ! h264parse ! avdec_h264 ! fakesink name=sink sync=false signal-handoffs=true", True
        )
        decode.get_by_name("sink").connect("handoff", self.seen)
        self.pipeline.add(decode)
        decode.sync_state_with_parent()
        pad.link(decode.get_static_pad("sink"))

    def seen(self, _: object, __: object, pad: object) -> None:
        self.seen_s.append(round(time.monotonic() - self.began_s, 4))
        if not self.size and pad.get_current_caps():
            self.size = pad.get_current_caps().to_string()
        if len(self.seen_s) >= self.wanted_count:
            GLib.idle_add(self.loop.quit)


if __name__ == "__main__":
    Client(sys.argv[1], sys.argv[2], int(sys.argv[3])).run()
