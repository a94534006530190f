"""The head of every object this product writes: file meta information and who wrote it."""

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence

from edge.dicom.implementation import IMPLEMENTATION_CLASS_UID, PRODUCT_NAME, product_version

__all__ = [
    "IMPLEMENTATION_CLASS_UID",
    "PRODUCT_NAME",
    "UTF_8",
    "contributing_equipment",
    "file_meta",
    "product_version",
]
UTF_8 = "ISO_IR 192"


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> FileMetaDataset:
    """Return group 2.  Standard: PS3.10 7.1"""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = sop_class_uid
    meta.MediaStorageSOPInstanceUID = sop_instance_uid
    meta.TransferSyntaxUID = transfer_syntax_uid
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = f"EDGE_{product_version()}"[:16]
    return meta


def contributing_equipment(institution: str, station: str) -> Sequence:
    """Return the item that says this node acquired the frames the probe sent.  Standard: PS3.3 C.12.1"""
    item = Dataset()
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "109101", "DCM", "Acquisition Equipment"
    item.PurposeOfReferenceCodeSequence = Sequence([code])
    item.Manufacturer = PRODUCT_NAME
    item.ManufacturerModelName = PRODUCT_NAME
    item.SoftwareVersions = product_version()
    if institution:
        item.InstitutionName = institution[:64]
    if station:
        item.StationName = station[:16]
    return Sequence([item])
