"""The tables of the configuration about others: where objects go, in which order, and who may call or upload."""

from typing import Literal, get_args

import msgspec

from edge.core.hours import DAYS, Hours, parse_minute

DestinationKind = Literal["dimse", "stow", "hub", "s3", "folder"]
PeerService = Literal["store", "query", "retrieve", "commitment", "worklist"]


class DestinationHours(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How fast a destination may be sent to at some hours, by the node's own clock; the first that matches counts."""

    start: str = "00:00"
    end: str = "24:00"
    """HH:MM; before `start`: on the next day."""
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    """On which it starts; empty: all."""
    rate_bps: int
    """Bits a second, at most; 0: only what is urgent goes."""


class Destination(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where objects go."""

    name: str
    kind: DestinationKind = "dimse"
    host: str = ""
    port: int = 104
    ae_title: str = "ANY-SCP"
    url: str = ""
    path: str = ""
    is_required: bool = True
    """Nothing leaves the disk before every required destination has it, proven."""
    commitment: bool = True
    """dimse, stow: ask for storage commitment after sending."""
    commitment_listen: str = ""
    """dimse: host:port where the peer may open its own association to report; empty: same association only."""
    readback: bool = True
    """Fetch each object back and compare it: without that nothing is ever proven, and nothing leaves the disk."""
    readback_url: str = ""
    """dimse: the DICOMweb root where objects are fetched back; empty: by C-GET."""
    username: str = ""
    password: str = ""
    token: str = ""
    """DICOMweb: a bearer token, instead of a name and a password."""
    region: str = "us-east-1"
    """s3: the region that requests are signed for."""
    accepts_concatenation: bool = False
    """dimse, stow: slides larger than `part_mb` go in parts, each an object there; readers join them again."""
    part_mb: float = 4.0
    """The largest part: what a connection that breaks may cost."""
    associations_max: int = 8
    """dimse: so many side by side, at most, where the way is long and the peer answers objects one by one."""
    is_tls: bool = False
    """dimse: speak TLS with it."""
    tls_ca: str = ""
    """PEM file of who signed its certificate; empty: the system's authorities."""
    tls_cert: str = ""
    tls_key: str = ""
    """dimse: PEM files of our own certificate, for a peer that wants one."""
    hours: list[DestinationHours] = []
    """When less may be sent, or nothing; outside of all of them the link is used as it is."""

    @property
    def parsed_hours(self) -> tuple[Hours, ...]:
        """The hours as they are reckoned with.  Raises: ValueError."""
        return tuple(
            Hours(
                start_min=parse_minute(one.start), end_min=parse_minute(one.end), rate_bytes_s=one.rate_bps / 8,
                days=frozenset(DAYS.index(day) for day in one.days or DAYS),
            )
            for one in self.hours
        )  # fmt: skip


class Route(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes to some destinations only. A destination that no route names gets everything."""

    destinations: list[str]
    modality: list[str] = []
    source: list[str] = []
    """AE titles of senders; record, convert, stow or import. Patterns with * and ?, as in `description`."""
    description: list[str] = []
    """Of the study or the series."""


class Priority(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes before other things, or after them. The first that matches counts."""

    level: Literal["stat", "routine", "low"]
    modality: list[str] = []
    source: list[str] = []
    description: list[str] = []


class Peer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A cart or workstation that may call, and what it may do. With none named, any device may."""

    name: str
    ae_title: str
    host: str = ""
    """Where it listens: needed to move objects to it and to report commitments to it."""
    port: int = 104
    addresses: list[str] = []
    """Addresses or networks (10.0.0.0/24) it may call from; empty: `host` if that is an address, else any."""
    services: list[PeerService] = msgspec.field(default_factory=lambda: list(get_args(PeerService)))
    sop_classes: list[str] = []
    """SOP classes it may store and retrieve, as UIDs or keywords; empty: every one."""


class HubNode(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A node that may send its objects here."""

    name: str
    """Where its objects come from, as routes see it."""
    token: str
    """What it shows: at least 20 characters that nobody guesses."""

    def __repr__(self) -> str:
        """Without the secret."""
        return f"HubNode({self.name!r})"


class Hub(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The hub role: taking whole objects from other nodes, in pieces, and delivering them from here."""

    node: list[HubNode] = []
    """With none, nobody may upload."""
    object_gb_max: float = 200.0
    upload_count_max: int = 64
    """Of one node, begun and not finished."""
    expire_h: float = 14 * 24.0
    """An upload that nothing came for in so many hours is forgotten."""
