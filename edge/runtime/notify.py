"""Tell systemd how we are, when it started us.  See sd_notify(3)."""

import os
import socket


def notify(message: str) -> None:
    """Send READY=1, WATCHDOG=1, STOPPING=1 or STATUS=…; without systemd this does nothing."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)


def watchdog_interval_s() -> float | None:
    """Return how often WATCHDOG=1 is due: half of what systemd allows."""
    allowed_us = os.environ.get("WATCHDOG_USEC")
    return int(allowed_us) / 2e6 if allowed_us else None
