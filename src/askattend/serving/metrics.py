"""Counters of the service, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one service, in a registry of their own.

    Attributes:
        requests: requests by route, method and status.
        seconds: from a request's arrival to the end of its response, by the same.
        in_flight: requests at work or waiting.
        batch_size: questions answered together.
        cache: images asked for, by whether they were there.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ["route", "method", "status"]
        self.requests = Counter(
            "askattend_requests",
            "Requests by route, method and status.",
            names,
            registry=self.registry,
        )
        self.seconds = Histogram(
            "askattend_request_seconds",
            "Seconds from a request's arrival to the end of its response.",
            names,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "askattend_in_flight", "Requests at work or waiting.", registry=self.registry
        )
        self.batch_size = Histogram(
            "askattend_batch_questions",
            "Questions answered together.",
            buckets=_SIZES,
            registry=self.registry,
        )
        self.cache = Counter(
            "askattend_cache",
            "Images asked for, by result: hit, miss (unknown or expired).",
            ["result"],
            registry=self.registry,
        )
        self.evicted = Counter(
            "askattend_cache_evicted",
            "Images that made room for others.",
            registry=self.registry,
        )

    def watch(self, *, images: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Measure the cache and the worker's queue whenever the metrics are read."""
        cached = Gauge("askattend_cache_images", "Images that are kept.", registry=self.registry)
        cached.set_function(images)
        queue = Gauge("askattend_worker_queue", "Jobs before the worker.", registry=self.registry)
        queue.set_function(waiting)

    def count(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        self.requests.labels(route, method, str(status)).inc()
        self.seconds.labels(route, method, str(status)).observe(seconds)

    def text(self) -> bytes:
        """Write all in Prometheus's text format."""
        return generate_latest(self.registry)
