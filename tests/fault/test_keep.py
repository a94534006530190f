"""keep() under SIGKILL, a full disk and failing syncs: what was acknowledged is there, what was not leaves nothing."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.errors import BadInputError, StorageFullError
from edge.runtime import kernel
from edge.store import audit_log, deliveries, durable
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset, write_object

STEPS_BEFORE_COMMIT = 5
"""Folder made, link, file and two folders synced: see `edge.runtime.kernel`."""
STEPS_OF_A_FIRST_OBJECT = STEPS_BEFORE_COMMIT + 5
"""And rows written, transaction saved (before and after), committed, temporary name taken away."""

_KEEPER = """
import json, os, signal, sys
from pathlib import Path
from edge.runtime import kernel
from edge.store.database import Database
from edge.store.instances import Instances

folder, source, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
store = Instances(Database(folder / "edge.db"), folder, destinations=["vna"])
temp = store.new_temp()
temp.write_bytes(source.read_bytes())
taken = []

def hook(name, size_bytes):
    if len(taken) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    taken.append(name)
    return size_bytes

kernel.hook = hook
kept = store.keep(temp, source="test")
print(json.dumps({"outcome": kept.outcome, "steps": taken}))
"""


def keep_in_a_process(folder: Path, source: Path, *, kill_at: int) -> dict[str, object] | None:
    """Run keep() in another process that is killed at a step; return what it acknowledged."""
    ended = subprocess.run(
        [sys.executable, "-c", _KEEPER, folder, source, str(kill_at)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode in (0, -9), ended.stderr
    answer: dict[str, object] | None = json.loads(ended.stdout) if ended.stdout else None
    return answer


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kill_at", range(STEPS_OF_A_FIRST_OBJECT + 1))
def test_a_kill_at_any_step_loses_nothing_acknowledged_and_leaves_no_orphan(tmp_path: Path, kill_at: int) -> None:
    source, folder = tmp_path / "source.dcm", tmp_path / "data"
    ds = write_object(source)
    acknowledged = keep_in_a_process(folder, source, kill_at=kill_at)
    if kill_at == STEPS_OF_A_FIRST_OBJECT:
        assert acknowledged is not None and len(acknowledged["steps"]) == STEPS_OF_A_FIRST_OBJECT  # type: ignore[arg-type]

    store = Instances(Database(folder / "edge.db"), folder, destinations=["vna"])
    store.sweep(grace_s=-5)
    found = store.find(ds.SOPInstanceUID)
    if acknowledged is not None:
        assert found is not None
    expected = [] if found is None else [store.path_of(found)]
    assert files_below(folder / "objects") == expected
    assert files_below(folder / "incoming") == []
    if found is not None:
        assert store.path_of(found).read_bytes() == source.read_bytes()
        assert [row.destination for row in deliveries.of_instance(store._database, ds.SOPInstanceUID)] == ["vna"]

    again = keep_in_a_process(folder, source, kill_at=99)
    assert again is not None and again["outcome"] == ("kept" if found is None else "known")
    assert len(files_below(folder / "objects")) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("failing_step", range(STEPS_BEFORE_COMMIT))
def test_a_disk_that_fails_at_any_step_raises_and_leaves_no_row_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_step: int, number: int
) -> None:
    store = Instances(Database(tmp_path / "edge.db"), tmp_path, destinations=["vna"])
    temp = store.new_temp()
    ds = write_object(temp)
    taken = []

    def fail(name: str, size_bytes: int) -> int:
        taken.append(name)
        if len(taken) == failing_step + 1:
            raise OSError(number, os.strerror(number))
        return size_bytes

    monkeypatch.setattr(kernel, "hook", fail)
    with pytest.raises(StorageFullError if number == errno.ENOSPC else OSError):
        store.keep(temp, source="test")
    monkeypatch.setattr(kernel, "hook", None)
    assert store.find(ds.SOPInstanceUID) is None
    assert files_below(tmp_path / "incoming") == []
    store.sweep(grace_s=-5)
    assert files_below(tmp_path / "objects") == []
    ds.save_as(temp, enforce_file_format=True)
    assert store.keep(temp, source="test").outcome == "kept"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_filled_to_the_last_byte_loses_nothing_and_works_again_when_space_returns(
    small_disk: Path, tmp_path: Path
) -> None:
    data = small_disk / "data"
    store = Instances(Database(data / "edge.db"), data, destinations=["vna"])
    kept: list[str] = []
    made = []
    for number in range(100):
        ds = write_object(tmp_path / "made.dcm", rows=200, columns=200, pixel_seed=number)
        made.append((ds, (tmp_path / "made.dcm").read_bytes()))
    with pytest.raises(StorageFullError):
        for number in range(100):
            temp = store.new_temp()
            ds, data_bytes = made[number]
            with durable.full_disk_explained(temp):
                temp.write_bytes(data_bytes)
            kept.append(store.keep(temp, source="test").instance.sop_instance_uid)
            assert kept[-1] == ds.SOPInstanceUID
    assert len(kept) > 5
    for leftover in files_below(data / "incoming"):
        leftover.unlink()
    for uid in kept:
        instance = store.require(uid)
        assert durable.digest_of(store.path_of(instance)).hex() == instance.digest
    assert audit_log.verify(store._database) is None
    subprocess.run(["mount", "-o", "remount,size=12m", small_disk], check=True)
    temp = store.new_temp()
    write_object(temp)
    assert store.keep(temp, source="test").outcome == "kept"
    assert deliveries.counts(store._database)[0].counts["waiting"] == len(kept) + 1


def test_two_processes_that_keep_the_same_object_at_once_have_it_once(tmp_path: Path) -> None:
    source = tmp_path / "source.dcm"
    write_object(source)
    Instances(Database(tmp_path / "data" / "edge.db"), tmp_path / "data")
    command = [sys.executable, "-c", _KEEPER, tmp_path / "data", source, "99"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outcomes = sorted(json.loads(process.communicate(timeout=60)[0])["outcome"] for process in running)
    assert outcomes == ["kept", "known", "known"]
    assert len(files_below(tmp_path / "data" / "objects")) == 1


def test_a_sweep_leaves_the_temporary_files_of_living_processes(tmp_path: Path) -> None:
    store = Instances(Database(tmp_path / "edge.db"), tmp_path)
    mine, dead, foreign = store.new_temp(), tmp_path / "incoming" / "999999-1.ab.part", tmp_path / "incoming" / "x.tmp"
    for path in (mine, dead, foreign):
        path.write_bytes(b"x")
    assert store.sweep() == 2
    assert files_below(tmp_path / "incoming") == [mine]


def test_every_fuzzed_file_is_kept_or_refused_and_never_half_kept(tmp_path: Path, real_data: Path) -> None:
    store = Instances(Database(tmp_path / "edge.db"), tmp_path)
    refused_count = kept_count = 0
    for path in sorted((real_data / "dicom").rglob("*")):
        if not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        temp = store.new_temp()
        shutil.copyfile(path, temp)
        try:
            kept = store.keep(temp, source="test")
        except BadInputError as error:
            refused_count += 1
            assert str(tmp_path) not in error.message
        else:
            kept_count += kept.outcome == "kept"
        assert not temp.exists()
    assert kept_count > 200 and refused_count > 50
    assert len(files_below(tmp_path / "objects")) == kept_count
    assert store.sweep(grace_s=-5) == 0


def test_a_lost_file_is_healed_when_the_same_object_comes_again(tmp_path: Path) -> None:
    store = Instances(Database(tmp_path / "edge.db"), tmp_path)
    ds = make_dataset()
    for _ in range(2):
        temp = store.new_temp()
        ds.save_as(temp, enforce_file_format=True)
        kept = store.keep(temp, source="test")
        path = store.path_of(kept.instance)
        assert durable.digest_of(path).hex() == kept.instance.digest
        path.write_bytes(b"cut")


def test_an_object_that_was_committed_while_its_name_could_not_be_synced_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Instances(Database(tmp_path / "edge.db"), tmp_path, destinations=["vna"])
    first = store.new_temp()
    write_object(first)
    assert store.keep(first, source="test").outcome == "kept"
    temp, failures = store.new_temp(), []
    ds = write_object(temp, pixel_seed=2)

    def fail(name: str, size_bytes: int) -> int:
        if name == "sync_folder":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return size_bytes

    def keep() -> None:
        try:
            store.keep(temp, source="test")
        except OSError as error:
            failures.append(error.errno)

    commits = store._database.commits
    commits.is_led = True  # As if another thread were at it: ours waits, and syncs its folder meanwhile.
    monkeypatch.setattr(kernel, "hook", fail)
    thread = threading.Thread(target=keep)
    thread.start()
    while not commits._waiting:
        time.sleep(0.001)
    commits._hand_over()
    thread.join()
    monkeypatch.setattr(kernel, "hook", None)
    assert failures == [errno.EIO]
    assert store.find(ds.SOPInstanceUID) is None
    assert deliveries.of_instance(store._database, ds.SOPInstanceUID) == []
    with store._database.read() as connection:
        counted = connection.execute("SELECT sum(instance_count), count(*) FROM studies").fetchone()
    assert tuple(counted) == (1, 1)
    store.sweep(grace_s=-5)
    assert len(files_below(tmp_path / "objects")) == 1
