"""What a browser offers, read before aiortc does.  Pure."""

import re
from dataclasses import dataclass

from edge.errors import BadInputError
from edge.live.fragment import CANDIDATE_COUNT_MAX, is_address

OFFER_BYTES_MAX = 128 * 1024
MEDIA_COUNT_MAX = 8
_CANDIDATE = "a=candidate:"
_ARRIVALS = re.compile(r"^a=(rtcp-fb:\S+ transport-cc$|extmap:.*transport-wide-cc)")


@dataclass(frozen=True, slots=True)
class Offer:
    """The offer as it is handed on, and which media it asks for."""

    sdp: str
    has_video: bool
    has_audio: bool
    video_count: int = 0


def read_offer(sdp: str) -> Offer:
    """Check and tidy an offer.

    Candidates under names, mDNS or others, are left out: resolving them would send packets to whoever is asked, and the
    browser's own checks reveal its address anyway. The end-of-candidates mark goes too, so that an offer without
    candidates waits for those checks instead of failing.  Raises: BadInputError.
    """
    if len(sdp) > OFFER_BYTES_MAX:
        raise BadInputError(f"The offer has {len(sdp)} characters; {OFFER_BYTES_MAX} are allowed.")
    lines = sdp.replace("\r\n", "\n").split("\n")
    media = [line.split(" ", 1)[0] for line in lines if line.startswith("m=")]
    if not lines[0].startswith("v=0") or not media:
        raise BadInputError("The offer is not a session description.", next_step="Send an SDP offer with media.")
    if len(media) > MEDIA_COUNT_MAX or sum(line.startswith(_CANDIDATE) for line in lines) > CANDIDATE_COUNT_MAX:
        raise BadInputError("The offer names too many media or candidates.")
    kept = [line for line in lines if line != "a=end-of-candidates" and not _is_name(line)]
    return Offer("\r\n".join(kept), "m=video" in media, "m=audio" in media, media.count("m=video"))


def _is_name(line: str) -> bool:
    return line.startswith(_CANDIDATE) and not is_address(line.removeprefix(_CANDIDATE))


def without_arrivals(sdp: str) -> str:
    """Return an offer that does not ask for the times of arrival: we tell nobody when packets came, and a sender that
    waits for word of it would never send more than at the start."""
    return "\r\n".join(line for line in sdp.split("\r\n") if not _ARRIVALS.match(line))
