"""An evicted study, opened again: told in words with progress, then served byte for byte, from a real archive."""

import json
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from edge.config import load
from edge.store import audit_log, deliveries, evictions
from tests.support.api import PASSWORD
from tests.support.objects import dataset_bytes, make_dataset
from tests.support.orthanc import Orthanc
from tests.support.served_api import ServedApi
from tests.support.services import Service, write_config

STUDY = "1.2.826.0.1.3680043.8.498.7"
COUNT = 4


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: the names of Unix sockets are."""
    path = Path(tempfile.mkdtemp(prefix="edge-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def wait_for(look: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(0.05)


def sign_in(api: ServedApi) -> urllib.request.OpenerDirector:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    body = json.dumps({"name": "admin", "password": PASSWORD}).encode()
    opener.open(urllib.request.Request(api.url + "/api/v1/sign-in", body, {"Content-Type": "application/json"}))
    return opener


def get(who: urllib.request.OpenerDirector, api: ServedApi, path: str, accept: str = "*/*") -> tuple[int, Any, Any]:
    request = urllib.request.Request(api.url + path, headers={"Accept": accept})
    try:
        with who.open(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


@pytest.mark.parametrize("way", ["stow", "dimse"])
def test_an_evicted_study_that_somebody_opens_is_told_of_and_then_served_as_it_was(folder: Path, way: str) -> None:
    modalities = {"clinic": {"AET": "CLINIC7", "Host": "127.0.0.1", "Port": 4242, "AllowGet": True}}
    options = {"DicomModalities": modalities, "DicomAlwaysAllowGet": True}
    with Orthanc(folder / "orthanc", options=options) as hospital:
        section = {
            "stow": f'kind = "stow"\nurl = "{hospital.url}/dicom-web"',
            "dimse": f'host = "127.0.0.1"\nport = {hospital.dimse_port}\nae_title = "{hospital.ae_title}"',
        }[way]
        path = write_config(
            folder,
            f'[retention]\nbudget_mb = 1\nkeep_hours = 0\nfree_mb = 0\n[[destination]]\nname = "vna"\n{section}\n'
            "commitment = false\n",
        )
        with ServedApi(folder, config=load(path)) as api:
            who = sign_in(api)
            whole = {}
            for number in range(COUNT):
                temp = api.instances.new_temp()
                ds = make_dataset(pixel_seed=number, rows=600, columns=600, StudyInstanceUID=STUDY)
                ds.save_as(temp, enforce_file_format=True)
                data = temp.read_bytes()
                whole[api.instances.keep(temp, source="test").instance.sop_instance_uid] = data
            with Service("uplink", path) as uplink:
                wait_for(lambda: evictions.used_bytes(api.node.database) < 0.9 * 2**20)
                evicted = evictions.away(api.node.database)[0]
                assert evicted >= 2
                uplink.stop()
                first = next(one for one in api.instances.in_study(STUDY) if one.evicted_s is not None)
                address = (
                    f"/dicom-web/studies/{STUDY}/series/{first.series_instance_uid}/instances/{first.sop_instance_uid}"
                )
                # The link is gone: everything is told, nothing is lost.
                status, picture, _ = get(who, api, f"{address}/thumbnail", "image/jpeg")
                assert status == 200 and picture[:2] == b"\xff\xd8"
                status, body, headers = get(who, api, f"{address}/frames/1", "application/octet-stream")
                said = json.loads(body)
                assert status == 503 and said["code"] == "object.away" and int(headers["Retry-After"]) > 0
                assert f"{COUNT - evicted} of {COUNT} objects are here" in said["message"] and said["next_step"]
                _, body, _ = get(who, api, f"/api/v1/studies/{STUDY}")
                away = json.loads(body)["away"]
                assert away["away_count"] == evicted and 0 <= away["share"] < 1
            # There is room again, and the link: what is wanted comes back by itself.
            path.write_text(path.read_text().replace("budget_mb = 1", "budget_mb = 0"))
            with Service("uplink", path):
                wait_for(lambda: get(who, api, f"{address}/frames/1", "application/octet-stream")[0] == 200)
                wait_for(lambda: json.loads(get(who, api, f"/api/v1/studies/{STUDY}")[1])["away"] is None)
            for instance in api.instances.in_study(STUDY):
                assert api.instances.path_of(instance).read_bytes() == whole[instance.sop_instance_uid]
                assert dataset_bytes(hospital.file_of(instance.sop_instance_uid)) == dataset_bytes(
                    whole[instance.sop_instance_uid]
                )
            assert get(who, api, address, "application/dicom")[1] == whole[first.sop_instance_uid]
            assert len(audit_log.list_rows(api.node.database, action="object.evicted")) == evicted
            assert len(audit_log.list_rows(api.node.database, action="object.returned")) == evicted
            assert audit_log.verify(api.node.database) is None
            assert deliveries.counts(api.node.database)[0].counts["safe"] == COUNT
