"""A full disk, a truncated video: said in words, and what is there is kept."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.core.clip import EndReason
from edge.errors import StorageFullError
from edge.record.packed import pack
from edge.record.spool import SpoolHeader, SpoolWriter, read_spool
from edge.runtime.rpc import RemoteError
from tests.support.frames import frame_of
from tests.support.judges import dciodvfy_errors
from tests.support.recording import decoded_digests, header_of, recording, source, wait_for
from tests.support.videos import synthetic
from tests.unit.record.test_spool import SESSION

NOISE = {"width_px": 640, "height_px": 480, "fps": 25.0}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", folder]).returncode:
        pytest.skip("a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_clip_that_fills_the_disk_is_ended_kept_and_forwarded_as_far_as_it_goes(small_disk: Path) -> None:
    with recording(small_disk, source("probe", "synthetic", **NOISE), "disk_reserve_mb = 2") as run:
        session = run.begin("probe")
        time.sleep(0.4)
        run.ask("record", "clip.start", session_id=session.session_id)
        wait_for(lambda: not run.ask("record", "state")[0]["is_recording"], 30)
        ((_, path),) = run.saved(session)
        assert header_of(path).NumberOfFrames > 20
        assert len(decoded_digests(path)) == header_of(path).NumberOfFrames
        assert dciodvfy_errors(path, small_disk) == []
        assert not list((run.data / "spool").glob("*.spool"))
        assert "code=store.full" in (small_disk / "record.log").read_text()
        # And now there is no room for another: refused before it begins.
        filler = run.data / "filler"
        free = os.statvfs(run.data)
        filler.write_bytes(b"x" * max(0, free.f_bavail * free.f_frsize - 2 * 2**20))
        with pytest.raises(RemoteError) as refused:
            run.ask("record", "clip.start", session_id=session.session_id)
        assert refused.value.code == "store.full"


def test_the_very_last_byte_of_the_disk_leaves_whole_frames(small_disk: Path) -> None:
    header = SpoolHeader(
        clip_id="c", kind="clip", sop_instance_uid="2.25.3", instance_number=1, session=SESSION, started_s=0.0
    )
    writer = SpoolWriter(small_disk, header)
    phantom = synthetic(640, 480, model="colour")
    frames = [pack(frame_of(phantom.draw(number), number)) for number in range(8)]
    count = 0
    with pytest.raises(StorageFullError):
        while True:
            writer.append(frames[count % 8])
            count += 1
    with pytest.raises(StorageFullError):
        for _ in range(1000):
            writer.append(frames[0])
    with contextlib.suppress(StorageFullError):
        writer.finish(EndReason.DISK_FULL)
    spool = read_spool(writer.path)
    assert len(spool.entries) >= count > 10
    assert spool.whole_bytes == writer.path.stat().st_size


def test_a_truncated_video_plays_what_it_has_and_the_operator_is_told(tmp_path: Path, real_data: Path) -> None:
    whole = (real_data / "us/video/pocus-ccby/convex_Reg_pat1Image_132943.mpeg").read_bytes()
    (tmp_path / "cut.mpeg").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "stub.mp4").write_bytes((real_data / "us/video/itkpocus/clarius-ocular-short.mp4").read_bytes()[:5000])
    sources = source("cut", "file", path=str(tmp_path / "cut.mpeg")) + source(
        "stub", "file", path=str(tmp_path / "stub.mp4")
    )
    with recording(tmp_path / "node", sources) as run:
        wait_for(lambda: {row["name"]: row for row in run.ask("capture", "sources")}["cut"]["state"] == "live")
        rows = {row["name"]: row for row in run.ask("capture", "sources")}
        assert rows["stub"]["state"] == "waiting"
        assert "cut short" in rows["stub"]["reason"]
        session = run.begin("stub")
        with pytest.raises(RemoteError) as refused:
            run.ask("record", "clip.start", session_id=session.session_id)
        assert refused.value.code == "record.silent"


def test_a_wrong_session_or_verb_is_refused_and_the_service_goes_on(tmp_path: Path) -> None:
    with recording(tmp_path, source("probe", "synthetic", width_px=64, height_px=64)) as run:
        for verb, values, code in [
            ("clip.start", {"session_id": "nobody"}, "thing.unknown"),
            ("session.begin", {"session": {"session_id": "x"}}, "input.bad"),
            ("session.end", {"session_id": "../x"}, "thing.unknown"),
        ]:
            with pytest.raises(RemoteError) as refused:
                run.ask("record", verb, **values)
            assert refused.value.code == code
        session = run.begin("probe")
        time.sleep(0.3)
        with pytest.raises(RemoteError) as refused:
            run.ask("record", "clip.stop", session_id=session.session_id)
        assert refused.value.code == "thing.unknown"
        with pytest.raises(RemoteError):
            run.ask("record", "still", session_id=session.session_id, frame_index=5)
        with pytest.raises(RemoteError):
            run.ask("record", "clip.save_last", session_id=session.session_id, seconds=-1)
        assert run.ask("record", "still", session_id=session.session_id)["frame_index"] > 0
