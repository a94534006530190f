"""Which destinations an object goes to."""

from typing import Any

import pytest

from edge.core.routing import Route, Routing, to_all


def where(routing: Routing, **values: Any) -> list[str]:
    told = {"modality": "US", "source": "dimse:CART1", "descriptions": ["Abdomen", "Liver"], **values}
    return routing.destinations_of(**told)


def test_without_routes_everything_goes_everywhere() -> None:
    assert where(to_all(["vna", "share"])) == ["vna", "share"]


@pytest.mark.parametrize(
    ("rule", "is_matched"),
    [
        ({"modality": ("US",)}, True),
        ({"modality": ("SM", "us")}, True),
        ({"modality": ("SM",)}, False),
        ({"source": ("CART1",)}, True),
        ({"source": ("cart*",)}, True),
        ({"source": ("dimse:CART1",)}, True),
        ({"source": ("CART2",)}, False),
        ({"description": ("*live*",)}, True),
        ({"description": ("heart",)}, False),
        ({"modality": ("US",), "source": ("CART2",)}, False),
        ({}, True),
    ],
)
def test_a_named_destination_gets_what_its_route_matches_and_the_others_get_everything(
    rule: dict[str, tuple[str, ...]], is_matched: bool
) -> None:
    routing = Routing(("vna", "research"), (Route(destinations=("research",), **rule),))
    assert where(routing) == (["vna", "research"] if is_matched else ["vna"])


def test_several_routes_to_one_destination_add_up() -> None:
    routes = tuple(Route(destinations=("pathology",), modality=(name,)) for name in ("SM", "GM"))
    routing = Routing(("pathology",), routes)
    assert where(routing, modality="GM") == ["pathology"]
    assert where(routing, modality="US") == []
