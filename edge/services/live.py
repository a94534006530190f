"""`edge run live`: the picture and the voices of every open session."""

from edge.config import Config
from edge.live.endpoint import Endpoint
from edge.runtime.service import run_parts


async def serve(config: Config) -> None:
    """Run until SIGTERM; peers are told goodbye."""
    await run_parts([Endpoint(config).run])
