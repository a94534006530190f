"""The table of formats in the documents says what the converter does."""

import os
from pathlib import Path

from tests.support.formats import BEGIN, DOCUMENT, END, SAMPLES, names_of_real, table

_DATA = Path(os.environ.get("EDGE_REAL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def test_the_table_of_formats_is_what_the_converter_does() -> None:
    text = DOCUMENT.read_text()
    written = text[text.index(BEGIN) : text.index(END)].splitlines()[3:]
    made = table(SAMPLES, _DATA)
    missing = names_of_real() if not (_DATA / "wsi").is_dir() else set()
    expected = [row for row in written if row.split(" | ")[0].removeprefix("| ") not in missing]
    assert made == expected, "docs/formats.md is stale: run `python -m tests.support.formats`"
    assert len(written) == len(SAMPLES)
