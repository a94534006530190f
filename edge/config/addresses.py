"""host:port, as written in a configuration."""

import ipaddress

from edge.errors import ConfigError


def split_address(address: str) -> tuple[str, int]:
    """Split host:port; IPv6 in brackets.  Raises: ConfigError."""
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{address!r} is not an address.", next_step="Write host:port, for example 127.0.0.1:8042.")
    return host.strip("[]"), int(port)


def is_loopback(address: str) -> bool:
    """Tell whether host:port can be reached from this machine only."""
    host = split_address(address)[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
