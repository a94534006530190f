"""What is accepted of what a peer proposes."""

import pytest

from edge.net import pdu
from edge.net.negotiation import Terms, is_storage
from tests.support.sender import request

CT, GEMS_PRIVATE, RETIRED_ULTRASOUND = (
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.113619.4.3", "1.2.840.10008.5.1.4.1.1.6"
)  # fmt: skip
EXPLICIT, IMPLICIT, BIG_ENDIAN, JPEG = (
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.50"
)  # fmt: skip


def answer(abstract_syntax: str, *syntaxes: str, **terms: object) -> pdu.ContextAnswer:
    said = pdu.parse_request(request(proposals=[(1, abstract_syntax, syntaxes)])[6:])
    (made,) = Terms(ae_title="EDGE", **terms).answer(said, "127.0.0.1")  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("uid", [CT, GEMS_PRIVATE, RETIRED_ULTRASOUND, "1.2.840.10008.5.1.4.34.7"])
def test_every_kind_of_object_is_stored(uid: str) -> None:
    assert is_storage(uid)
    assert answer(uid, JPEG) == pdu.ContextAnswer(1, pdu.ContextResult.ACCEPTED, JPEG)


@pytest.mark.parametrize(
    "uid",
    ["", "1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.31", "1.2.840.10008.1.20.1", "1.2.840.10008.3.1.2.3.3",
     "1.2.840.10008.1.3.10", "1.2.840.10008.5.1.1.9"],
)  # fmt: skip
def test_other_services_are_not_taken_for_objects(uid: str) -> None:
    assert answer(uid, IMPLICIT).result == pdu.ContextResult.UNKNOWN_ABSTRACT_SYNTAX


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ((IMPLICIT, BIG_ENDIAN, EXPLICIT), EXPLICIT), ((IMPLICIT,), IMPLICIT), ((JPEG, EXPLICIT), JPEG),
        ((EXPLICIT, JPEG), EXPLICIT), (("1.2.3.4", IMPLICIT), "1.2.3.4"),
    ],
)  # fmt: skip
def test_the_peers_first_syntax_is_taken_but_plain_bytes_with_their_types(
    offered: tuple[str, ...], chosen: str
) -> None:
    assert answer(CT, *offered).transfer_syntax == chosen


def test_a_context_without_a_syntax_is_refused() -> None:
    assert answer(CT).result == pdu.ContextResult.UNKNOWN_TRANSFER_SYNTAXES


def test_another_version_or_application_is_rejected() -> None:
    whole = bytearray(request(proposals=[(1, CT, [EXPLICIT])])[6:])
    whole[1] = 2
    refusal = Terms(ae_title="EDGE").judge(pdu.parse_request(bytes(whole)), "127.0.0.1")
    assert refusal is not None and (refusal.result, refusal.source, refusal.reason) == (1, 2, 2)
    whole[1], whole[72 + 20] = 1, ord("9")
    refusal = Terms(ae_title="EDGE").judge(pdu.parse_request(bytes(whole)), "127.0.0.1")
    assert refusal is not None and (refusal.source, refusal.reason) == (1, 2)
