"""What is offered and preferred when media are negotiated; by public names of aiortc alone."""

from aiortc import RTCRtpSender, RTCRtpTransceiver
from aiortc.codecs import CODECS, HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecCapability, RTCRtpHeaderExtensionParameters

from edge.live.packet import EXTENSION_PLAYOUT, EXTENSION_WIDE

_PLAYOUT_ID, _WIDE_ID = 4, 5
"""In an offer of ours; an answer takes the browser's number. aiortc itself uses 1 to 3."""


def extend_negotiation() -> None:
    """Let browsers be told to show pictures at once, and let them tell when each packet arrived."""
    known = HEADER_EXTENSIONS["video"]
    for number, uri in ((_PLAYOUT_ID, EXTENSION_PLAYOUT), (_WIDE_ID, EXTENSION_WIDE)):
        if all(extension.uri != uri for extension in known):
            known.append(RTCRtpHeaderExtensionParameters(id=number, uri=uri))
    arrivals = RTCRtcpFeedback(type="transport-cc")
    for codec in CODECS["video"]:
        if codec.name.lower() != "rtx" and arrivals not in codec.rtcpFeedback:
            codec.rtcpFeedback.append(arrivals)


def prefer_codecs(transceiver: RTCRtpTransceiver) -> None:
    """Prefer H.264 constrained baseline, then baseline, then VP8.

    Only works before the remote description is set: afterwards the answering side ignores it.
    """
    capabilities = RTCRtpSender.getCapabilities("video").codecs

    def rank(codec: RTCRtpCodecCapability) -> int:
        name = codec.mimeType.lower()
        if name == "video/h264":
            return 0 if codec.parameters.get("profile-level-id") == "42e01f" else 1
        return 2 if name == "video/vp8" else 3

    transceiver.setCodecPreferences(sorted(capabilities, key=rank))
