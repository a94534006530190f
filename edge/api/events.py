"""`/api/v1/events`: live changes as server-sent events."""

from aiohttp import web

from edge.api.route import Call, Door, Route
from edge.runtime import clock

STREAM_S_MAX = 3600.0


def routes() -> list[Route]:
    return [
        Route(method="GET", path="/api/v1/events", name="events", gate=Door.SIGNED_IN, answer=stream_events,
              summary="Live changes as server-sent events")
    ]  # fmt: skip


async def stream_events(call: Call) -> web.StreamResponse:
    """Send changes until the browser leaves, lags too far behind, or the service stops.

    After an hour the stream ends by itself; the browser comes back and proves anew who it is.
    """
    # No proxy may hold back what should be seen at once.
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    response = web.StreamResponse(headers=headers)
    changes = call.parts.hub.listen(call.principal)
    first = await anext(changes)
    until_s = clock.mono_s() + STREAM_S_MAX
    try:
        await response.prepare(call.request)
        await response.write(first)
        async for change in changes:
            await response.write(change)
            if clock.mono_s() > until_s:
                break
    except ConnectionResetError:
        pass
    finally:
        await changes.aclose()
    return response
