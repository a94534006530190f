"""C-STORE of any bytes under any name, as a broken or hostile machine sends them; the library would look first."""

import time
from io import BytesIO
from typing import Any

from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

ANSWER_S_MAX = 10.0


def store_raw(
    port: int, dataset: bytes, *, sop_class: str, sop_instance: str, transfer_syntax: str, called: str = "ANY-SCP"
) -> int | None:
    """Send bytes as a dataset; return the status, or None when the association was refused or broken."""
    ae = AE("BROKENCART")
    ae.add_requested_context(sop_class, transfer_syntax)
    assoc = ae.associate("127.0.0.1", port, ae_title=called)
    if not assoc.is_established:
        return None
    try:
        return _send(assoc, dataset, sop_class, sop_instance)
    finally:
        if assoc.is_established:
            assoc.release()


def _send(assoc: Any, dataset: bytes, sop_class: str, sop_instance: str) -> int | None:
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = sop_class
    request.AffectedSOPInstanceUID = sop_instance
    request.Priority = 2
    request.DataSet = BytesIO(dataset)
    assoc._reactor_checkpoint.clear()
    deadline_s = time.monotonic() + ANSWER_S_MAX
    while not assoc._is_paused and time.monotonic() < deadline_s:
        time.sleep(0.002)
    try:
        assoc.dimse_timeout = ANSWER_S_MAX
        assoc.dimse.send_msg(request, assoc.accepted_contexts[0].context_id)
        _, answer = assoc.dimse.get_msg(block=True)
    finally:
        assoc._reactor_checkpoint.set()
    return None if answer is None else int(answer.Status)
