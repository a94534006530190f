"""Real clips through capture and record into objects: every frame, every time, judged by the standard's checker."""

import time
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEG2000Lossless

from tests.support.judges import dciodvfy_errors
from tests.support.node import wait_until
from tests.support.recording import RingTap, decoded_digests, header_of, recording, source

CLIPS = [
    ("us/video/itkpocus/clarius-ocular-short.mp4", 40.0, "ISO_14496_10"),
    ("us/video/itkpocus/sonosite-anon-eye1-video.mp4", 40.0, "ISO_14496_10"),
]


def _record(run, source_name, seconds, **patient):
    session = run.begin(source_name, **patient)
    tap = RingTap(run.reader(source_name))
    tap.follow(0.3)
    started = run.ask("record", "clip.start", session_id=session.session_id)
    tap.follow(seconds)
    stopped = run.ask("record", "clip.stop", session_id=session.session_id)
    tap.follow(0.2)
    return session, tap, started, stopped


def _assert_same_frames(tap, started, stopped, path):
    first = started["first_index"]
    wanted = [tap.seen[index][0] for index in range(first, first + stopped["frame_count"])]
    assert len(wanted) > 10
    assert decoded_digests(path) == wanted


@pytest.mark.parametrize(("clip", "frame_time_ms", "method"), CLIPS, ids=["clarius", "sonosite"])
def test_every_captured_frame_of_a_real_clip_is_in_the_object_at_its_time(
    tmp_path: Path, real_data: Path, clip: str, frame_time_ms: float, method: str
) -> None:
    with recording(tmp_path, source("probe", "file", path=str(real_data / clip), manufacturer="Probe Maker")) as run:
        session, tap, started, stopped = _record(run, "probe", 1.5, patient_id="7", name="Zebra^Test", sex="F")
        ((instance, path),) = run.saved(session)
        _assert_same_frames(tap, started, stopped, path)
        ds = header_of(path)
        assert ds.FrameTime == pytest.approx(frame_time_ms, abs=0.001)
        assert ds.NumberOfFrames == stopped["frame_count"] == instance.frame_count
        assert (ds.LossyImageCompression, ds.LossyImageCompressionMethod) == ("01", method)
        assert ds.Manufacturer == "Probe Maker"
        assert ds.AccessionNumber == ""
        assert ds.StudyInstanceUID == session.study_instance_uid
        assert "ImageComments" not in ds
        assert dciodvfy_errors(path, tmp_path) == []
        assert not list((run.data / "spool").glob("*.spool"))


def test_the_bundled_ultrasound_loop_is_recorded_in_colour_with_its_own_frame_time(tmp_path: Path) -> None:
    loop = get_testdata_file("examples_ybr_color.dcm")
    with recording(tmp_path, source("probe", "dicom", path=str(loop))) as run:
        session, tap, started, stopped = _record(run, "probe", 1.5, patient_id="7", birth_date="20200229")
        ((_, path),) = run.saved(session)
        _assert_same_frames(tap, started, stopped, path)
        ds = header_of(path)
        assert ds.FrameTime == pytest.approx(33.333, abs=0.001)
        assert (ds.PhotometricInterpretation, ds.PlanarConfiguration) == ("RGB", 0)
        assert (ds.Manufacturer, ds.ManufacturerModelName) == ("SonoSite, Inc.", "Turbo")
        # The loop was scaled down after it was calibrated: its regions would measure wrong.
        assert "SequenceOfUltrasoundRegions" not in ds
        assert dciodvfy_errors(path, tmp_path) == []


def test_uneven_times_become_a_time_vector_right_to_the_millisecond(tmp_path: Path, real_data: Path) -> None:
    clip = real_data / "us/video/itkpocus/butterfly-ocular-phantom.mp4"
    with recording(tmp_path, source("probe", "file", path=str(clip))) as run:
        session, tap, started, stopped = _record(run, "probe", 2.0)
        ((_, path),) = run.saved(session)
        ds = header_of(path)
        first = started["first_index"]
        times_ms = [tap.seen[first + number][1] / 1e6 for number in range(stopped["frame_count"])]
        assert ds.FrameIncrementPointer == 0x00181065
        assert len(ds.FrameTimeVector) == stopped["frame_count"]
        at_ms = 0.0
        for step_ms, time_ms in zip(ds.FrameTimeVector, times_ms, strict=True):
            at_ms += float(step_ms)
            assert at_ms == pytest.approx(time_ms - times_ms[0], abs=1.0)
        assert dciodvfy_errors(path, tmp_path) == []


@pytest.mark.parametrize("syntax", ["htj2k", "jpeg-2000", "rle", "uncompressed"])
@pytest.mark.parametrize("model", ["grey", "colour"])
def test_every_transfer_syntax_holds_the_captured_pixels(tmp_path: Path, syntax: str, model: str) -> None:
    probe = source("probe", "synthetic", width_px=161, height_px=121, fps=50.0, model=model)
    with recording(tmp_path, probe, f'[record]\ntransfer_syntax = "{syntax}"') as run:
        session, tap, started, stopped = _record(run, "probe", 0.6)
        ((_, path),) = run.saved(session)
        _assert_same_frames(tap, started, stopped, path)
        assert dciodvfy_errors(_for_old_judges(path, tmp_path) if syntax == "htj2k" else path, tmp_path) == []


