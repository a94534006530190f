"""The shape of answers about studies and slides. `…_s` are seconds since 1970 UTC."""

from typing import Annotated, Literal

from msgspec import Meta

from edge.api.node_shapes import AwayView
from edge.api.shapes import Answer, Name, Request


class DeliverySummary(Answer):
    state: Literal["arrived", "waiting", "held", "none"]
    done: int
    total: int


class StudyRow(Answer):
    study_instance_uid: str
    patient_name: str
    patient_id: str
    birth_date: str
    sex: str
    study_date: str
    study_time: str
    description: str
    modalities: list[str]
    series_count: int
    instance_count: int
    size_bytes: int
    accession_number: str
    kept_s: float
    complete_s: float | None
    """When the last of it had come; null while something may still come."""
    delivery: DeliverySummary
    labels: list[str]


class StudyPage(Answer):
    total: int
    items: list[StudyRow]


class InstanceView(Answer):
    sop_instance_uid: str
    sop_class_uid: str
    kind: Literal["clip", "still", "slide", "other"]
    frame_count: int
    rows: int
    columns: int
    number: int | None
    transfer_syntax_uid: str
    size_bytes: int
    frame_time_ms: float | None = None
    frame_times_ms: list[float] | None = None
    """Increments, the first 0, when the frames are uneven.  Standard: PS3.3 C.7.6.5.1.2"""
    gaps: str = ""
    is_recovered: bool = False
    content_s: float | None = None


class SeriesView(Answer):
    series_instance_uid: str
    modality: str
    number: int | None
    description: str
    instances: list[InstanceView]


class StudyView(StudyRow):
    series: list[SeriesView]
    away: AwayView | None = None
    """Not all of it is on this node: it is being fetched back."""


class SlideRow(Answer):
    study_instance_uid: str
    series_instance_uid: str
    name: str
    patient_name: str
    patient_id: str
    scanned_s: float | None
    width_px: int
    height_px: int
    mpp: float | None
    magnification: float | None
    stain: str
    scanner: str
    label_sop: str | None
    overview_sop: str | None
    thumbnail_sop: str | None
    size_bytes: int
    kept_s: float
    delivery: DeliverySummary
    job_id: str | None
    """The conversion that is still to write files of it; until then it is shown straight from its scan."""


class LevelView(Answer):
    sop_instance_uid: str
    width_px: int
    height_px: int
    tile_width_px: int
    tile_height_px: int
    columns: int
    rows: int
    mpp_x: float | None
    mpp_y: float | None
    frame_count: int
    transfer_syntax_uid: str
    focal_plane_count: int
    channel_count: int


class ColourView(Answer):
    """The ICC profile of a slide."""

    name: str
    is_assumed: bool
    """The scan brought none: the objects say sRGB in its place, and nothing is to be corrected."""
    address: str


class ChannelView(Answer):
    name: str


class PictureView(Answer):
    sop_instance_uid: str
    width_px: int
    height_px: int


class SlideView(SlideRow):
    levels: list[LevelView]
    """Biggest first."""
    label: PictureView | None
    overview: PictureView | None
    thumbnail: PictureView | None
    colour: ColourView | None
    channels: list[ChannelView]
    """Of the optical paths; empty when there is one only."""
    focus_um: list[float]
    """Of the focal planes, from the first; empty when there is one only."""
    remarks: str
    """What the scan lacked or was damaged, in words: a scale that was assumed, tiles that are white here."""
    away: AwayView | None = None
    """Not all of it is on this node: it is being fetched back."""


# What people do with a study


class Labels(Request):
    """Words on one study; sent, they replace those before."""

    labels: Annotated[list[Annotated[str, Meta(max_length=80)]], Meta(max_length=100)]


class LabelView(Answer):
    label: str
    study_count: int


class ShareWish(Request):
    lasts: Literal["day", "week", "month", "year"] = "week"


class ShareView(Answer):
    share_id: str
    made_by: str
    made_s: float
    expires_s: float
    used_s: float | None
    """When somebody last came by it."""


class ShareMade(Answer):
    share: ShareView
    url: str
    """Told once: the node keeps no more than a digest of its token."""
    qr_svg: str


class SharedToken(Request):
    token: Annotated[str, Meta(max_length=200)]


class Shared(Answer):
    study_instance_uid: str
    expires_s: float


class SendWish(Request):
    destination: Name


class ProofView(Answer):
    """Digests of an object as it was read just now, each of the asker's salt and then the bytes; SHA-256 in hex."""

    whole: str
    dataset: str
    """Of the file after its file meta information, which names whoever wrote it."""
    size_bytes: int
