"""Clients whose DTLS certificate is an RSA one, such as GStreamer's."""

import datetime

import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCCertificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL, crypto

from edge.live import aiortc_seams

ROUND_COUNT_MAX = 20
DATAGRAM_BYTES_MAX = 1500


def _rsa_context() -> SSL.Context:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
    context.use_certificate(crypto.X509.from_cryptography(certificate))
    context.use_privatekey(crypto.PKey.from_cryptography_key(key))
    context.set_tlsext_use_srtp(SRTP_PROFILES[0].openssl_profile)
    return context


def _shake_hands(ours: SSL.Connection, theirs: SSL.Connection) -> bool:
    """Carry datagrams between the two until both are done.  Raises: SSL.Error when one gives up."""
    done: set[int] = set()
    for _ in range(ROUND_COUNT_MAX):
        for here, there in ((ours, theirs), (theirs, ours)):
            try:
                here.do_handshake()
                done.add(id(here))
            except SSL.WantReadError:
                pass
            try:
                while True:
                    there.bio_write(here.bio_read(DATAGRAM_BYTES_MAX))
            except SSL.WantReadError:
                pass
        if len(done) == 2:
            return True
    return False


@pytest.mark.parametrize("is_ours_active", [True, False], ids=["we call", "they call"])
def test_a_client_with_an_rsa_certificate_is_understood(*, is_ours_active: bool) -> None:
    aiortc_seams.allow_rsa()
    context = RTCCertificate.generateCertificate()._create_ssl_context(SRTP_PROFILES)
    ours, theirs = SSL.Connection(context, None), SSL.Connection(_rsa_context(), None)
    active, passive = (ours, theirs) if is_ours_active else (theirs, ours)
    active.set_connect_state()
    passive.set_accept_state()
    assert _shake_hands(ours, theirs)
    assert ours.get_peer_certificate() is not None


def test_without_this_such_a_client_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once this fails, aiortc has learned it by itself and the seam can go."""
    monkeypatch.setattr(RTCCertificate, "_create_ssl_context", aiortc_seams._stock_ssl_context)
    context = RTCCertificate.generateCertificate()._create_ssl_context(SRTP_PROFILES)
    ours, theirs = SSL.Connection(context, None), SSL.Connection(_rsa_context(), None)
    ours.set_connect_state()
    theirs.set_accept_state()
    with pytest.raises(SSL.Error):
        _shake_hands(ours, theirs)
