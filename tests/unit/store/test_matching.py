"""The same rules with SQL and without."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import BadInputError
from edge.store.folding import fold_name
from edge.store.matching import Column, Kind, condition, matches

TEXT = st.text(alphabet="ab*?[ ", max_size=6)
NAMES = st.text(alphabet="aÄb^= *?", max_size=8)
DATES = st.text(alphabet="012-", max_size=9)


def by_sql(kind: Kind, asked: str, value: str) -> bool:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (v TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", (fold_name(value) if kind is Kind.NAME else value,))
    sql, values = condition("X", Column("v", kind), asked)
    return bool(connection.execute(f"SELECT count(*) FROM t WHERE {sql}", values).fetchone()[0])


@given(asked=TEXT, value=st.text(alphabet="ab[ ", max_size=6))
def test_text_is_compared_alike(asked: str, value: str) -> None:
    assert matches("X", Kind.TEXT, asked, value) == by_sql(Kind.TEXT, asked, value)


@given(asked=NAMES.filter(lambda name: "=" not in name), value=st.text(alphabet="aÄb^=", max_size=8))
def test_names_are_compared_alike(asked: str, value: str) -> None:
    # `*` of SQL passes over the end of a group: it may find more, never less.
    assert not matches("X", Kind.NAME, asked, value) or by_sql(Kind.NAME, asked, value)


@given(asked=DATES, value=st.sampled_from(["", "0", "1", "20", "0120", "2012"]))
def test_ranges_are_compared_alike_or_refused_alike(asked: str, value: str) -> None:
    try:
        expected = by_sql(Kind.RANGE, asked, value)
    except BadInputError:
        with pytest.raises(BadInputError):
            matches("X", Kind.RANGE, asked, value)
        return
    assert matches("X", Kind.RANGE, asked, value) == expected
