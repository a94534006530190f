"""The certificate of this node: the configured pair, or a self-signed one made once in the data folder."""

import ipaddress
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.config import Config, split_address
from edge.errors import ConfigError

VALID_DAYS = 825
"""Longer is refused by some systems."""


def make_context(config: Config) -> ssl.SSLContext | None:
    """Return what to listen with; None on loopback without a configured pair.  Raises: ConfigError."""
    pair = find_pair(config)
    if pair is None:
        return None
    certificate, key = pair
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"The certificate {certificate} with the key {key} cannot be used: {error}.",
            next_step="Correct api.tls_cert and api.tls_key.",
        ) from error
    return context


def find_pair(config: Config) -> tuple[Path, Path] | None:
    """Return certificate and key, making them when needed; None on loopback without a configured pair."""
    if config.api.tls_cert:
        return Path(config.api.tls_cert), Path(config.api.tls_key or config.api.tls_cert)
    host, _ = split_address(config.api.listen)
    if is_loopback(host):
        return None
    certificate, key = config.data_dir / "tls" / "self-signed.pem", config.data_dir / "tls" / "self-signed.key"
    if not (certificate.is_file() and key.is_file()) or expiry_s(certificate) < datetime.now(UTC).timestamp():
        make_pair(certificate, key, names=_names(host, config.node.name))
    return certificate, key


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def expiry_s(certificate: Path) -> float:
    """Return when a certificate ends.  Raises: ConfigError."""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()
    except (OSError, ValueError) as error:
        raise ConfigError(f"The certificate {certificate} cannot be read: {error}.") from error


def make_pair(certificate: Path, key: Path, *, names: list[str]) -> None:
    """Write a new self-signed pair; the key is for this user's eyes only."""
    private = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate.parent.mkdir(parents=True, exist_ok=True)
    _write(key, private.private_bytes(serialization.Encoding.PEM, form, plain), mode=0o600)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM), mode=0o644)


def _write(path: Path, data: bytes, *, mode: int) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _names(host: str, node: str) -> list[str]:
    is_any = host in ("0.0.0.0", "::", "")
    names = [socket.gethostname() if is_any else host, f"{node}.local", "localhost", "127.0.0.1"]
    return list(dict.fromkeys(names))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
