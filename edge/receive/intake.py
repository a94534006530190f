"""An object that a peer has sent whole, into the store; and what the peer is told.  Standard: PS3.4 B.2.3"""

import logging

from edge.errors import BadInputError, BusyError, StorageFullError
from edge.net.provider import NO_ROOM, Received, StoreAnswer
from edge.runtime.log import event
from edge.store.header import read
from edge.store.instances import Instances

log = logging.getLogger(__name__)
STORED = StoreAnswer(status=0x0000)


def take(instances: Instances, received: Received) -> StoreAnswer:
    """Keep one object and say what the peer is told."""
    source = f"dimse:{received.calling_ae_title}"
    try:
        said = read(received.path, head=received.head)
        if said.sop_instance_uid != received.sop_instance_uid:
            return StoreAnswer(status=0xA900, comment="Dataset has another SOP Instance UID than the command")
        kept = instances.keep(received.path, digest=received.digest, parsed=said, source=source, items=received.items)
    except BadInputError as error:
        event(log, "receive.refused", level=logging.WARNING, source=source, reason=error.message)
        return StoreAnswer(status=0xC000, comment="Cannot understand the object")
    except (StorageFullError, BusyError) as error:
        event(log, "receive.full", level=logging.ERROR, source=source, reason=error.message)
        return NO_ROOM
    if kept.outcome == "conflict":
        return StoreAnswer(status=0xC111, comment="Another object has this UID; this one was put aside")
    event(
        log, f"object.{kept.outcome}", level=logging.DEBUG, sop_instance_uid=kept.instance.sop_instance_uid,
        source=source, size_bytes=kept.instance.size_bytes,
    )  # fmt: skip
    return STORED
