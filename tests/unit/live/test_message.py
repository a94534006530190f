"""What browsers may send."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import BadInputError
from edge.live.message import BURST_S, CONTROLS_PER_S, Allowance, parse, pointer_of, rtp_timestamp_of


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "null", "{", '{"v": 1}', '{"v": 2, "type": "still"}', '{"v": 1, "type": 5}', '{"v":1,"type":""}',
        json.dumps({"v": 1, "type": "x", "pad": "x" * 16_384}), b"\xff\xfe", "[" * 10_000,
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(text: str | bytes) -> None:
    with pytest.raises(BadInputError):
        parse(text)


@given(st.text() | st.binary())
def test_any_text_is_a_message_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(BadInputError):
        assert isinstance(parse(text)["type"], str)


@pytest.mark.parametrize("value", [-1, 1 << 32, 1.5, "5", True, []])
def test_a_timestamp_is_32_bits(value: Any) -> None:
    with pytest.raises(BadInputError):
        rtp_timestamp_of({"rtp_timestamp": value})


@pytest.mark.parametrize("x", [None, -0.01, 1.01, float("nan"), float("inf"), "0.5", True, 10**400])
def test_a_pointer_outside_the_picture_is_refused(x: Any) -> None:
    with pytest.raises(BadInputError):
        pointer_of({"x": x, "y": 0.5})


def test_of_a_pointer_only_what_is_known_is_passed_on() -> None:
    assert pointer_of({"x": 0, "y": 1, "visible": False, "script": "x"}) == {
        "v": 1, "type": "pointer", "x": 0, "y": 1, "visible": False,
    }  # fmt: skip


def test_a_flood_is_cut_off_and_a_pause_refills_the_allowance() -> None:
    allowance = Allowance(CONTROLS_PER_S)
    assert sum(allowance.take(1.0) for _ in range(1000)) == CONTROLS_PER_S * BURST_S
    assert sum(allowance.take(2.0) for _ in range(1000)) == CONTROLS_PER_S
