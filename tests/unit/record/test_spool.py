"""A spool cut anywhere keeps every whole frame and nothing else."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.clip import EndReason
from edge.core.frame import FrameInfo
from edge.core.session import Patient, Session
from edge.record.packed import check, pack, unpack
from edge.record.spool import SpoolDamaged, SpoolHeader, SpoolWriter, cut_torn_tail, read_spool
from edge.ring import Frame
from tests.support.frames import frame_of

SESSION = Session(
    session_id="s1", source="probe", patient=Patient(patient_id="7", name="Zebra^Test", size_m=0.5),
    study_instance_uid="2.25.1", series_instance_uid="2.25.2", opened_s=1_700_000_000.0,
)  # fmt: skip
HEADER = SpoolHeader(
    clip_id="c1", kind="clip", sop_instance_uid="2.25.3", instance_number=4, session=SESSION,
    source={"name": "probe", "regions": []}, started_s=1_700_000_001.0,
)  # fmt: skip


def frames(count: int) -> list[Frame]:
    rng = np.random.default_rng(1)
    return [frame_of(rng.integers(0, 255, (6, 8, 3), np.uint8), index) for index in range(count)]


def written(folder: Path, count: int, *, end: EndReason | None = EndReason.STOPPED) -> tuple[Path, list[int]]:
    """Return the spool and its size after each frame."""
    writer = SpoolWriter(folder, HEADER)
    sizes = [writer.size_bytes]
    for frame in frames(count):
        writer.append(pack(frame))
        sizes.append(writer.size_bytes)
    writer.sync()
    if end is None:
        writer.close()
    else:
        writer.finish(end)
    return writer.path, sizes


def test_what_was_written_is_read_back_with_every_word_of_the_session(tmp_path: Path) -> None:
    path, _ = written(tmp_path, 5)
    spool = read_spool(path)
    assert spool.header == HEADER
    assert spool.end is EndReason.STOPPED
    for frame, packed in zip(frames(5), spool.frames(), strict=True):
        assert packed.info == frame.info
        check(unpack(packed, channel_count=3), frame.info)


def test_without_an_end_it_was_broken_off(tmp_path: Path) -> None:
    path, _ = written(tmp_path, 2, end=None)
    assert read_spool(path).end is None
    assert cut_torn_tail(read_spool(path)) == 0


def test_cut_at_any_byte_every_whole_frame_is_kept_and_the_torn_one_goes(tmp_path: Path) -> None:
    path, sizes = written(tmp_path, 3, end=None)
    whole = path.read_bytes()
    for size in range(sizes[0], len(whole)):
        path.write_bytes(whole[:size])
        spool = read_spool(path)
        wanted_count = sum(size >= end for end in sizes[1:])
        assert len(spool.entries) == wanted_count
        assert cut_torn_tail(spool) == size - sizes[wanted_count]
        assert path.stat().st_size == sizes[wanted_count]
        assert read_spool(path).entries == spool.entries


def test_cut_within_the_head_nothing_is_attributed_to_anybody(tmp_path: Path) -> None:
    path, sizes = written(tmp_path, 1, end=None)
    whole = path.read_bytes()
    for size in range(sizes[0]):
        path.write_bytes(whole[:size])
        with pytest.raises(SpoolDamaged):
            read_spool(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_never_passes_for_a_frame(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("spool")
    path, sizes = written(folder, 3)
    whole = bytearray(path.read_bytes())
    position = data.draw(st.integers(sizes[0], len(whole) - 1))
    whole[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(whole)
    spool = read_spool(path)
    originals = frames(3)
    for packed in spool.frames():
        assert packed.info == originals[packed.info.index].info
        check(unpack(packed, channel_count=3), packed.info)


def test_a_damaged_frame_is_left_out_and_those_after_it_are_kept(tmp_path: Path) -> None:
    path, sizes = written(tmp_path, 4)
    whole = bytearray(path.read_bytes())
    whole[sizes[2] - 5] ^= 1
    path.write_bytes(whole)
    spool = read_spool(path)
    assert [entry.info.index for entry in spool.entries] == [0, 2, 3]
    assert spool.end is EndReason.STOPPED


def test_zeros_at_the_end_as_some_file_systems_leave_them_are_a_torn_tail(tmp_path: Path) -> None:
    path, _ = written(tmp_path, 2, end=None)
    with open(path, "ab") as file:
        file.write(b"\0" * 5000)
    spool = read_spool(path)
    assert len(spool.entries) == 2
    assert cut_torn_tail(spool) == 5000


def test_a_failed_write_leaves_the_last_whole_frame_as_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SpoolWriter(tmp_path, HEADER)
    first, second = frames(2)
    writer.append(pack(first))
    size = writer.size_bytes
    real = os.writev

    def half(descriptor: int, parts: tuple[bytes, ...]) -> int:
        real(descriptor, [parts[0][:7]])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge.record.spool.os.writev", half)
    with pytest.raises(Exception, match="full"):
        writer.append(pack(second))
    monkeypatch.undo()
    assert writer.path.stat().st_size == size
    writer.finish(EndReason.DISK_FULL)
    assert [entry.info for entry in read_spool(writer.path).entries] == [first.info]


def test_two_spools_never_share_a_file(tmp_path: Path) -> None:
    SpoolWriter(tmp_path, HEADER).close()
    with pytest.raises(FileExistsError):
        SpoolWriter(tmp_path, HEADER)


def test_an_info_survives_its_extremes(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, HEADER)
    pixels = np.zeros((1, 1), np.uint8)
    info = FrameInfo(
        index=2**63, mono_ns=2**62, wall_ns=2**62, width_px=1, height_px=1, channel_count=1, digest=b"\xff" * 32
    )
    writer.append(pack(Frame(info, pixels)))
    writer.finish(EndReason.STOPPED)
    assert read_spool(writer.path).entries[0].info == info
