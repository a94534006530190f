"""The phantom says which picture it is."""

import numpy as np
import pytest

from edge.capture.synthetic import read_number
from tests.support.videos import synthetic


@pytest.mark.parametrize("model", ["grey", "colour"])
@pytest.mark.parametrize("number", [0, 1, 12345, 2**32 - 1])
def test_a_picture_s_number_can_be_read_from_it(model: str, number: int) -> None:
    assert read_number(synthetic(model=model).draw(number)) == number


def test_the_same_number_is_the_same_picture_and_pictures_move() -> None:
    phantom = synthetic(height_px=120)
    assert np.array_equal(phantom.draw(7), phantom.draw(7))
    assert not np.array_equal(phantom.draw(0)[20:], phantom.draw(8)[20:])


def test_grey_has_one_channel_and_colour_three() -> None:
    assert synthetic(model="grey").draw(0).shape == (64, 320)
    assert synthetic(model="").draw(0).shape == (64, 320, 3)
