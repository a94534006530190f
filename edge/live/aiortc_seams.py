"""Every private name of aiortc and aioice that we rely on, in one place.

Stock aiortc encodes once a viewer, forgets a picture-loss indication when it is handed packets, sends a receiver's
estimate to an encoder that is not ours and keeps 128 packets for resending; it has no ICE restart, takes no further
candidates of one transport for all, offers no loopback address and waits five seconds for a relay that does not answer.
What stands here changes that. `tests/contract/test_aiortc_seams.py` fails loudly when another version no longer has
these names.
"""

import asyncio
import random
import struct
import time
from typing import Any

import aioice.ice
from aiortc import RTCIceTransport, RTCRtpSender, RTCRtpTransceiver
from aiortc.clock import current_ntp_time
from aiortc.rtcdtlstransport import RTCCertificate, SRTPProtectionProfile
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)

from edge.live.arrivals import SentPackets, feedbacks_in, parse_feedback
from edge.live.datagrams import Datagrams
from edge.live.ears import Ears
from edge.live.pacer import Pacer, bursts_of
from edge.live.packet import EXTENSION_WIDE, Head, head_of
from edge.live.picture import RTP_MODULUS, Picture
from edge.live.resending import RESEND_COUNT_MAX, History
from edge.live.track import PictureQueue

AIORTC_VERSION = "1.16.0"
AIOICE_VERSION = "0.13.0"

CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
"""Stock aiortc offers only those of elliptic certificates; GStreamer and older clients have RSA ones."""
GATHER_S_MAX = 2
"""A relay that does not answer must not hold up a join for longer."""
_stock_host_addresses = aioice.ice.get_host_addresses
_stock_component_candidates = aioice.ice.Connection.get_component_candidates
_stock_ssl_context = RTCCertificate._create_ssl_context


