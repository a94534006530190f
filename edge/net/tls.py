"""TLS for those who call us and those we call.  Standard: PS3.15 B.12 (BCP 195)"""

import ssl

from edge.errors import ConfigError


def listening_context(certificate: str, key: str, authority: str) -> ssl.SSLContext | None:
    """Return what to listen with: None without a certificate; with an authority, callers must show one of its own.

    Raises: ConfigError.
    """
    if not certificate:
        if key or authority:
            raise ConfigError(
                "There is a key or an authority for TLS, but no certificate.", next_step="Set receive.tls_cert."
            )
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None)
        if authority:
            context.load_verify_locations(authority)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"TLS for DICOM cannot be set up with the certificate {certificate}: {error}.",
            next_step="Correct receive.tls_cert, receive.tls_key and receive.tls_ca.",
        ) from error
    return context


def calling_context(name: str, *, authority: str, certificate: str, key: str) -> ssl.SSLContext:
    """Return what to call a peer with; it must show a certificate for its address.  Raises: ConfigError."""
    try:
        context = ssl.create_default_context(cafile=authority or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if certificate:
            context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"TLS for {name} cannot be set up: {error}.",
            next_step="Correct tls_ca, tls_cert and tls_key of the destination.",
        ) from error
    return context
