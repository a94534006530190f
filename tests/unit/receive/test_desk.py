"""Who may call and where objects may go, from the configuration."""

import pytest

from edge.config import Config, Destination, Peer
from edge.core.callers import Service
from edge.errors import ConfigError
from edge.receive.desk import callers_of, destinations_of

US = "1.2.840.10008.5.1.4.1.1.3.1"


def test_a_peer_without_limits_may_do_everything_from_its_own_address() -> None:
    callers = callers_of(Config(peer=[Peer(name="cart", ae_title="CART", host="10.0.0.7")]))
    cart = callers.judge("CART", "10.0.0.7")
    assert cart is not None and all(map(cart.may, Service)) and cart.may_exchange("1.2.3")
    assert callers.judge("CART", "10.0.0.8") is None and callers.judge("OTHER", "10.0.0.7") is None


def test_a_peer_known_by_name_may_call_from_anywhere_unless_addresses_are_given() -> None:
    anywhere = callers_of(Config(peer=[Peer(name="cart", ae_title="CART", host="cart.clinic")]))
    assert anywhere.judge("CART", "203.0.113.9") is not None
    near = callers_of(Config(peer=[Peer(name="cart", ae_title="CART", host="cart.clinic", addresses=["10.0.0.0/8"])]))
    assert near.judge("CART", "203.0.113.9") is None and near.judge("CART", "10.1.2.3") is not None


def test_sop_classes_are_keywords_or_uids() -> None:
    peer = Peer(name="cart", ae_title="CART", sop_classes=["UltrasoundMultiFrameImageStorage", "1.2.3"])
    cart = callers_of(Config(peer=[peer])).judge("CART", "10.0.0.7")
    assert cart is not None and cart.sop_classes == {US, "1.2.3"}
    with pytest.raises(ConfigError, match="UltrasoundStorage"):
        callers_of(Config(peer=[Peer(name="cart", ae_title="CART", sop_classes=["UltrasoundStorage"])]))


def test_objects_may_go_to_destinations_and_to_peers_that_listen() -> None:
    found = destinations_of(
        Config(
            destination=[
                Destination(name="vna", host="10.0.0.5", ae_title="VNA"),
                Destination(name="folder", kind="folder", path="/x", ae_title="FOLDER"),
            ],
            peer=[
                Peer(name="viewer", ae_title="VIEWER", host="10.0.0.9", port=11113),
                Peer(name="cart", ae_title="CART"),
            ],
        )
    )
    assert {title: (peer.host, peer.port) for title, peer in found.items()} == {
        "VNA": ("10.0.0.5", 104), "VIEWER": ("10.0.0.9", 11113),
    }  # fmt: skip
