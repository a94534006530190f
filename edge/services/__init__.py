"""The seven services. Each builds its parts and runs them; the file, the command and the systemd unit share a name."""

import asyncio
import importlib

from edge.config import Config

NAMES = ("capture", "record", "live", "receive", "convert", "uplink", "api")


def run(name: str, config: Config) -> None:
    """Run one service in this process until SIGTERM."""
    module = importlib.import_module(f"edge.services.{name}")
    asyncio.run(module.serve(config))
