"""What the service tells of itself: one line of JSON per request, and Prometheus metrics. No picture, no token."""

from __future__ import annotations

import json
import logging
import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import accumulate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("inkdigits.web")
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # Prometheus' usual ones
MAX_LOGGED_PATH = 200  # characters


class Metrics:
    """Counts requests and their seconds."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets: dict[str, Counter[int]] = defaultdict(Counter)
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def count(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests[route, status] += 1
        self._buckets[route][bisect_left(BUCKETS_S, seconds)] += 1
        self._seconds[route] += seconds

    def to_text(self, **gauges: int) -> str:
        """Return all counts, and gauges besides, in Prometheus' text format."""
        return "\n".join([*self._lines(), *_gauge_lines(gauges), ""])

    def _lines(self) -> Iterator[str]:
        yield from _heading("inkdigits_requests_total", "counter", "Requests by route and status.")
        for (route, status), count in sorted(self._requests.items()):
            yield f'inkdigits_requests_total{{route="{route}",status="{status}"}} {count}'
        yield from _heading("inkdigits_request_seconds", "histogram", "Seconds from request to answer by route.")
        for route, buckets in sorted(self._buckets.items()):
            counts = accumulate(buckets[i] for i in range(len(BUCKETS_S) + 1))
            for limit, count in zip((*map(str, BUCKETS_S), "+Inf"), counts, strict=True):
                yield f'inkdigits_request_seconds_bucket{{route="{route}",le="{limit}"}} {count}'
            yield f'inkdigits_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'inkdigits_request_seconds_count{{route="{route}"}} {buckets.total()}'


class Observer:
    """ASGI middleware: counts each request and logs it in one line."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500  # what it is if nothing is sent

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        self._metrics.count(_route(scope), status, seconds)
        LOG.info(
            "request",
            extra={
                "fields": {
                    "method": scope["method"],
                    "path": scope["path"][:MAX_LOGGED_PATH],
                    "status": status,
                    "ms": round(seconds * 1000, 1),
                    "client": (scope.get("client") or ("",))[0],
                }
            },
        )


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        values = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            values["trace"] = self.formatException(record.exc_info)
        return json.dumps(values)


def _route(scope: Scope) -> str:
    """Return the route's own path, one of a few, whatever was asked for."""
    path = getattr(scope.get("route"), "path", "")
    return path if isinstance(path, str) and path.startswith("/v1/") else "page"


def _heading(name: str, kind: str, what: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"


def _gauge_lines(gauges: dict[str, int]) -> Iterator[str]:
    for name, value in gauges.items():
        yield from _heading(f"inkdigits_{name}", "gauge", f"{name.replace('_', ' ').capitalize()} now.")
        yield f"inkdigits_{name} {value}"
