"""A probe on the network: RTSP over TCP, so that no packet of the record is lost on the way."""

from edge.capture.device import LiveInput
from edge.config import Source

OPEN_TIMEOUT_S = 8.0
READ_TIMEOUT_S = 4.0
BUFFER_BYTES = 4 * 1024 * 1024


def open_stream(settings: Source) -> LiveInput:
    """Connect to the address.  Raises: SourceAbsent."""
    return LiveInput(
        settings,
        settings.url,
        form="rtsp",
        options={"rtsp_transport": "tcp", "fflags": "nobuffer", "buffer_size": str(BUFFER_BYTES)},
        timeout_s=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
        absent="The probe does not answer on the network. Check that it is on and that its cable is in.",
        lost="The connection to the probe broke off. Check that it is on and that its cable is in.",
    )
