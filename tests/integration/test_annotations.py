"""Drawings on exact frames, through the real capture and record services into objects."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import highdicom
import msgspec
import pytest
from pydicom import dcmread

from edge.core.annotation import Author, Graphic, GraphicKind
from edge.core.session import Patient, Session
from edge.dicom.identity import new_uid
from edge.errors import EdgeError
from edge.record.annotations import Annotations, Frames, Job
from edge.store import fetches
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.away import Node
from tests.support.judges import dciodvfy_errors
from tests.support.recording import Recording, RingTap, decoded_digests, recording, source, wait_for

CALIBRATED = (
    source("probe", "synthetic", width_px=400, height_px=300, fps=50.0)
    + "regions = [{min_x_px = 0, min_y_px = 0, max_x_px = 399, max_y_px = 299, cm_per_px_x = 0.02, cm_per_px_y = 0.02}]"
)
ARROW = {"kind": "arrow", "points": [[0.1, 0.1], [0.5, 0.5]], "text": "here"}
CALIPER = {"kind": "distance", "points": [[0.1, 0.1], [0.35, 0.1]]}
AUTHOR = {"name": "Dr Remote", "role": "specialist"}


def _kept(run: Recording, uid: str) -> Path:
    store = Instances(Database(run.data / "edge.db"), run.data)
    return store.path_of(wait_for(lambda: store.find(uid), 30))


def _annotate(run: Recording, session: Any, **values: Any) -> dict[str, Any]:
    wish = {"graphics": [], "measurements": [], "author": AUTHOR, **values}
    answer: dict[str, Any] = run.ask("record", "annotate", session_id=session.session_id, **wish)
    return answer


def test_a_drawing_keeps_the_very_frame_it_was_made_on_and_refers_to_it(tmp_path: Path) -> None:
    with recording(tmp_path, CALIBRATED) as run:
        session = run.begin("probe", patient_id="7", name="Zebra^Test")
        tap = RingTap(run.reader("probe"))
        tap.follow(0.6)
        wanted = sorted(tap.seen)[5]
        hold = run.ask("record", "frame.hold", session_id=session.session_id, frame_index=wanted)
        assert (hold["frame_index"], hold["width_px"], len(hold["regions"])) == (wanted, 400, 1)
        told = _annotate(run, session, hold_id=hold["hold_id"], graphics=[ARROW], measurements=[CALIPER])
        assert told["measurements"][0]["values"] == [{"name": "length", "value": pytest.approx(20.0), "unit": "mm"}]
        still = _kept(run, told["still_sop_instance_uid"])
        assert decoded_digests(still) == [tap.seen[wanted][0]]
        drawing, report = _kept(run, told["sop_instance_uid"]), _kept(run, told["report_sop_instance_uid"])
        for path in (drawing, report):
            assert dciodvfy_errors(path, tmp_path) == []
        state = dcmread(drawing)
        (image,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
        assert image.ReferencedSOPInstanceUID == told["still_sop_instance_uid"]
        assert state.SeriesInstanceUID == session.presentation_series_uid
        groups = highdicom.sr.srread(str(report)).content.get_image_measurement_groups()
        assert groups[0].get_measurements()[0].value == pytest.approx(20.0)
        wait_for(lambda: not list((run.data / "spool").glob("*.annotation")))


def test_two_drawings_on_one_frame_make_one_still_and_no_duplicate_numbers(tmp_path: Path) -> None:
    with recording(tmp_path, CALIBRATED) as run:
        session = run.begin("probe")
        wait_for(lambda: run.ask("record", "still", session_id=session.session_id))
        taken = run.ask("record", "still", session_id=session.session_id)
        told = [_annotate(run, session, frame_index=taken["frame_index"], graphics=[ARROW]) for _ in range(2)]
        stills = {answer["still_sop_instance_uid"] for answer in told}
        assert len(stills) == 1
        numbers = {dcmread(_kept(run, answer["sop_instance_uid"])).InstanceNumber for answer in told}
        assert numbers == {1, 2}
        assert {dcmread(path, stop_before_pixels=True).SOPInstanceUID for _, path in run.saved(session, 2)} >= stills


def test_a_drawing_told_of_as_saved_survives_a_kill_before_its_objects_are_made(tmp_path: Path) -> None:
    with recording(tmp_path, CALIBRATED) as run:
        session = run.begin("probe")
        wait_for(lambda: run.ask("record", "frame.hold", session_id=session.session_id))
        hold = run.ask("record", "frame.hold", session_id=session.session_id)
        told = _annotate(run, session, hold_id=hold["hold_id"], graphics=[ARROW], measurements=[CALIPER])
        run.kill("record")
        run.start("record")
        for uid in (told["still_sop_instance_uid"], told["sop_instance_uid"], told["report_sop_instance_uid"]):
            assert dciodvfy_errors(_kept(run, uid), tmp_path) == []
        store = Instances(Database(run.data / "edge.db"), run.data)
        assert len(store.in_series(session.presentation_series_uid)) == 1


def test_a_heart_rate_names_the_frames_of_both_beats(tmp_path: Path) -> None:
    with recording(tmp_path, CALIBRATED) as run:
        session = run.begin("probe")
        tap = RingTap(run.reader("probe"))
        tap.follow(1.4)
        first, second = sorted(tap.seen)[2], sorted(tap.seen)[-3]
        holds = [
            run.ask("record", "frame.hold", session_id=session.session_id, frame_index=index)
            for index in (first, second)
        ]
        rate = {"kind": "heart_rate", "from_hold_id": holds[0]["hold_id"]}
        told = _annotate(run, session, hold_id=holds[1]["hold_id"], measurements=[rate])
        seconds = (tap.seen[second][1] - tap.seen[first][1]) / 1e9
        assert told["measurements"][0]["values"][0]["value"] == pytest.approx(60 / seconds)
        report = highdicom.sr.srread(str(_kept(run, told["report_sop_instance_uid"])))
        (measurement,) = report.content.get_image_measurement_groups()[0].get_measurements()
        uids = [image.referenced_sop_instance_uid for image in measurement.referenced_images]
        digests = [decoded_digests(_kept(run, uid))[0] for uid in uids]
        assert digests == [tap.seen[first][0], tap.seen[second][0]]


def test_a_picture_that_is_not_calibrated_keeps_the_drawing_and_gives_no_figure(tmp_path: Path) -> None:
    probe = source("probe", "synthetic", width_px=160, height_px=120, fps=50.0, model="colour")
    with recording(tmp_path, probe) as run:
        session = run.begin("probe")
        wait_for(lambda: run.ask("record", "frame.hold", session_id=session.session_id))
        hold = run.ask("record", "frame.hold", session_id=session.session_id)
        told = _annotate(run, session, hold_id=hold["hold_id"], measurements=[CALIPER])
        assert told["report_sop_instance_uid"] == ""
        assert "cannot be measured" in told["measurements"][0]["reason"]
        path = _kept(run, told["sop_instance_uid"])
        assert dcmread(path).SOPClassUID == "1.2.840.10008.5.1.4.1.1.11.2"
        assert dciodvfy_errors(path, tmp_path) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"hold_id": "0000"},
        {"frame_index": 999_999_999, "graphics": [ARROW]},
        {"graphics": [ARROW]},
        {"frame_index": 1},
        {"frame_index": 1, "graphics": [{"kind": "circle", "points": []}]},
        {"frame_index": 1, "graphics": [{"kind": "point", "points": [[2, 0]]}]},
        {"frame_index": 1, "graphics": [{"kind": "point", "points": "x"}]},
    ],
)
def test_what_cannot_be_kept_is_refused_in_words_and_leaves_nothing(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with recording(tmp_path, CALIBRATED) as run:
        session = run.begin("probe")
        time.sleep(0.2)
        with pytest.raises(EdgeError) as refusal:
            _annotate(run, session, **wrong)
        assert refusal.value.message
        assert not list((run.data / "spool").glob("*.annotation"))
        assert not list((run.data / "spool").glob("*.spool"))


def test_a_drawing_on_a_still_that_has_left_the_disk_is_kept_once_the_still_is_back(tmp_path: Path) -> None:
    node = Node(tmp_path / "data")
    (still_uid,) = node.evicted()
    study = node.store.require(still_uid).study_instance_uid
    job = Job(
        annotation_id="a1", still_uid=still_uid, earlier_uids=(), frame_index=0, measured=(), report_uid="", made_s=1.0,
        graphics=(Graphic(kind=GraphicKind.ARROW, points=((0.1, 0.1), (0.5, 0.5))),), presentation_uid=new_uid(),
        author=Author(**AUTHOR), session=Session(
            session_id="s1", source="probe", patient=Patient(), study_instance_uid=study, series_instance_uid=new_uid(),
            opened_s=1.0,
        ),
    )  # fmt: skip
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "a1.annotation").write_bytes(msgspec.json.encode(asdict(job)))
    told: list[str] = []
    annotations = Annotations(
        spool, cast(Frames, None), node.store, station="clinic", institution="", tell=lambda name, _: told.append(name)
    )
    annotations.start()
    try:
        wait_for(lambda: fetches.due(node.database, now_s=time.time() + 1, limit=9))
        assert node.fetcher().step()
        assert dcmread(node.path(wait_for(lambda: node.store.find(job.presentation_uid)).sop_instance_uid))
        wait_for(lambda: told)
    finally:
        annotations.stop()
    assert told == ["object.saved"] and not list(spool.iterdir())
