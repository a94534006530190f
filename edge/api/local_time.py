"""The time zone of the clinic."""

from datetime import datetime, tzinfo


def zone() -> tzinfo:
    """Return the node's zone as it is today."""
    here = datetime.now().astimezone().tzinfo
    assert here is not None
    return here
