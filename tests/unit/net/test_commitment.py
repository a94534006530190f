"""Reading an event report."""

from pydicom import Dataset
from pydicom.sequence import Sequence

from edge.net.commitment_listener import read_report


def row(uid: str, reason: int | None = None) -> Dataset:
    ds = Dataset()
    ds.ReferencedSOPClassUID, ds.ReferencedSOPInstanceUID = "1.2", uid
    if reason is not None:
        ds.FailureReason = reason
    return ds


def test_a_report_names_what_is_committed_and_why_the_rest_is_not() -> None:
    ds = Dataset()
    ds.TransactionUID = "2.25.1"
    ds.ReferencedSOPSequence = Sequence([row("1.1"), row("1.2")])
    ds.FailedSOPSequence = Sequence([row("1.3", 0x0112), row("1.4", 0x9999), row("1.5")])
    report = read_report(ds)
    assert report.transaction_uid == "2.25.1"
    assert report.committed == {"1.1", "1.2"}
    assert report.failed["1.3"] == "it does not have the object"
    assert "0x9999" in report.failed["1.4"]
    assert report.failed["1.5"] == "processing failed there"


def test_an_empty_report_commits_nothing() -> None:
    report = read_report(Dataset())
    assert (report.transaction_uid, report.committed, report.failed) == ("", frozenset(), {})
