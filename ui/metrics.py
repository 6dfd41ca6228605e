"""What the server counts, in Prometheus's form; no words of any message are among it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

from bot.types import Answer

# prometheus-client's own: where several processes keep their counts, so that each can tell those of all.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "consultant_requests", "Requests, by route and status.", ["route", "method", "status"], registry=registry
        )
        self._answers = Counter(
            "consultant_answers", "Answers of the API, by their status.", ["status"], registry=registry
        )
        self._seconds = Histogram(
            "consultant_answer_seconds", "Seconds from question to end.", buckets=_SECONDS, registry=registry
        )
        self._open = Gauge(
            "consultant_open_answers",
            "Answers that are being written.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._refused = Counter(
            "consultant_refused", "Requests that a limit turned down, by the limit.", ["limit"], registry=registry
        )

    def begin(self) -> Callable[[Answer | None], None]:
        """Count an answer as open; call what comes back at its end, without an answer when it was given up."""
        started = time.perf_counter()
        self._open.inc()

        def end(answer: Answer | None) -> None:
            self._open.dec()
            self._seconds.observe(time.perf_counter() - started)
            self._answers.labels(answer.status if answer else "unfinished").inc()

        return end

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request that was answered."""
        self._requests.labels(route, method, str(status)).inc()

    def refused(self, limit: str) -> None:
        """Count a request that a limit turned down."""
        self._refused.labels(limit).inc()

    def text(self) -> bytes:
        """All of it as Prometheus reads it; of several workers, what all of them counted."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
