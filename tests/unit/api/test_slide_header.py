"""What the pages say of a slide, from its header."""

import pytest
from pydicom.dataset import Dataset

from edge.api.slide_header import describe


@pytest.mark.parametrize(
    ("maker", "model", "shown"),
    [("Maker", "Scan 1", "Maker Scan 1"), ("Maker", "Unknown", "Maker"), ("Unknown", "Unknown", ""), (None, "", "")],
)
def test_a_scanner_is_named_as_far_as_it_is_known(maker: str | None, model: str, shown: str) -> None:
    ds = Dataset()
    ds.Rows = ds.Columns = 240
    if maker is not None:
        ds.Manufacturer = maker
    ds.ManufacturerModelName = model
    assert describe(ds).scanner == shown
