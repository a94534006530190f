"""Offers, before aiortc reads them."""

import pytest

from edge.errors import BadInputError
from edge.live.offer import CANDIDATE_COUNT_MAX, MEDIA_COUNT_MAX, OFFER_BYTES_MAX, read_offer, without_arrivals

HOST = "a=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host"
HIDDEN = "a=candidate:2 1 udp 2113937151 0f3a-77.local 50001 typ host generation 0"
HEAD = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96"


def test_hidden_addresses_and_the_end_mark_are_left_out() -> None:
    offer = read_offer("\r\n".join([HEAD, HOST, HIDDEN, "a=end-of-candidates", ""]))
    assert offer.sdp == "\r\n".join([HEAD, HOST, ""])
    assert (offer.has_video, offer.has_audio) == (True, False)


@pytest.mark.parametrize(
    "sdp",
    [
        "", "hello", "v=0\r\n", "v=0\r\n" + "m=audio 9 x 0\r\n" * (MEDIA_COUNT_MAX + 1),
        HEAD + "\r\n" + f"{HOST}\r\n" * (CANDIDATE_COUNT_MAX + 1), "v=0" + "x" * OFFER_BYTES_MAX,
    ],
)  # fmt: skip
def test_what_is_no_offer_is_refused(sdp: str) -> None:
    with pytest.raises(BadInputError):
        read_offer(sdp)


def test_a_sender_is_not_made_to_wait_for_word_of_arrivals() -> None:
    wide = "a=extmap:5 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    lines = ["v=0", "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=rtcp-fb:96 transport-cc", "a=rtcp-fb:96 goog-remb", wide,
             "a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"]  # fmt: skip
    kept = without_arrivals("\r\n".join(lines)).split("\r\n")
    assert kept == [lines[0], lines[1], lines[3], lines[5]]
