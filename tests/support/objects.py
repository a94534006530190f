"""Small valid objects, made on the spot, with invented names."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from edge.dicom.identity import new_uid

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def make_dataset(*, pixel_seed: int = 0, rows: int = 64, columns: int = 64, frames: int = 1, **values: Any) -> Dataset:
    """Return a grey picture with its file meta; `values` are keywords to set, None to leave out."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = SECONDARY_CAPTURE, new_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = new_uid(), new_uid()
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Test^Object", "TEST-1", "19800101", "O"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20260102", "101500", "", "1"
    ds.StudyDescription, ds.ReferringPhysicianName = "Test study", ""
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber, ds.ConversionType = "OT", 1, 1, "WSD"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.Rows, ds.Columns = 1, "MONOCHROME2", rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    if frames > 1:
        ds.NumberOfFrames = frames
    generator = np.random.default_rng(pixel_seed)
    ds.PixelData = generator.integers(0, 256, rows * columns * frames, np.uint8).tobytes()
    for keyword, value in values.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", SECONDARY_CAPTURE)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", new_uid())
    return ds


def write_object(path: Path, **values: Any) -> Dataset:
    """Write such a picture to a file and return its dataset."""
    ds = make_dataset(**values)
    ds.save_as(path, enforce_file_format=True)
    return ds


def dataset_bytes(data: bytes) -> bytes:
    """Return a file's bytes after the file meta information, which every node writes anew."""
    length = int.from_bytes(data[140:144], "little")
    assert data[128:132] == b"DICM"
    assert data[132:140] == b"\x02\x00\x00\x00UL\x04\x00"
    return data[144 + length :]


def read_back(data: bytes) -> Dataset:
    """Return a dataset from a file's bytes."""
    return pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
