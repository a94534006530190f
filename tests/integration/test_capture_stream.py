"""A probe on the network: seen, lost, looked for, found again."""

import shutil
from pathlib import Path

import pytest

from tests.support.recording import recording, source, wait_for
from tests.support.rtsp import RtspProbe


def test_a_network_probe_that_is_unplugged_is_named_and_comes_back_by_itself_with_a_gap(
    tmp_path: Path, real_data: Path
) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg absent (Debian package ffmpeg)")
    clip = real_data / "us/video/pocus-ccby/linear_Reg_Image_18122_crop.mp4"
    probe = RtspProbe(clip, tmp_path)
    again = None
    try:
        with recording(tmp_path / "node", source("probe", "stream", url=probe.url)) as run:

            def row() -> dict:
                return run.ask("capture", "sources")[0]

            wait_for(lambda: row()["state"] == "live", 40)
            seen = row()
            assert (seen["width_px"], seen["height_px"], seen["lossy_method"]) == (208, 208, "ISO_14496_10")
            wait_for(lambda: row()["next_index"] > seen["next_index"] + 5)
            probe.stop()
            wait_for(lambda: row()["state"] == "waiting", 20)
            assert "cable" in row()["reason"]
            lost_at = row()["next_index"]
            again = RtspProbe(clip, tmp_path, port=probe.port)
            wait_for(lambda: row()["state"] == "live" and row()["next_index"] > lost_at + 5, 60)
            assert row()["reason"] == ""
    finally:
        for part in (probe, again):
            if part is not None:
                part.stop()
