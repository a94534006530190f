"""Has the hub what we have? It reads the object from its disk with our salt before it; so do we."""

import hashlib
import secrets
from pathlib import Path

from edge.net.hub import Hub
from edge.net.parcel import Parcel
from edge.store import durable, header
from edge.uplink.comparison import SAME, Comparison, Verdict

SALT_BYTES = 32


def examine(hub: Hub, parcel: Parcel) -> Comparison:
    """Compare without fetching: no bytes but the digest go over the link.

    Raises: NotThereError, UnreachableError, NotLetInError, BadInputError, OSError.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    proof = hub.ask_proof(parcel.sop_instance_uid, salt)
    if proof.whole == _salted(parcel.path, salt, 0):
        return SAME
    if proof.dataset == _salted(parcel.path, salt, header.read(parcel.path).dataset_offset):
        words = "kept there with another file header"
        return Comparison(verdict=Verdict.SAME, reason=words, is_other_form=True)
    return Comparison(verdict=Verdict.DIFFERENT, reason="the hub keeps other bytes")


def _salted(path: Path, salt: bytes, offset: int) -> str:
    digest = hashlib.sha256(salt)
    with path.open("rb", buffering=0) as file:
        file.seek(offset)
        while piece := file.read(durable.CHUNK_BYTES):
            digest.update(piece)
    return digest.hexdigest()
