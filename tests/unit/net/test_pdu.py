"""Bytes of peers, whole, in pieces and made up."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.net import command, pdu
from edge.net.pdu import PduType, ProtocolError, Reader
from tests.support.sender import request

REQUEST = request(proposals=[(1, "1.2.840.10008.1.1", ["1.2.840.10008.1.2"]), (3, "1.2.3", ["1.2.4", "1.2.5"])])


def read_all(reader: Reader, data: bytes, step: int) -> list[tuple[PduType, bytes]]:
    found = []
    for begin in range(0, len(data), step):
        piece = data[begin : begin + step]
        reader.room()[: len(piece)] = piece
        reader.filled(len(piece))
        while (one := reader.next()) is not None:
            found.append((one[0], bytes(one[1])))
    return found


@given(step=st.integers(1, 400), sizes=st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_pdus_come_out_whole_however_they_come_in(step: int, sizes: list[int]) -> None:
    bodies = [bytes([index]) * size for index, size in enumerate(sizes)]
    data = b"".join(pdu.header(PduType.DATA, len(body)) + body for body in bodies)
    assert read_all(Reader(body_bytes_max=300), data, step) == [(PduType.DATA, body) for body in bodies]


def test_the_longest_pdu_fits_behind_the_rest_of_another() -> None:
    reader, body = Reader(body_bytes_max=131_072), bytes(131_072)
    data = (pdu.header(PduType.DATA, len(body)) + body) * 5
    assert len(read_all(reader, data, 100_000)) == 5
    assert reader.is_empty


@pytest.mark.parametrize("length", [1001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_beyond_the_limit_is_refused_by_its_header_alone(length: int) -> None:
    with pytest.raises(ProtocolError, match="announced"):
        read_all(Reader(body_bytes_max=1000), pdu.header(PduType.DATA, length), 6)


@pytest.mark.parametrize("kind", [0, 8, 71, 255])
def test_an_unknown_pdu_is_refused(kind: int) -> None:
    with pytest.raises(ProtocolError, match="unknown type"):
        read_all(Reader(body_bytes_max=1000), bytes([kind, 0, 0, 0, 0, 0]), 6)


def test_a_request_is_read_as_it_was_written() -> None:
    said = pdu.parse_request(REQUEST[6:])
    assert [(p.context_id, p.abstract_syntax, p.transfer_syntaxes) for p in said.proposals] == [
        (1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),
        (3, "1.2.3", ("1.2.4", "1.2.5")),
    ]
    assert (said.called_ae_title, said.calling_ae_title, said.pdu_bytes_max) == ("ANY-SCP", "SENDER", 65536)


@given(cut=st.integers(0, len(REQUEST) - 6), at=st.integers(0, len(REQUEST) - 7), value=st.integers(0, 255))
def test_a_damaged_request_is_read_or_refused_and_nothing_else(cut: int, at: int, value: int) -> None:
    body = bytearray(REQUEST[6:])
    body[at] = value
    for damaged in (bytes(body), bytes(body[:cut])):
        try:
            pdu.parse_request(damaged)
        except ProtocolError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_as_data_values_or_commands_are_read_or_refused(data: bytes) -> None:
    for read in (lambda: list(pdu.fragments(memoryview(data))), lambda: command.parse(data)):
        try:
            read()
        except ProtocolError:
            continue


def test_titles_that_are_no_text_may_be_logged() -> None:
    body = bytearray(REQUEST[6:])
    body[20:36] = b"A\x1b[31m\nB\xff".ljust(16)
    assert pdu.parse_request(bytes(body)).calling_ae_title == "A?[31m?B?"


def test_an_acceptance_says_what_was_decided() -> None:
    said = pdu.parse_request(REQUEST[6:])
    answers = [
        pdu.ContextAnswer(1, pdu.ContextResult.ACCEPTED, "1.2.840.10008.1.2"),
        pdu.ContextAnswer(3, pdu.ContextResult.UNKNOWN_ABSTRACT_SYNTAX, "1.2.4"),
    ]
    made = pdu.accept(said, answers, pdu_bytes_max=1, implementation_class_uid="1.2", implementation_version="V")
    assert struct.unpack_from(">BBI", made) == (2, 0, len(made) - 6)
    assert pdu.parse_accept(made[6:]) == {1: "1.2.840.10008.1.2"}


def test_an_answer_names_the_request() -> None:
    asked = command.parse(command.store_request(7, "1.2.3", "1.2.3.4"))
    assert asked.has_dataset and asked.field == command.C_STORE_RQ
    answer = command.parse(command.response(asked, 0xA700, "No room"))
    assert (answer.field, answer.sop_instance_uid, answer.has_dataset) == (0x8001, "1.2.3.4", False)
