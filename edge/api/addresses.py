"""How browsers reach this node."""

import socket

from edge.api.tls import is_loopback
from edge.config import Config, split_address


def public_url(config: Config) -> str:
    """Return the beginning of every link the node hands out, without a slash at the end."""
    if config.api.public_url:
        return config.api.public_url.rstrip("/")
    host, port = split_address(config.api.listen)
    is_plain = is_loopback(host) and not config.api.tls_cert
    if host in ("0.0.0.0", "::", ""):
        host = socket.gethostname()
    if ":" in host:
        host = f"[{host}]"
    scheme, usual = ("http", 80) if is_plain else ("https", 443)
    return f"{scheme}://{host}" + ("" if port == usual else f":{port}")
