"""Are the parts of an object, joined, what we have? Each is fetched back and compared, and its frames with the whole's.

Standard: PS3.3 C.7.6.16.2.2.4 (concatenations)
"""

from dataclasses import replace
from pathlib import Path

from edge.net.fetching import Fetch, NotThereError
from edge.net.parcel import Parcel
from edge.store.parts import PartRow, PartState
from edge.uplink.comparison import Comparison, Verdict, compare
from edge.uplink.parts import Cutting, Parts
from edge.uplink.picture_comparison import compare_frames


def examine(in_parts: Parts, fetch: Fetch, parcel: Parcel) -> Comparison | None:
    """Compare an object that went in parts; None for one that went whole. Parts once proven are not fetched again.

    A part that is not there, or not the same, is to go again; the others stay.
    Raises: what `Fetch` raises, OSError.
    """
    cutting = in_parts.of(parcel, has_begun=True)
    if cutting is None:
        return None
    reasons: list[str] = []
    for row in cutting.rows:
        if row.state is PartState.SAFE:
            continue
        comparison = _examine_part(in_parts, fetch, parcel, cutting, row)
        if comparison.verdict is not Verdict.SAME:
            return replace(comparison, reason=f"part {row.number} of {len(cutting.rows)}: {comparison.reason}")
        reasons += [comparison.reason] if comparison.reason and comparison.reason not in reasons else []
    words = "; ".join([f"kept there in {len(cutting.rows)} parts", *reasons])
    return Comparison(verdict=Verdict.SAME, reason=words, is_other_form=True)


def _examine_part(in_parts: Parts, fetch: Fetch, parcel: Parcel, cutting: Cutting, row: PartRow) -> Comparison:
    mine, theirs = in_parts.new_temp(), in_parts.new_temp()
    try:
        cutting.cut.write(row.number, mine)
        fetch(replace(parcel, path=mine, sop_instance_uid=row.part_uid), theirs)
        comparison = _compare(parcel.path, mine, theirs, cutting.cut.firsts[row.number - 1])
    except NotThereError:
        in_parts.move(parcel, row, PartState.WAITING)
        raise
    finally:
        mine.unlink(missing_ok=True)
        theirs.unlink(missing_ok=True)
    if comparison.verdict is not Verdict.CHANGED:
        in_parts.move(parcel, row, PartState.SAFE if comparison.verdict is Verdict.SAME else PartState.WAITING)
    return comparison


def _compare(whole: Path, mine: Path, theirs: Path, first: int) -> Comparison:
    """Compare a part with what it was made as, and its frames with those of the object it was made from."""
    comparison = compare(mine, theirs)
    if comparison.verdict is Verdict.SAME and (reason := compare_frames(whole, theirs, first=first)):
        return Comparison(verdict=Verdict.DIFFERENT, reason=reason)
    return comparison
