"""The tables of the configuration that say what this node is, hears, records and converts."""

from typing import Literal

import msgspec

SourceKind = Literal["v4l2", "stream", "file", "dicom", "whip", "synthetic"]
RecordSyntax = Literal["jpeg-ls", "htj2k", "jpeg-2000", "rle", "uncompressed"]


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


class Retention(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What leaves this disk, and when. Only what is proven at every required destination ever does."""

    budget_mb: int = 0
    """Objects take no more than this: what is safe elsewhere leaves, the oldest first; 0: as much as the disk has."""
    free_mb: int = 2048
    """So much is kept free on the disk in the same way, above `node.disk_reserve_mb`; 0: nothing leaves for that."""
    keep_hours: float = 1.0
    """Nothing leaves so soon after it came, or after its study was opened."""
