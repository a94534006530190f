"""What SQL says of the next turns is what the pure rule says."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core.outbox import FIRST, LOW, PATIENCE_S, ROUTINE, STAT, Candidate, give_turns, order
from edge.store import deliveries, fetches, turns
from edge.store.database import Database
from edge.store.instances import Instances
from tests.support.objects import make_dataset

NOW_S = 1_790_000_000.0
ROWS = st.lists(
    st.tuples(
        st.sampled_from("stu"), st.integers(1, 5), st.sampled_from([LOW, ROUTINE, ROUTINE, STAT, FIRST]),
        st.floats(0, 3 * PATIENCE_S),
    ),
    min_size=1, max_size=24,
)  # fmt: skip


def insert(database: Database, rows: list[tuple[str, int, int, float]]) -> list[Candidate[str]]:
    """Queue rows without files: choosing needs none."""
    candidates = []
    with database.write() as connection:
        connection.execute("DELETE FROM deliveries")
        connection.execute("DELETE FROM instances")
        connection.execute("INSERT OR IGNORE INTO studies (study_key, study_instance_uid, kept_s, changed_s)"
                           " VALUES (1, '1', 0, 0)")  # fmt: skip
        connection.execute("INSERT OR IGNORE INTO series (series_key, study_key, series_instance_uid, kept_s)"
                           " VALUES (1, 1, '1', 0)")  # fmt: skip
        for number, (study, size, priority, age_s) in enumerate(rows):
            uid = f"{number:03d}"
            made_s = NOW_S - age_s - number * 1e-3
            connection.execute(
                "INSERT INTO instances (series_key, sop_instance_uid, sop_class_uid, digest, size_bytes,"
                " transfer_syntax_uid, kept_s) VALUES (1, ?, '1', ?, ?, '1', ?)", (uid, uid, size, made_s),
            )  # fmt: skip
            connection.execute(
                "INSERT INTO deliveries (sop_instance_uid, destination, study_instance_uid, size_bytes, priority,"
                " made_s, changed_s) VALUES (?, 'vna', ?, ?, ?, ?, 0)", (uid, study, size, priority, made_s),
            )  # fmt: skip
            candidates.append(
                Candidate(key=uid, study_instance_uid=study, size_bytes=size, priority=priority, made_s=made_s)
            )
    return candidates


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.dictionaries(st.sampled_from("stu"), st.integers(0, 30)))
def test_the_whole_outbox_is_ordered_as_the_rule_says(
    rows: list[tuple[str, int, int, float]], charged: dict[str, int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "edge.db")
        candidates = insert(database, rows)
        found = turns.due(database, "vna", now_s=NOW_S, limit=99, charged_bytes=charged)
        patient = sorted((one for one in candidates if one.made_s <= NOW_S - PATIENCE_S), key=lambda one: one.made_s)
        wanted = give_turns(
            [one.key for one in order(candidates, now_s=NOW_S, charged_bytes=charged)],
            [one.key for one in patient[: 99 // 8 + 1]],
        )
        database.close()
        assert [one.delivery.sop_instance_uid for one in found] == wanted


def test_a_small_study_behind_two_thousand_objects_is_found(tmp_path: Path) -> None:
    """The order was once made of the thousand oldest only."""
    database = Database(tmp_path / "edge.db")
    insert(database, [("slide", 5, ROUTINE, 60.0 - number / 100) for number in range(2000)] + [("exam", 1, ROUTINE, 0)])
    found = turns.due(database, "vna", now_s=NOW_S, limit=8)
    assert "2000" in [one.delivery.sop_instance_uid for one in found]


def test_only_what_is_urgent_is_given_in_hours_in_which_nothing_else_goes(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    insert(database, [("s", 1, ROUTINE, 9 * PATIENCE_S), ("t", 9, STAT, 0.0), ("u", 5, FIRST, 0.0)])
    found = turns.due(database, "vna", now_s=NOW_S, limit=9, priority_min=STAT)
    assert [one.delivery.sop_instance_uid for one in found] == ["002", "001"]


def test_what_has_left_the_disk_is_marked(tmp_path: Path) -> None:
    database = Database(tmp_path / "edge.db")
    store = Instances(database, tmp_path, destinations=["vna"])
    temp = store.new_temp()
    make_dataset().save_as(temp, enforce_file_format=True)
    uid = store.keep(temp, source="test").instance.sop_instance_uid
    assert [one.is_here for one in turns.due(database, "vna", now_s=4e9, limit=9)] == [True]
    with database.write() as connection:
        connection.execute("UPDATE instances SET evicted_s = 1")
    assert [one.is_here for one in turns.due(database, "vna", now_s=4e9, limit=9)] == [False]
    assert fetches.ask(database, [uid], why="send", now_s=1.0) == 1
    assert deliveries.find(database, uid, "vna") is not None
