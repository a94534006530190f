"""Who may call, from where, and for what."""

import pytest

from edge.core.callers import ANYBODY, Caller, Callers, Service

CART = Caller(ae_title="CART", addresses=("10.0.0.7", "192.168.4.0/24"), services=frozenset({Service.STORE}))
VIEWER = Caller(ae_title="VIEWER", sop_classes=frozenset({"1.2.3"}))


def test_with_nobody_named_everybody_may_do_everything() -> None:
    callers = Callers()
    assert callers.is_open
    assert callers.judge("ANY", "203.0.113.9") is ANYBODY
    assert all(ANYBODY.may(service) for service in Service) and ANYBODY.may_exchange("1.2.3")


@pytest.mark.parametrize(
    ("title", "address", "expected"),
    [
        ("CART", "10.0.0.7", CART),
        ("CART ", "10.0.0.7", CART),
        ("CART", "192.168.4.200", CART),
        ("CART", "::ffff:10.0.0.7", CART),
        ("CART", "10.0.0.8", None),
        ("CART", "::1", None),
        ("cart", "10.0.0.7", None),
        ("VIEWER", "203.0.113.9", VIEWER),
        ("VIEWER", "fe80::1%eth0", VIEWER),
        ("OTHER", "10.0.0.7", None),
        ("", "10.0.0.7", None),
    ],
)
def test_only_a_named_title_from_its_address_is_let_in(title: str, address: str, expected: Caller | None) -> None:
    assert Callers((CART, VIEWER)).judge(title, address) is expected


def test_a_device_may_do_only_what_it_is_allowed() -> None:
    assert CART.may(Service.STORE) and not CART.may(Service.QUERY)
    assert CART.may_exchange("9.9") and VIEWER.may_exchange("1.2.3") and not VIEWER.may_exchange("9.9")
