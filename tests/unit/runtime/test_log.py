"""The log: one event a line, values quoted when they need it."""

import logging

import pytest

from edge.runtime.log import VALUE_CHARS_MAX, event


def test_an_event_is_one_line_of_key_values(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edge")
    event(logging.getLogger("edge.x"), "clip.saved", uid="1.2.3", note="two\nlines", rate=1.5)
    assert caplog.messages == ['clip.saved uid=1.2.3 note="two\\nlines" rate=1.5']


def test_a_long_value_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edge")
    event(logging.getLogger("edge.x"), "clip.saved", text="x" * 10_000)
    assert len(caplog.messages[0]) < VALUE_CHARS_MAX + 50