class HubSender(RTCRtpSender):  # type: ignore[misc]
    """Sends pictures that are encoded and packed already, and listens to what the receiver says of them."""

    def __init__(self, transport: object, queue: PictureQueue, ears: Ears) -> None:
        """Take the place of a stock video sender on the same transport."""
        super().__init__("video", transport)
        self._queue = queue
        self._ears = ears
        self._extension_ids: dict[str, int] = {}
        self._muxed_mid = b""
        self._resend_payload_type: int | None = None
        self._resend_sequence = random.randrange(1 << 15)
        self._sequence = random.randrange(1 << 15)
        self._history = History()
        self.rtp_offset = random.randrange(RTP_MODULUS)
        """What is added to hub time on the wire."""
        self.sent_picture_count = 0
        self.sent_bytes = 0
        self._wide: SentPackets | None = None
        self._pacer = Pacer()
        self._way: tuple[object, Datagrams | None] | None = None

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Note what was negotiated, then start."""
        self._extension_ids = {extension.uri: extension.id for extension in parameters.headerExtensions}
        self._muxed_mid = parameters.muxId.encode()
        chosen = parameters.codecs[0].payloadType
        for codec in parameters.codecs:
            if codec.name.lower() == "rtx" and codec.parameters.get("apt") == chosen:
                self._resend_payload_type = codec.payloadType
        if EXTENSION_WIDE in self._extension_ids:
            self._wide = self._listen_for_arrivals()
        await super().send(parameters)

    def _listen_for_arrivals(self) -> SentPackets:
        """Return the connection's table of sent packets; who makes it hears the feedback for all its pictures."""
        transport = self.transport
        found: SentPackets | None = getattr(transport, "edge_sent_packets", None)
        if found is not None:
            return found
        made = transport.edge_sent_packets = SentPackets()
        stock = transport._handle_rtcp_data

        async def handle(data: bytes) -> None:
            self._hear_arrivals(made, data)
            await stock(data)

        transport._handle_rtcp_data = handle
        return made

    def _hear_arrivals(self, sent: SentPackets, data: bytes) -> None:
        try:
            arrived = [found for body in feedbacks_in(data) for found in parse_feedback(body)]
        except ValueError:
            return  # aiortc drops what it cannot read, too.
        if arrived:
            self._ears.hear_arrivals(sent.match(arrived))

    async def _run_rtp(self, codec: RTCRtpCodecParameters) -> None:
        self._RTCRtpSender__rtp_started.set()
        try:
            while (picture := await self._queue.take()) is not None:
                if self._enabled:
                    await self._send_picture(picture, codec.payloadType)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._leave_way()
            # `stop` of the stock sender waits for this.
            self._RTCRtpSender__rtp_exited.set()

    async def _send_picture(self, picture: Picture, payload_type: int) -> None:
        timestamp = (picture.ticks + self.rtp_offset) % RTP_MODULUS
        last = len(picture.payloads) - 1
        pace_bps = self._pacer.pace_for(picture, self._ears.pace_bps())
        for begin, end in bursts_of(picture.payloads, pace_bps):
            if (wait_s := self._pacer.wait_s(time.monotonic())) > 0:
                await asyncio.sleep(wait_s)
            self._pacer.take_turn(picture.payloads[begin:end], pace_bps, now_s=time.monotonic())
            head = self._head()
            burst = []
            for number in range(begin, end):
                payload = picture.payloads[number]
                marked_type = payload_type | (0x80 if number == last else 0)
                self._history.keep(self._sequence, marked_type, timestamp, payload)
                burst.append(
                    head.packet(marked_type, self._sequence, timestamp, self._ssrc, payload, now_s=time.monotonic())
                )
                self._sequence = (self._sequence + 1) & 0xFFFF
            await self._send_all(burst)
        self.sent_picture_count += 1
        self._note_sent(picture, timestamp)

    def _note_sent(self, picture: Picture, timestamp: int) -> None:
        """Let the stock sender's reports say when this picture was captured, not when it was sent."""
        age_s = max(0.0, (time.monotonic_ns() - picture.mono_ns) / 1e9)
        self._RTCRtpSender__ntp_timestamp = current_ntp_time() - int(age_s * (1 << 32))
        self._RTCRtpSender__rtp_timestamp = timestamp
        self._RTCRtpSender__octet_count += picture.size_bytes
        self._RTCRtpSender__packet_count += len(picture.payloads)

    async def _send_packet(self, marked_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> None:
        await self._send_all(
            [self._head().packet(marked_type, sequence, timestamp, ssrc, payload, now_s=time.monotonic())]
        )

    async def _send_all(self, packets: list[bytes]) -> None:
        """Encrypt and send: in one call where this peer is reached directly, else as aiortc does."""
        self.sent_bytes += sum(map(len, packets))
        transport = self.transport
        pair = transport.transport._connection._nominated.get(1)
        datagrams = self._datagrams_for(pair)
        if datagrams is None or transport.state != "connected":
            for packet in packets:
                await transport._send_rtp(packet)
            return
        protect = transport._tx_srtp.protect
        sealed = [protect(packet) for packet in packets]
        for packet in datagrams.send(sealed, pair.remote_addr):
            await pair.protocol.send_data(packet, pair.remote_addr)
        transport._RTCDtlsTransport__tx_bytes += sum(map(len, sealed))
        transport._RTCDtlsTransport__tx_packets += len(sealed)

    def _datagrams_for(self, pair: Any) -> Datagrams | None:
        """Return the direct way of a pair of candidates; None through a relay, or when there is no way any more."""
        if pair is None:
            return None
        transport = pair.protocol.transport
        if self._way is None or self._way[0] is not pair:
            self._leave_way()
            own = transport.get_extra_info("socket")
            self._way = (pair, None if own is None else Datagrams(own.dup()))
        return None if self._way[1] is None or transport.is_closing() else self._way[1]

    def _leave_way(self) -> None:
        if self._way is not None and self._way[1] is not None:
            self._way[1].close()
        self._way = None

    def _head(self) -> Head:
        return head_of(self._extension_ids, mid=self._muxed_mid, ntp_time=current_ntp_time(), wide=self._wide)

    async def _retransmit(self, sequence_number: int) -> None:
        kept = self._history.take(
            sequence_number, allowed_bps=self._ears.resend_bps(), round_trip_s=self._RTCRtpSender__rtt,
            now_s=time.monotonic(),
        )  # fmt: skip
        if kept is None:
            return
        if self._resend_payload_type is None:
            await self._send_packet(kept.marked_type, sequence_number, kept.timestamp, self._ssrc, kept.payload)
            return
        marked_type = kept.marked_type & 0x80 | self._resend_payload_type
        payload = struct.pack("!H", sequence_number) + kept.payload
        for _ in range(self._ears.resend_count()):
            await self._send_packet(marked_type, self._resend_sequence, kept.timestamp, self._rtx_ssrc, payload)
            self._resend_sequence = (self._resend_sequence + 1) & 0xFFFF

    def _send_keyframe(self) -> None:
        self._ears.hear_loss()

    async def _handle_rtcp_packet(self, packet: object) -> None:
        match packet:
            case RtcpRtpfbPacket(fmt=fmt) if fmt == RTCP_RTPFB_NACK:
                self._ears.hear_nacks(self._history.count_new(packet.lost), self._RTCRtpSender__packet_count)
                for sequence in packet.lost[:RESEND_COUNT_MAX]:
                    await self._retransmit(sequence)
            case RtcpPsfbPacket(fmt=fmt) if fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                self._send_keyframe()
            case RtcpPsfbPacket(fmt=fmt) if fmt == RTCP_PSFB_APP:
                self._hear_remb(packet.fci)
            case RtcpRrPacket() | RtcpSrPacket():
                await super()._handle_rtcp_packet(packet)
                for report in packet.reports:
                    if report.ssrc == self._ssrc:
                        self._ears.hear_report(
                            highest_sequence=report.highest_sequence, lost_count=report.packets_lost,
                            rtt_s=self._round_trip_s(report),
                        )  # fmt: skip

    def _round_trip_s(self, report: RtcpReceiverInfo) -> float | None:
        """Return what this report alone says; the stock figure is smoothed over many and comes late."""
        if self._RTCRtpSender__lsr != report.lsr or not report.dlsr:
            return None
        return float(time.time() - self._RTCRtpSender__lsr_time - report.dlsr / 65536)

    def _hear_remb(self, fci: bytes) -> None:
        try:
            bitrate_bps, ssrcs = unpack_remb_fci(fci)
        except ValueError:
            return  # Other application feedback, not for us.
        if self._ssrc in ssrcs:
            self._ears.hear_remb(bitrate_bps)


def replace_sender(transceiver: RTCRtpTransceiver, queue: PictureQueue, ears: Ears) -> HubSender:
    """Put our sender in place of a video transceiver's stock one; before any description is set."""
    stock = transceiver.sender
    sender = HubSender(stock.transport, queue, ears)
    sender._stream_id = stock._stream_id
    transceiver._RTCRtpTransceiver__sender = sender
    transceiver.receiver._set_rtcp_ssrc(sender._ssrc)
    return sender


def separate_stream(sender: RTCRtpSender, stream_id: str) -> None:
    """Give a sender a media stream of its own: browsers hold back pictures for the sound of the same stream."""
    sender._stream_id = stream_id


def negotiated_codec(transceiver: RTCRtpTransceiver) -> str:
    """Return the codec that will be sent, in lower case: h264 or vp8."""
    return str(transceiver._codecs[0].name).lower()


def allow_rsa() -> None:
    """Let clients with an RSA certificate in, too; who they are is proven by the fingerprint in the offer as before."""
    RTCCertificate._create_ssl_context = _create_ssl_context


def _create_ssl_context(certificate: RTCCertificate, srtp_profiles: list[SRTPProtectionProfile]) -> Any:
    context: Any = _stock_ssl_context(certificate, srtp_profiles)
    context.set_cipher_list(CIPHERS)
    return context


# The network path.


def allow_loopback(is_allowed: bool) -> None:
    """Offer loopback candidates too, for browsers on this machine; a machine with nothing else offers it anyway."""

    def host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        addresses: list[str] = _stock_host_addresses(use_ipv4, use_ipv6)
        if use_ipv4 and (is_allowed or not addresses):
            addresses = [*addresses, "127.0.0.1"]
        return addresses

    aioice.ice.get_host_addresses = host_addresses


def hurry_relays() -> None:
    """Give up on a relay that does not answer soon."""

    async def component_candidates(
        connection: aioice.ice.Connection, component: int, addresses: list[str], timeout: int = GATHER_S_MAX
    ) -> list[aioice.Candidate]:
        found: list[aioice.Candidate] = await _stock_component_candidates(connection, component, addresses, timeout)
        return found

    aioice.ice.Connection.get_component_candidates = component_candidates


class IceRestart:
    """A second way to the same peer, beside the one in use; once it stands, it takes its place.

    Keys and streams stay: only the addresses change. Stock aiortc has no ICE restart.  Standard: RFC 8445 2.4
    """

    def __init__(self, transport: RTCIceTransport, *, ufrag: str, password: str) -> None:
        """Sends nothing before `gather`."""
        old = transport._connection
        self._transport = transport
        self._new = aioice.Connection(
            ice_controlling=old.ice_controlling, stun_server=old.stun_server, turn_server=old.turn_server,
            turn_username=old.turn_username, turn_password=old.turn_password, turn_ssl=old.turn_ssl,
            turn_transport=old.turn_transport, transport_policy=old._transport_policy,
        )  # fmt: skip
        self._new.remote_username, self._new.remote_password = ufrag, password
        # What arrives on the new way before it is chosen belongs to the same streams.
        self._new._queue = old._queue

    @property
    def local(self) -> tuple[str, str]:
        """Our ufrag and password."""
        return self._new.local_username, self._new.local_password

    async def gather(self) -> list[str]:
        """Return our candidates as they stand in a description."""
        await self._new.gather_candidates()
        return [candidate.to_sdp() for candidate in self._new.local_candidates]

    async def add(self, candidate: str) -> None:
        await self._new.add_remote_candidate(aioice.Candidate.from_sdp(candidate))

    async def run(self) -> None:
        """Connect, then switch over.  Raises: ConnectionError; what was in use stays so."""
        try:
            await self._new.connect()
        except BaseException:
            await self._drop(self._new)
            raise
        transport, old = self._transport, self._transport._connection
        if transport.state == "closed":
            await self._drop(self._new)
            return
        transport.iceGatherer._connection = transport._connection = self._new
        transport._recv, transport._send = self._new.recv, self._new.send
        transport._RTCIceTransport__monitor_task.cancel()
        transport._RTCIceTransport__monitor_task = asyncio.ensure_future(transport._monitor())
        await self._drop(old)

    @staticmethod
    async def _drop(connection: aioice.Connection) -> None:
        """Close one way without a word to those who read from the common queue."""
        connection._queue = asyncio.Queue()
        await connection.close()


async def add_candidate(transport: RTCIceTransport, candidate: str) -> None:
    """Take one more address of a peer; after the end of candidates, or once connected, it comes too late."""
    connection = transport._connection
    if not connection._remote_candidates_end:
        await connection.add_remote_candidate(aioice.Candidate.from_sdp(candidate))


def local_credentials(transport: RTCIceTransport) -> tuple[str, str]:
    """Return our ufrag, which names the ICE session, and the peer's."""
    connection = transport._connection
    return connection.local_username, connection.remote_username or ""
