"""The carriers of destinations that speak HTTP: STOW-RS, another node in hub role, a bucket."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from edge.config import Destination
from edge.errors import ConfigError
from edge.net.fetching import Fetch
from edge.net.hub import Hub, by_digest
from edge.net.parcel import Parcel
from edge.net.readback import by_wado
from edge.net.s3 import S3, Bucket
from edge.net.stow import Stow
from edge.net.web import WebClient, WebPeer, look
from edge.runtime.gate import OPEN, Gate
from edge.store.database import Database
from edge.uplink import hub_proof
from edge.uplink.carrier import Carrier, Way
from edge.uplink.prover import Prover
from edge.uplink.web_committer import WebCommitter


class StowCarrier:
    """STOW-RS, and QIDO-RS to see whether somebody is there."""

    def __init__(self, peer: WebPeer, gate: Gate = OPEN) -> None:
        self._gate = gate
        self.client = WebClient(peer)
        self.has_already: Callable[[Parcel], bool] = lambda parcel: False
        """Looks for an object whose answer was lost."""
        self._doubtful: set[str] = set()

    def check(self) -> None:
        with self.client:
            look(self.client)

    def open(self, parcels: Sequence[Parcel]) -> AbstractContextManager[Way]:
        return Stow(self.client, gate=self._gate, has_already=self.has_already, doubtful=self._doubtful)

    def abort(self) -> None:
        self.client.abort()


class HubCarrier:
    """Resumable upload to a node in hub role."""

    def __init__(self, peer: WebPeer, gate: Gate = OPEN) -> None:
        self.hub = Hub(WebClient(peer), gate=gate)

    def check(self) -> None:
        self.hub.check()

    def open(self, parcels: Sequence[Parcel]) -> AbstractContextManager[Way]:
        return self.hub

    def abort(self) -> None:
        self.hub.abort()


class S3Carrier:
    """A bucket that speaks S3."""

    def __init__(self, bucket: Bucket, gate: Gate = OPEN) -> None:
        self.s3 = S3(bucket, gate)

    def check(self) -> None:
        self.s3.check()

    def open(self, parcels: Sequence[Parcel]) -> AbstractContextManager[Way]:
        return self.s3

    def abort(self) -> None:
        self.s3.abort()


def carrier_for(destination: Destination, gate: Gate) -> Carrier:
    """Return the carrier of a configured destination.  Raises: ConfigError."""
    match destination.kind:
        case "stow":
            return StowCarrier(web_peer_of(destination, url=destination.url), gate)
        case "hub":
            return HubCarrier(web_peer_of(destination, url=destination.url), gate)
        case "s3":
            return S3Carrier(bucket_of(destination), gate)
    raise ConfigError(f"Nothing carries objects to {destination.name}, of the kind {destination.kind}.")


def fetch_from(destination: Destination, carrier: Carrier) -> Fetch | None:
    """Return what fetches objects back over HTTP; None when nothing does."""
    if destination.kind == "dimse":
        return by_wado(WebClient(web_peer_of(destination, url=destination.readback_url)))
    if isinstance(carrier, S3Carrier):
        return carrier.s3.fetch
    if isinstance(carrier, HubCarrier):
        return by_digest(carrier.hub.client)
    return by_wado(carrier.client) if isinstance(carrier, StowCarrier) else None


def connect(carrier: Carrier, prover: Prover) -> None:
    """Let what proves an object look for one whose answer was lost, and prove it in the carrier's own way."""
    if isinstance(carrier, StowCarrier):
        carrier.has_already = prover.has_already
    elif isinstance(carrier, HubCarrier):
        prover.examine = partial(hub_proof.examine, carrier.hub)


def committer_of(carrier: Carrier, database: Database, destination: str) -> WebCommitter | None:
    """Return who asks a DICOMweb destination to take responsibility; None for any other."""
    return WebCommitter(database, destination, carrier.client) if isinstance(carrier, StowCarrier) else None


def web_peer_of(destination: Destination, *, url: str) -> WebPeer:
    """Return whom to ask by DICOMweb, at one of a destination's addresses."""
    return WebPeer(
        name=destination.name, url=url.rstrip("/"), username=destination.username, password=destination.password,
        token=destination.token, tls_ca=destination.tls_ca,
    )  # fmt: skip


def bucket_of(destination: Destination) -> Bucket:
    """Return the bucket of an S3 destination: `path` is its name, and a prefix after a slash."""
    bucket, _, prefix = destination.path.strip("/").partition("/")
    return Bucket(
        name=destination.name, url=destination.url.rstrip("/"), bucket=bucket, prefix=prefix, region=destination.region,
        access_key_id=destination.username, secret_access_key=destination.password, tls_ca=destination.tls_ca,
    )  # fmt: skip
