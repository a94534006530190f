"""Relays and their passwords that end."""

from edge.core.turn import IceServer, ice_servers, relay_password


def test_a_password_is_what_coturn_works_out_of_the_secret_and_the_name() -> None:
    # printf '1700000000:ab' | openssl dgst -sha1 -hmac north -binary | base64
    assert relay_password("north", "1700000000:ab") == "W+MgmM+L/ysaO9S2AW8RwughpX8="


def test_every_relay_gets_a_name_that_says_when_it_ends_and_fixed_servers_keep_their_own() -> None:
    fixed = [{"urls": "stun:192.0.2.1"}, {"urls": "turn:192.0.2.2", "username": "u", "credential": "p"}]
    found = ice_servers(fixed, ["turn:192.0.2.3"], secret="s", name="ab", lasts_s=60, now_s=1000.9)
    assert found[:2] == (
        IceServer(url="stun:192.0.2.1"),
        IceServer(url="turn:192.0.2.2", username="u", credential="p"),
    )
    assert found[2].username == "1060:ab" and found[2].credential == relay_password("s", "1060:ab")
    assert ice_servers([], [], secret="", name="ab", lasts_s=60, now_s=0) == ()


def test_a_link_quotes_what_would_end_it() -> None:
    server = IceServer(url="turn:192.0.2.2", username='a"b', credential="c\\d")
    assert server.link == (
        '<turn:192.0.2.2>; rel="ice-server"; username="a\\"b"; credential="c\\\\d"; credential-type="password"'
    )
    assert IceServer(url="stun:192.0.2.1").link == '<stun:192.0.2.1>; rel="ice-server"'
