"""The certificate of this node."""

import ssl
import time
from pathlib import Path

import pytest
from cryptography import x509

from edge.api import tls
from edge.api.addresses import public_url
from edge.config import Api, Config, Node
from edge.errors import ConfigError


def config(tmp_path: Path, listen: str, **api: str) -> Config:
    return Config(node=Node(name="clinic-7", data_dir=str(tmp_path)), api=Api(listen=listen, **api))


@pytest.mark.parametrize("listen", ["127.0.0.1:1", "[::1]:1", "localhost:1", "127.3.4.5:1"])
def test_loopback_needs_no_certificate(tmp_path: Path, listen: str) -> None:
    assert tls.make_context(config(tmp_path, listen)) is None
    assert list(tmp_path.iterdir()) == []


def test_away_from_loopback_a_pair_is_made_once_and_kept(tmp_path: Path) -> None:
    away = config(tmp_path, "0.0.0.0:8443")
    context = tls.make_context(away)
    pair = tls.find_pair(away)
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert pair is not None
    certificate, key = pair
    first = certificate.read_bytes()
    tls.make_context(away)
    assert certificate.read_bytes() == first
    assert key.stat().st_mode & 0o777 == 0o600
    assert tls.expiry_s(certificate) > time.time() + 800 * 86400
    names = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "clinic-7.local" in names.get_values_for_type(x509.DNSName)
    assert not list(certificate.parent.glob("*.part"))


def test_a_configured_pair_that_cannot_be_used_names_the_keys(tmp_path: Path) -> None:
    broken = tmp_path / "cert.pem"
    broken.write_text("nothing")
    with pytest.raises(ConfigError, match=r"cert\.pem") as caught:
        tls.make_context(config(tmp_path, "127.0.0.1:1", tls_cert=str(broken), tls_key=str(broken)))
    assert "api.tls_cert" in caught.value.advice


@pytest.mark.parametrize(
    ("listen", "api", "url"),
    [
        ("127.0.0.1:8042", {}, "http://127.0.0.1:8042"),
        ("[::1]:80", {}, "http://[::1]"),
        ("10.0.0.5:443", {}, "https://10.0.0.5"),
        ("10.0.0.5:8443", {}, "https://10.0.0.5:8443"),
        ("127.0.0.1:8042", {"tls_cert": "x"}, "https://127.0.0.1:8042"),
        ("0.0.0.0:8443", {"public_url": "https://clinic.example/"}, "https://clinic.example"),
    ],
)
def test_links_begin_as_browsers_reach_the_node(tmp_path: Path, listen: str, api: dict[str, str], url: str) -> None:
    assert public_url(config(tmp_path, listen, **api)) == url
