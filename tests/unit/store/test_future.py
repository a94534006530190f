"""A clock that was ahead."""

from pathlib import Path

from edge.core.delivery import Outcome, State
from edge.store import commitments, deliveries, future
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset

YEAR_S = 365 * 86400.0


def test_what_was_written_while_the_clock_was_ahead_waits_no_longer_and_asks_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    store = Instances(database, tmp_path, destinations=["vna"])
    uids = []
    for seed in range(2):
        temp = store.new_temp()
        make_dataset(pixel_seed=seed).save_as(temp, enforce_file_format=True)
        uids.append(store.keep(temp, source="test").instance.sop_instance_uid)
    for uid, outcome in zip(uids, (Outcome.FAILED, Outcome.ACCEPTED), strict=True):
        delivery = deliveries.find(database, uid, "vna")
        assert delivery is not None
        started = delivery.start()
        deliveries.save(database, started, was=State.WAITING, now_s=YEAR_S)
        deliveries.save(database, started.finish(outcome, now_s=YEAR_S), was=State.SENDING, now_s=YEAR_S)
    commitments.write_down(database, "2.25.1", "vna", [uids[1]], now_s=YEAR_S)
    assert commitments.unasked(database, "vna", asked_before_s=100.0 - 600.0, limit=9) == []

    assert future.forget(database, "vna", now_s=100.0) == 2

    waiting = deliveries.find(database, uids[0], "vna")
    assert waiting is not None and waiting.due_s == 100.0
    assert [uid for _, uid in commitments.unasked(database, "vna", asked_before_s=100.0 - 600.0, limit=9)] == [uids[1]]
    assert commitments.answer(database, "2.25.1", now_s=101.0) is not None


def test_what_waits_as_usual_goes_on_waiting(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    assert future.forget(database, "vna", now_s=100.0) == 0
