"""A slide of ours in dicom-microscopy-viewer, in Chromium: a judge that knows nothing of this node but DICOMweb."""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.browser import chromium
from tests.support.dicomweb import serve
from tests.support.scanners import write_qptiff, write_qptiff_colour, write_scn
from wsi.convert import Conversion, convert

VERSION = "0.48.24"
PEERS = Path(__file__).resolve().parents[2] / "build" / "peers" / "dicom-microscopy-viewer"
INSTALL_S_MAX = 300
SHOWN_S_MAX = 60
SIDE_PX = 700

PAGE = """<!doctype html><meta charset="utf-8">
<style>html, body { margin: 0; background: #000 } #stage { width: 700px; height: 700px; background: #000 }</style>
<div id="stage"></div>
<script src="/client/dicomweb-client.js"></script>
<script src="/dicom-microscopy-viewer/dicomMicroscopyViewer.min.js"></script>
<script>
async function show(study, series) {
  const { api } = window.DICOMwebClient ?? window['dicomweb-client'];
  const library = window.dicomMicroscopyViewer;
  const client = new api.DICOMwebClient({ url: location.origin + '/dicom-web' });
  const metadata = await client.retrieveSeriesMetadata({ studyInstanceUID: study, seriesInstanceUID: series });
  const levels = metadata
    .map(one => new library.metadata.VLWholeSlideMicroscopyImage({ metadata: one }))
    .filter(one => one.ImageType[2] === 'VOLUME' || one.ImageType[2] === 'THUMBNAIL')
    // Channels and colour it takes apart only: a fluorescence slide's thumbnail is in colour.
    .filter((one, _, all) => one.SamplesPerPixel === all.find(each => each.ImageType[2] === 'VOLUME').SamplesPerPixel);
  const viewer = new library.viewer.VolumeImageViewer({ client, metadata: levels, controls: [] });
  viewer.render({ container: document.getElementById('stage') });
  if (levels[0].SamplesPerPixel === 1) {
    for (const { identifier } of viewer.getAllOpticalPaths()) {
      viewer.activateOpticalPath(identifier);
      viewer.showOpticalPath(identifier, { limitValues: [0, 255], opacity: 1, color: [255, 255, 255] });
    }
  }
  window.viewer = viewer;
  return levels.length;
}
</script>
"""


@pytest.fixture(scope="module")
def library() -> Path:
    """Install the viewer with npm, once; the tests say so where that cannot be."""
    found = (
        PEERS / "node_modules" / "dicom-microscopy-viewer" / "dist" / "dynamic-import" / "dicomMicroscopyViewer.min.js"
    )
    if not found.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("dicom-microscopy-viewer absent: npm is not installed")
        PEERS.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(PEERS), "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            subprocess.run(
                [*command, f"dicom-microscopy-viewer@{VERSION}"], check=True, capture_output=True,
                timeout=INSTALL_S_MAX, cwd=PEERS,
            )  # fmt: skip
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"dicom-microscopy-viewer absent: npm could not install it ({error})")
    return PEERS / "node_modules"


@pytest.fixture
def pages(tmp_path: Path, library: Path) -> dict[str, Path]:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text(PAGE)
    program = library / "dicom-microscopy-viewer" / "dist" / "dynamic-import"
    return {
        "/page": folder,
        "/dicom-microscopy-viewer": program,
        "/static/js": program,  # Where it looks for its own worker and decoders.
        "/client": library / "dicomweb-client" / "build",
    }


@pytest.mark.parametrize(
    "name",
    [
        "wsi/aperio/CMU-1-Small-Region.svs",
        "wsi/synthetic-container/philips-like.tiff",
        "wsi/hamamatsu/test3-TRITC_2_560.ndpi",
    ],
)
def test_an_independent_viewer_shows_the_slide(
    tmp_path: Path, real_data: Path, pages: dict[str, Path], name: str
) -> None:
    if not (real_data / name).exists():
        pytest.skip(f"real data absent: {name}")
    share, contrast, complaints = look(convert(real_data / name, tmp_path / "out"), tmp_path, pages)
    assert share > 0.3, f"only {share:.0%} of the stage shows anything; {complaints[:3]}"
    assert contrast > 5, "what is shown is one flat colour"
    assert complaints == []


@pytest.mark.parametrize("write", [write_scn, write_qptiff_colour, write_qptiff], ids=lambda write: write.__name__)
def test_an_independent_viewer_shows_what_other_scanners_write(
    tmp_path: Path, pages: dict[str, Path], write: Callable[[Path], object]
) -> None:
    write(tmp_path / "a.scan")
    share, contrast, complaints = look(convert(tmp_path / "a.scan", tmp_path / "out"), tmp_path, pages)
    assert share > 0.3, f"only {share:.0%} of the stage shows anything; {complaints[:3]}"
    assert contrast > 5, "what is shown is one flat colour"
    assert complaints == []


def look(made: Conversion, folder: Path, pages: dict[str, Path]) -> tuple[float, float, list[str]]:
    """Show a slide; return which share of the stage shows something, its contrast, and what the page complained of."""
    complaints: list[str] = []
    with serve(folder / "store", pages=pages) as served, chromium() as browser:
        for file in made.files:
            served.keep(file.path)
        page: Any = browser.new_page(viewport={"width": SIDE_PX, "height": SIDE_PX})  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{served.url}/page/index.html")
        count = page.evaluate(
            "([study, series]) => show(study, series)", [made.study_instance_uid, made.series_instance_uid]
        )
        assert count >= 1
        shown = contrast = 0.0
        for _ in range(SHOWN_S_MAX * 4):
            page.wait_for_timeout(250)
            picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
            shown = float((picture.max(2) > 0).mean())
            contrast = float(picture[picture.max(2) > 0].std()) if shown else 0.0
            if shown > 0.3 and contrast > 5:
                break
        page.screenshot(path=str(folder / "shown.png"))
    return shown, contrast, complaints
