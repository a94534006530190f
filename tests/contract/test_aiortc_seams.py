"""The private names of aiortc and aioice that are overridden; another version must fail here, loudly."""

import ast
import asyncio
import importlib.metadata
import inspect
from collections.abc import Sequence
from pathlib import Path

import aioice.ice
import aioice.turn
import aiortc
import pytest
from aiortc import RTCPeerConnection, RTCRtpSender, rtcrtpsender
from aiortc.codecs import CODECS, HEADER_EXTENSIONS
from aiortc.rtcrtptransceiver import RTCRtpTransceiver

import edge.live
from edge.live import aiortc_seams, negotiation
from edge.live.arrivals import Arrival, SentPackets
from edge.live.picture import Picture
from edge.live.track import PictureQueue

LIVE = Path(edge.live.__file__).parent


class _Ears:
    def hear_loss(self) -> None: ...

    def hear_nacks(self, missing_count: int, sent_count: int) -> None: ...

    def hear_remb(self, bitrate_bps: int) -> None: ...

    def hear_report(self, *, highest_sequence: int, lost_count: int, rtt_s: float | None) -> None: ...

    def hear_arrivals(self, arrivals: Sequence[Arrival]) -> None: ...

    def pace_bps(self) -> int:
        return 10_000_000

    def resend_bps(self) -> int:
        return 1_000_000

    def resend_count(self) -> int:
        return 1


def test_the_version_is_the_one_the_seams_were_made_for() -> None:
    assert aiortc.__version__ == aiortc_seams.AIORTC_VERSION
    assert importlib.metadata.version("aioice") == aiortc_seams.AIOICE_VERSION


@pytest.mark.parametrize(
    "name", ["send", "stop", "_run_rtp", "_retransmit", "_send_keyframe", "_handle_rtcp_packet"]
)  # fmt: skip
def test_what_is_overridden_exists_and_takes_the_same_arguments(name: str) -> None:
    stock = inspect.signature(getattr(RTCRtpSender, name))
    ours = inspect.signature(getattr(aiortc_seams.HubSender, name))
    assert list(stock.parameters) == list(ours.parameters)


async def test_a_stock_sender_has_the_fields_the_seams_read_and_write() -> None:
    connection = RTCPeerConnection()
    try:
        sender = connection.addTransceiver("video").sender
        for name in (
            "_ssrc", "_rtx_ssrc", "_stream_id", "_enabled", "_RTCRtpSender__rtp_started", "_RTCRtpSender__rtp_exited",
            "_RTCRtpSender__ntp_timestamp", "_RTCRtpSender__rtp_timestamp", "_RTCRtpSender__octet_count",
            "_RTCRtpSender__packet_count", "_RTCRtpSender__rtt", "_RTCRtpSender__lsr", "_RTCRtpSender__lsr_time",
        ):  # fmt: skip
            assert hasattr(sender, name), name
    finally:
        await connection.close()


async def test_a_connected_transport_has_what_the_direct_way_needs() -> None:
    browser, node = RTCPeerConnection(), RTCPeerConnection()
    try:
        browser.addTransceiver("video", direction="recvonly")
        sender = aiortc_seams.replace_sender(node.addTransceiver("video", "sendonly"), queue := PictureQueue(), _Ears())
        await browser.setLocalDescription(await browser.createOffer())
        await node.setRemoteDescription(browser.localDescription)
        await node.setLocalDescription(await node.createAnswer())
        await browser.setRemoteDescription(node.localDescription)
        while "connected" not in (browser.connectionState, node.connectionState):
            await asyncio.sleep(0.02)
        before = sender.transport._RTCDtlsTransport__tx_packets
        payloads = (b"a" * 900, b"b" * 900, b"c" * 10)
        queue.offer(Picture(payloads=payloads, ticks=1, frame_index=0, mono_ns=0, is_keyframe=True))
        while sender.sent_picture_count == 0:
            await asyncio.sleep(0.02)
        assert sender._way is not None and sender._way[1] is not None, "the socket is reached directly"
        assert sender.transport._RTCDtlsTransport__tx_packets >= before + len(payloads)
        own = sender._way[1]._socket
    finally:
        await browser.close()
        await node.close()
    assert own.fileno() == -1, "the duplicate is closed with the sender"


