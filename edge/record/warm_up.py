"""Everything that keeping a drawing needs, done once with a still of nothing: the first time it takes half a second,
and the answers to whoever draws would wait beside it.
"""

import numpy as np

from edge.core.annotation import Author, Graphic, GraphicKind, MeasurementKind, Wish
from edge.core.clip import Moment, timing_of
from edge.core.frame import Calibration
from edge.core.measure import Canvas, measure
from edge.core.session import Patient, Session
from edge.dicom.codec import JPEG_LS, encoder_for
from edge.dicom.identity import new_uid
from edge.dicom.ultrasound import Content, Equipment, Picture, build

_SIDE_PX = 16
_CALIBRATION = Calibration(
    min_x_px=0, min_y_px=0, max_x_px=_SIDE_PX - 1, max_y_px=_SIDE_PX - 1, delta_x=0.1, delta_y=0.1
)
_AUTHOR = Author(name="-", role="-")


def warm_up() -> None:
    """Make a still, a drawing on it and a report, and throw them away."""
    from edge.dicom import measurement_report, presentation_state

    encoder = encoder_for(JPEG_LS)
    encoder.encode(np.zeros((_SIDE_PX, _SIDE_PX), np.uint8))
    moments = [Moment(0, 0, 0)]
    session = Session(
        session_id="-", source="-", patient=Patient(), study_instance_uid=new_uid(), series_instance_uid=new_uid(),
        opened_s=0.0,
    )  # fmt: skip
    still = build(
        Content(
            sop_instance_uid=new_uid(), instance_number=1, is_still=True, session=session, moments=moments,
            equipment=Equipment(regions=(_CALIBRATION,)), encoder=encoder, timing=timing_of(moments),
            picture=Picture(width_px=_SIDE_PX, height_px=_SIDE_PX, channel_count=1, captured_channel_count=1),
        )
    )  # fmt: skip
    identity = presentation_state.Identity(
        sop_instance_uid=new_uid(), series_instance_uid=new_uid(), instance_number=1, made_s=0.0, author=_AUTHOR
    )
    canvas = Canvas(width_px=_SIDE_PX, height_px=_SIDE_PX, regions=(_CALIBRATION,))
    points = ((0.0, 0.0), (0.5, 0.5))
    measured = [measure(Wish(kind=MeasurementKind.DISTANCE, points=points), canvas)]
    presentation_state.build(still, identity, [Graphic(kind=GraphicKind.ARROW, points=points)], measured)
    measurement_report.build(still, identity, measured, earlier=[])
