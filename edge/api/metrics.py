"""`/metrics` for Prometheus; `/healthz` and `/readyz` for supervisors. Counts only: no name of anybody."""

import prometheus_client as prometheus
from aiohttp import web

from edge.api.node_metrics import NodeMetrics
from edge.api.route import Call, Door, Route

_SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)


class Metrics:
    """What is counted in this process, and gauges filled in when somebody asks."""

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Counter(
            "edge_http_requests", "Requests answered", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = prometheus.Histogram(
            "edge_http_request_seconds", "Time to answer", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self.node = NodeMetrics(self.registry)
        self.frames = self._gauge(
            "edge_capture_frames", "Index of the next frame: its rate is the frame rate", "source"
        )
        self.browsers = self._gauge("edge_browsers", "Browsers that follow live changes")
        self.open_sessions = self._gauge("edge_sessions_open", "Exams that are open")
        self.services = self._gauge("edge_service_up", "1 when a service answers", "service")

    def _gauge(self, name: str, text: str, *labels: str) -> prometheus.Gauge:
        return prometheus.Gauge(name, text, labels, registry=self.registry)

    def count_request(self, route: str, method: str, status: int, elapsed_s: float) -> None:
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(elapsed_s)


def routes() -> list[Route]:
    """Open: supervisors and Prometheus have no sign-in; firewall the port if counts are a secret."""
    return [
        Route(method="GET", path="/healthz", name="healthz", gate=Door.OPEN, answer=answer_alive),
        Route(method="GET", path="/readyz", name="readyz", gate=Door.OPEN, answer=answer_ready),
        Route(method="GET", path="/metrics", name="metrics", gate=Door.OPEN, answer=answer_metrics),
    ]


async def answer_alive(call: Call) -> dict[str, str]:
    """The process runs and its loop turns."""
    return {"status": "alive"}


async def answer_ready(call: Call) -> dict[str, str]:
    """The index can be read: work can be taken.  Raises: DatabaseError."""
    await call.parts.desk.open_sessions()
    return {"status": "ready"}


async def answer_metrics(call: Call) -> web.Response:
    await _fill(call)
    text = prometheus.generate_latest(call.parts.metrics.registry)
    return web.Response(body=text, headers={"Content-Type": prometheus.CONTENT_TYPE_LATEST})


async def _fill(call: Call) -> None:
    parts, metrics = call.parts, call.parts.metrics
    metrics.browsers.set(parts.hub.browser_count)
    for service, is_up in parts.situation.is_up.items():
        metrics.services.labels(service).set(is_up)
    for name, row in parts.situation.sources.items():
        metrics.frames.labels(name).set(float(row.get("next_index") or 0))
    metrics.open_sessions.set(len(await parts.desk.open_sessions()))
    await metrics.node.fill(parts)