@pytest.fixture
def extended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is negotiated in addition, for one test."""
    monkeypatch.setitem(HEADER_EXTENSIONS, "video", HEADER_EXTENSIONS["video"][:])
    for codec in CODECS["video"]:
        monkeypatch.setattr(codec, "rtcpFeedback", codec.rtcpFeedback[:])
    negotiation.extend_negotiation()
    negotiation.extend_negotiation()


PLAYOUT = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
WIDE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


@pytest.mark.usefixtures("extended")
async def test_browsers_are_told_to_show_pictures_at_once_and_to_tell_when_packets_arrive() -> None:
    assert len({extension.id for kind in HEADER_EXTENSIONS.values() for extension in kind}) == 5
    node = RTCPeerConnection()
    try:
        sender = aiortc_seams.replace_sender(node.addTransceiver("video", "sendonly"), PictureQueue(), _Ears())
        offer = (await node.createOffer()).sdp
        assert f"a=extmap:4 {PLAYOUT}" in offer
        assert f"a=extmap:5 {WIDE}" in offer
        assert offer.count(" transport-cc") == 3, "one for each codec, none for what is sent again"
        sender._extension_ids = {PLAYOUT: 7, WIDE: 9}
        sender._wide = SentPackets()
        packets = [sender._head().packet(96, 5, 6, 7, b"x", now_s=0.0) for _ in range(2)]
        assert packets[1][12:] == bytes([0xBE, 0xDE, 0, 2, 7 << 4 | 2, 0, 0, 0, 9 << 4 | 1, 0, 1, 0]) + b"x"
    finally:
        await node.close()


def test_reports_reach_the_function_that_is_wrapped() -> None:
    transport = aiortc.rtcdtlstransport.RTCDtlsTransport
    assert list(inspect.signature(transport._handle_rtcp_data).parameters) == ["self", "data"]
    assert "await self._handle_rtcp_data(data)" in inspect.getsource(transport._recv_next)


def test_a_relay_has_no_socket_of_its_own_to_reach() -> None:
    assert "sockname" in inspect.getsource(aioice.turn.TurnTransport.get_extra_info)
    assert '"socket"' not in inspect.getsource(aioice.turn.TurnTransport.get_extra_info)


def test_the_stock_sender_still_starts_what_the_seams_replace() -> None:
    assert "self._run_rtp(parameters.codecs[0])" in inspect.getsource(RTCRtpSender.send)
    assert "self._handle_rtcp_packet" not in inspect.getsource(RTCRtpSender.send)
    assert "__rtp_exited.wait()" in inspect.getsource(RTCRtpSender.stop)
    assert "_handle_rtcp_packet(packet)" in inspect.getsource(aiortc.rtcdtlstransport.RTCDtlsTransport)
    assert "ntp_timestamp=self.__ntp_timestamp" in inspect.getsource(rtcrtpsender.RTCRtpSender._run_rtcp)


async def test_a_replaced_sender_is_the_one_the_connection_uses() -> None:
    connection = RTCPeerConnection()
    try:
        transceiver = connection.addTransceiver("video", direction="sendonly")
        ours = aiortc_seams.replace_sender(transceiver, PictureQueue(), _Ears())
        assert transceiver.sender is ours
        assert connection.getSenders() == [ours]
        offer = await connection.createOffer()
        assert f"a=ssrc:{ours._ssrc} cname:" in offer.sdp
    finally:
        await connection.close()


async def test_preferences_set_before_the_offer_choose_constrained_baseline() -> None:
    browser, node = RTCPeerConnection(), RTCPeerConnection()
    try:
        browser.addTransceiver("video", direction="recvonly")
        transceiver = node.addTransceiver("video", direction="sendonly")
        negotiation.prefer_codecs(transceiver)
        await browser.setLocalDescription(await browser.createOffer())
        await node.setRemoteDescription(browser.localDescription)
        assert aiortc_seams.negotiated_codec(transceiver) == "h264"
        assert transceiver._codecs[0].parameters["profile-level-id"] == "42e01f"
    finally:
        await browser.close()
        await node.close()


def test_host_addresses_are_asked_of_the_function_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    assert list(inspect.signature(aiortc_seams._stock_host_addresses).parameters) == ["use_ipv4", "use_ipv6"]
    assert "get_host_addresses(" in inspect.getsource(aioice.ice.Connection.gather_candidates)
    aiortc_seams.allow_loopback(True)
    assert "127.0.0.1" in aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True)


def test_a_machine_with_only_loopback_offers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", aioice.ice.get_host_addresses)
    monkeypatch.setattr(aiortc_seams, "_stock_host_addresses", lambda use_ipv4, use_ipv6: [])
    aiortc_seams.allow_loopback(False)
    assert aioice.ice.get_host_addresses(use_ipv4=True, use_ipv6=True) == ["127.0.0.1"]


def test_no_ice_server_is_asked_unless_one_is_named() -> None:
    from aiortc.rtcicetransport import connection_kwargs

    assert connection_kwargs([]) == {}


def test_private_names_of_libraries_stand_in_the_seams_file_only() -> None:
    for path in LIVE.glob("*.py"):
        if path.name == "aiortc_seams.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                owner = node.value
                name = (
                    owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
                )
                assert name in {"self", "cls", "other", "_hub", "hub"}, f"{path.name}:{node.lineno} {name}.{node.attr}"


def test_the_transceiver_keeps_its_sender_where_the_seams_put_ours() -> None:
    assert "self.__sender = sender" in inspect.getsource(RTCRtpTransceiver.__init__)