def _for_old_judges(path: Path, folder: Path) -> Path:
    """Debian's dciodvfy does not know HTJ2K: it is shown the same dataset under JPEG 2000's name."""
    ds = dcmread(path)
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.save_as(folder / "renamed.dcm", enforce_file_format=True)
    return folder / "renamed.dcm"


def test_a_still_is_the_exact_frame_asked_for_even_when_the_ring_has_lost_it(tmp_path: Path) -> None:
    with recording(tmp_path, source("probe", "synthetic", width_px=160, height_px=120, fps=100.0)) as run:
        session = run.begin("probe")
        tap = RingTap(run.reader("probe"))
        tap.follow(1.2)
        wanted = sorted(tap.seen)[10]
        answer = run.ask("record", "still", session_id=session.session_id, frame_index=wanted)
        assert answer["frame_index"] == wanted
        ((instance, path),) = run.saved(session)
        assert instance.sop_class_uid == "1.2.840.10008.5.1.4.1.1.6.1"
        assert decoded_digests(path) == [tap.seen[wanted][0]]
        assert dciodvfy_errors(path, tmp_path) == []


def test_the_last_seconds_are_saved_without_having_been_asked_for_before(tmp_path: Path) -> None:
    with recording(tmp_path, source("probe", "synthetic", width_px=160, height_px=120, fps=50.0)) as run:
        session = run.begin("probe")
        tap = RingTap(run.reader("probe"))
        tap.follow(1.5)
        answer = run.ask("record", "clip.save_last", session_id=session.session_id, seconds=1.0)
        assert answer["frame_count"] == pytest.approx(50, abs=2)
        ((_, path),) = run.saved(session)
        digests = decoded_digests(path)
        assert len(digests) == answer["frame_count"]
        assert set(digests) <= {digest for digest, _ in tap.seen.values()} | set(digests[-3:])
        assert header_of(path).FrameTime == pytest.approx(20.0, abs=0.001)


def test_an_ended_session_is_spoken_of_until_all_of_it_is_kept(tmp_path: Path) -> None:
    with recording(tmp_path, source("probe", "synthetic", width_px=1280, height_px=720, fps=30.0)) as run:
        session, *_ = _record(run, "probe", 2.0)
        run.ask("record", "session.end", session_id=session.session_id)
        (row,) = run.ask("record", "state")
        assert (row["session_id"], row["is_followed"], row["is_recording"]) == (session.session_id, False, False)
        assert row["pending"][0]["state"] == "finalising"
        assert run.saved(session)
        wait_until(lambda: run.ask("record", "state") == [], timeout_s=5, what="nothing is pending")


def test_a_record_process_killed_during_a_clip_leaves_a_valid_object_that_says_so(tmp_path: Path) -> None:
    with recording(tmp_path, source("probe", "synthetic", width_px=320, height_px=240, fps=50.0)) as run:
        session = run.begin("probe", patient_id="7")
        tap = RingTap(run.reader("probe"))
        tap.follow(0.3)
        started = run.ask("record", "clip.start", session_id=session.session_id)
        tap.follow(1.0)
        run.kill("record")
        tap.follow(0.2)
        run.start("record")
        ((_, path),) = run.saved(session)
        ds = header_of(path)
        first = started["first_index"]
        assert ds.NumberOfFrames >= 45
        assert decoded_digests(path) == [tap.seen[first + number][0] for number in range(ds.NumberOfFrames)]
        assert ds.private_block(0x0021, "EDGE_APPLIANCE 1")[0x05].value == "YES"
        assert "power cut" in ds.ImageComments
        assert dciodvfy_errors(path, tmp_path) == []
        # The session is still followed: the nurse goes on where she was.
        again = run.ask("record", "still", session_id=session.session_id)
        assert again["frame_index"] > first


def test_a_capture_process_killed_during_a_clip_is_a_gap_that_the_object_tells(tmp_path: Path) -> None:
    with recording(tmp_path, source("probe", "synthetic", width_px=320, height_px=240, fps=50.0)) as run:
        session = run.begin("probe")
        tap = RingTap(run.reader("probe"))
        tap.follow(0.3)
        run.ask("record", "clip.start", session_id=session.session_id)
        tap.follow(0.5)
        run.kill("capture")
        run.start("capture")
        time.sleep(0.7)
        run.ask("record", "clip.stop", session_id=session.session_id)
        ((_, path),) = run.saved(session)
        ds = header_of(path)
        (gap,) = ds.private_block(0x0021, "EDGE_APPLIANCE 1")[0x01].value
        assert gap.private_block(0x0021, "EDGE_APPLIANCE 1")[0x03].value >= 1
        assert gap.private_block(0x0021, "EDGE_APPLIANCE 1")[0x04].value > 100
        assert "missing after frame" in ds.ImageComments
        assert ds.FrameIncrementPointer == 0x00181065
        assert dciodvfy_errors(path, tmp_path) == []
