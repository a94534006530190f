"""From what is configured to an opened source."""

from edge.capture.dicom import DicomFile
from edge.capture.file import VideoFile
from edge.capture.source import Opened
from edge.capture.stream import open_stream
from edge.capture.synthetic import Synthetic
from edge.capture.v4l2 import open_v4l2
from edge.config import Source
from edge.errors import ConfigError


class SourceKindMissing(ConfigError):
    """This kind of source cannot be opened by this version; trying again does not help."""

    code = "source.kind"
    next_step = "Choose another kind: v4l2, stream, file, dicom or synthetic."


def open_source(settings: Source) -> Opened:
    """Open a source.  Raises: SourceAbsent (temporary), SourceKindMissing."""
    match settings.kind:
        case "file":
            return VideoFile(settings)
        case "dicom":
            return DicomFile(settings)
        case "synthetic":
            return Synthetic(settings)
        case "v4l2":
            return open_v4l2(settings)
        case "stream":
            return open_stream(settings)
        case kind:
            raise SourceKindMissing(f"Sources of kind {kind!r} are not supported yet (source {settings.name}).")
