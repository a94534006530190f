"""The configuration: one TOML file, read once at start, every key known.

`Config` is what the rest of the product sees; `load()` turns a file into it or says which key is wrong.
"""

import difflib
import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from edge.core import routing
from edge.core.hours import DAYS, Hours, parse_minute
from edge.core.outbox import LEVELS
from edge.core.retention import Limits
from edge.core.routing import Routing
from edge.core.slide_label import LabelRuleError, read_rule
from edge.errors import ConfigError

DEFAULT_PATH = Path("/etc/edge/edge.toml")

SourceKind = Literal["v4l2", "stream", "file", "dicom", "whip", "synthetic"]
HUB_TOKEN_LENGTH_MIN = 20
DestinationKind = Literal["dimse", "stow", "hub", "s3", "folder"]
RecordSyntax = Literal["jpeg-ls", "htj2k", "jpeg-2000", "rle", "uncompressed"]
PeerService = Literal["store", "query", "retrieve", "commitment", "worklist"]


class Node(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who this node is and where it keeps things."""

    name: str = "edge"
    ae_title: str = "EDGE"
    data_dir: str = "/var/lib/edge"
    """Objects, index, spool: survives a reboot."""
    run_dir: str = "/run/edge"
    """Sockets and rings: a tmpfs, at best."""
    institution: str = ""
    disk_reserve_mb: int = 512
    """New work is refused when less than this is free on the data disk."""
    scrub_mb_s: float = 4.0
    """What is kept is read again at this rate, for ever, to find what rots on the disk; 0: never."""


class Api(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The only door for browsers and DICOMweb."""

    listen: str = "127.0.0.1:8042"
    public_url: str = ""
    """How browsers reach this node, for the links it hands out; empty: made from `listen`."""
    tls_cert: str = ""
    tls_key: str = ""
    """PEM files. Away from loopback without them, a self-signed pair is made in the data folder."""


class Receive(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """DIMSE from local carts."""

    listen: str = "127.0.0.1:11112"
    association_count_max: int = 16
    quiet_s: float = 30.0
    """A study is complete when nothing of it has come for so long."""
    is_called_title_checked: bool = False
    """Refuse whoever calls by another AE title than `node.ae_title`."""
    tls_cert: str = ""
    tls_key: str = ""
    """PEM files. With them, TLS is spoken, and nothing else."""
    tls_ca: str = ""
    """PEM file of who signs the certificates of callers; empty: callers need none."""


class Live(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Media to browsers."""

    ice_servers: list[dict[str, str]] = []
    """Each {urls, username, credential}; none by default: no packet leaves for an unnamed host."""
    relays: list[str] = []
    """TURN servers that share `relay_secret` with this node, for example turn:turn.example.org:3478."""
    relay_secret: str = ""
    """coturn's `static-auth-secret`: who joins gets a name and a password from it that end."""
    relay_s: int = 21_600
    """How long those are good."""
    second_source: str = ""
    """A source shown beside every exam's picture, such as a camera on the probe; empty: one a tablet may send."""
    publish_url: str = ""
    """WHIP address of a media server that an exam may be shown through, for large audiences; empty: not possible."""
    publish_token: str = ""
    bitrate_bps_max: int = 2_500_000
    viewer_count_max: int = 16
    waiting_room: Literal["codes", "off"] = "codes"
    """codes: who comes by six digits waits until the bedside lets them in; links open at once."""


class Record(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How exams are kept."""

    transfer_syntax: RecordSyntax = "jpeg-ls"
    clip_s_max: int = 600
    keep_last_s_max: int = 30
    keep_last_mb_max: int = 512
    """Memory for `save the last N seconds`."""


class SourceRegion(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A calibrated rectangle of the picture; centimetres per pixel."""

    min_x_px: int
    min_y_px: int
    max_x_px: int
    max_y_px: int
    cm_per_px_x: float
    cm_per_px_y: float


class Source(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One probe."""

    name: str
    kind: SourceKind
    device: str = ""
    """v4l2: the device node."""
    url: str = ""
    """stream: an RTSP address."""
    path: str = ""
    """file, dicom: the file."""
    loop: bool = True
    """file, dicom: begin again at the end."""
    width_px: int = 1280
    height_px: int = 720
    fps: float = 30.0
    """v4l2, synthetic: what is asked for."""
    manufacturer: str = ""
    model: str = ""
    regions: list[SourceRegion] = []


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


class Priority(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes before other things, or after them. The first that matches counts."""

    level: Literal["stat", "routine", "low"]
    modality: list[str] = []
    source: list[str] = []
    description: list[str] = []


class Retention(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What leaves this disk, and when. Only what is proven at every required destination ever does."""

    budget_mb: int = 0
    """Objects take no more than this: what is safe elsewhere leaves, the oldest first; 0: as much as the disk has."""
    free_mb: int = 2048
    """So much is kept free on the disk in the same way, above `node.disk_reserve_mb`; 0: nothing leaves for that."""
    keep_hours: float = 1.0
    """Nothing leaves so soon after it came, or after its study was opened."""


class Route(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What goes to some destinations only. A destination that no route names gets everything."""

    destinations: list[str]
    modality: list[str] = []
    source: list[str] = []
    """AE titles of senders; record, convert, stow or import. Patterns with * and ?, as in `description`."""
    description: list[str] = []
    """Of the study or the series."""


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


class Worklist(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The hospital's modality worklist."""

    host: str
    port: int = 104
    ae_title: str = "RIS"
    refresh_s: int = 300


class Inbox(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Folders that are watched."""

    slides: str = ""
    settle_s: float = 2.0
    """A file is taken when its size has not changed for so long."""
    barcode: str = ""
    """A regular expression with named groups that says what a slide's barcode, or else its file's name, means."""


class Uplink(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Forwarding, besides its destinations."""

    live_share_bps: int = -1
    """Bits a second that forwarding may use while somebody far away is in a call; 0: it pauses; -1: what it leaves."""


class Convert(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Slide conversion."""

    worker_count: int = 2
    levels: Literal["native", "all"] = "native"


class Config(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Everything that can be set."""

    node: Node = msgspec.field(default_factory=Node)
    api: Api = msgspec.field(default_factory=Api)
    receive: Receive = msgspec.field(default_factory=Receive)
    live: Live = msgspec.field(default_factory=Live)
    record: Record = msgspec.field(default_factory=Record)
    convert: Convert = msgspec.field(default_factory=Convert)
    inbox: Inbox = msgspec.field(default_factory=Inbox)
    uplink: Uplink = msgspec.field(default_factory=Uplink)
    hub: Hub = msgspec.field(default_factory=Hub)
    source: list[Source] = []
    destination: list[Destination] = []
    route: list[Route] = []
    priority: list[Priority] = []
    retention: Retention = msgspec.field(default_factory=Retention)
    peer: list[Peer] = []
    worklist: Worklist | None = None

    @property
    def data_dir(self) -> Path:
        return Path(self.node.data_dir)

    @property
    def run_dir(self) -> Path:
        return Path(self.node.run_dir)

    @property
    def routing(self) -> Routing:
        """Which destinations an object goes to."""
        routes = tuple(
            routing.Route(
                destinations=tuple(route.destinations), modality=tuple(route.modality), source=tuple(route.source),
                description=tuple(route.description),
            )
            for route in self.route
        )  # fmt: skip
        urgencies = tuple(
            (
                routing.Route(
                    destinations=(), modality=tuple(one.modality), source=tuple(one.source),
                    description=tuple(one.description),
                ),
                LEVELS[one.level],
            )
            for one in self.priority
        )  # fmt: skip
        return Routing(tuple(destination.name for destination in self.destination), routes, urgencies)

    @property
    def required(self) -> frozenset[str]:
        """The destinations that must have an object before it may leave."""
        return frozenset(destination.name for destination in self.destination if destination.is_required)

    @property
    def limits(self) -> Limits:
        """What objects may take of the disk."""
        return Limits(budget_bytes=self.retention.budget_mb * 2**20, free_bytes=self.retention.free_mb * 2**20)

    @property
    def database_path(self) -> Path:
        return self.data_dir / "edge.db"

    @property
    def viewer_dir(self) -> Path:
        """Where the OHIF viewer is, when it is installed."""
        return self.data_dir / "viewer" / "ohif"

    def socket_path(self, service: str) -> Path:
        return self.run_dir / f"{service}.sock"

    def ring_path(self, source: str) -> Path:
        return self.run_dir / f"ring-{source}"

    def find_source(self, name: str) -> Source | None:
        return next((source for source in self.source if source.name == name), None)


def load(path: Path) -> Config:
    """Read a configuration file.  Raises: ConfigError that names the file, the key and the nearest known key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"The configuration file {path} does not exist.", next_step="Name one with --config."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    _refuse_unknown_keys(document, Config, where="", path=path)
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}.") from error
    _check(config, path)
    return config


def load_default(path: Path | None) -> Config:
    """Read the named file, else $EDGE_CONFIG, else the system's."""
    return load(path or Path(os.environ.get("EDGE_CONFIG", DEFAULT_PATH)))


def split_address(address: str) -> tuple[str, int]:
    """Split host:port; IPv6 in brackets.  Raises: ConfigError."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{address!r} is not an address.", next_step="Write host:port, for example 127.0.0.1:8042.")
    return host.strip("[]"), int(port)


def is_loopback(address: str) -> bool:
    """Tell whether host:port can be reached from this machine only."""
    host = split_address(address)[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_unknown_keys(table: dict[str, Any], kind: type[msgspec.Struct], *, where: str, path: Path) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in table.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            advice = f"Did you mean {where}{near[0]}?" if near else f"Known here: {', '.join(sorted(fields))}."
            raise ConfigError(f"{path}: unknown key {where}{key}.", next_step=advice)
        inner = _struct_inside(fields[key])
        for part in value if isinstance(value, list) else [value]:
            if inner is not None and isinstance(part, dict):
                _refuse_unknown_keys(part, inner, where=f"{where}{key}.", path=path)


def _struct_inside(annotation: Any) -> type[msgspec.Struct] | None:
    """Return the struct in X, list[X] or X | None."""
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def _check(config: Config, path: Path) -> None:
    for label, names in (
        ("source", [source.name for source in config.source]),
        ("destination", [destination.name for destination in config.destination]),
        ("peer", [peer.name for peer in config.peer]),
        ("hub.node", [node.name for node in config.hub.node]),
    ):
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"{path}: two entries [[{label}]] are called {name!r}.")
            if not name or not all(character.isalnum() or character in "-_" for character in name):
                raise ConfigError(f"{path}: {label} name {name!r} may hold only letters, digits, - and _.")
    for key, address in (("api.listen", config.api.listen), ("receive.listen", config.receive.listen)):
        try:
            split_address(address)
        except ConfigError as error:
            raise ConfigError(f"{path}: {key}: {error.message}", next_step=error.advice) from error
    needed = {"v4l2": "device", "stream": "url", "file": "path", "dicom": "path"}
    for source in config.source:
        key_needed = needed.get(source.kind)
        if key_needed and not getattr(source, key_needed):
            raise ConfigError(f"{path}: source {source.name!r} of kind {source.kind} needs the key {key_needed!r}.")
    tokens = [node.token for node in config.hub.node]
    if any(len(token) < HUB_TOKEN_LENGTH_MIN for token in tokens) or len(set(tokens)) != len(tokens):
        raise ConfigError(
            f"{path}: each hub.node needs a token of its own, of at least {HUB_TOKEN_LENGTH_MIN} characters.",
            next_step="Make one with `openssl rand -hex 32`.",
        )
    if config.inbox.barcode:
        try:
            read_rule(config.inbox.barcode)
        except LabelRuleError as error:
            raise ConfigError(f"{path}: inbox.barcode: {error}.") from error
    _check_live(config, path)
    for destination in config.destination:
        _check_destination(destination, path)
    known = {destination.name for destination in config.destination}
    for unknown in sorted({name for route in config.route for name in route.destinations} - known):
        raise ConfigError(f"{path}: a [[route]] leads to {unknown!r}, which is no destination.")
    titles = [peer.ae_title for peer in config.peer]
    for peer in config.peer:
        if titles.count(peer.ae_title) > 1:
            raise ConfigError(f"{path}: two entries [[peer]] have the AE title {peer.ae_title!r}.")
        for address in peer.addresses:
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError as error:
                raise ConfigError(
                    f"{path}: peer {peer.name!r}: {address!r} is not an address or a network.",
                    next_step="Write for example 10.0.0.7 or 10.0.0.0/24.",
                ) from error
    for title in (config.node.ae_title, *(d.ae_title for d in config.destination), *titles):
        if not 1 <= len(title.strip()) <= 16 or "\\" in title or not title.isascii():
            raise ConfigError(f"{path}: {title!r} is not an AE title: 1 to 16 ASCII characters, no backslash.")


def _check_destination(destination: Destination, path: Path) -> None:
    kind = destination.kind
    for wanted in {"stow": ("url",), "hub": ("url", "token"), "s3": ("url", "path"), "folder": ("path",)}.get(kind, ()):
        if not getattr(destination, wanted):
            raise ConfigError(f"{path}: destination {destination.name!r} of kind {kind} needs the key {wanted!r}.")
    try:
        hours = destination.parsed_hours
    except ValueError as error:
        raise ConfigError(
            f"{path}: destination {destination.name!r}: {error.args[0]!r} is not a time of day.",
            next_step="Write for example 08:00.",
        ) from error
    if any(line.rate_bytes_s < 0 for line in hours):
        raise ConfigError(f"{path}: destination {destination.name!r}: hours.rate_bps is below 0.")
    if destination.accepts_concatenation and kind not in ("dimse", "stow"):
        raise ConfigError(
            f"{path}: destination {destination.name!r} of kind {kind} takes objects whole, however bad the link is.",
            next_step="Remove accepts_concatenation.",
        )
    if destination.part_mb <= 0:
        raise ConfigError(f"{path}: destination {destination.name!r}: part_mb is to be more than 0.")
    for key in ("url", "readback_url"):
        address = getattr(destination, key)
        if address and not address.startswith(("http://", "https://")):
            raise ConfigError(
                f"{path}: destination {destination.name!r}: {key} {address!r} is not a web address.",
                next_step="Write for example https://pacs.hospital.example/dicom-web.",
            )


def _check_live(config: Config, path: Path) -> None:
    live = config.live
    for url in live.relays:
        if not url.startswith(("turn:", "turns:")):
            raise ConfigError(f"{path}: live.relays: {url!r} is not a TURN address.", next_step="Write turn:host:port.")
    if live.relays and not live.relay_secret:
        raise ConfigError(
            f"{path}: live.relays needs live.relay_secret.", next_step="Relays with a fixed password: live.ice_servers."
        )
    if live.second_source and config.find_source(live.second_source) is None:
        raise ConfigError(f"{path}: live.second_source {live.second_source!r} is not the name of a [[source]].")
    if live.publish_url and not live.publish_url.startswith(("http://", "https://")):
        raise ConfigError(f"{path}: live.publish_url {live.publish_url!r} is not a web address.")
