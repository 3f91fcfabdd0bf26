"""`GET /metrics`: how the server is doing, in Prometheus's text format, all of its processes summed.

Every metric is defined here. A label has few values, none of which a client makes up, so that the series are few.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cache
from http import HTTPStatus
from platform import python_version
from typing import Any, cast

from flask import Flask, Response, current_app
from flask_restx import Resource, fields
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from api.journal import UNMATCHED, Entry
from api.namespaces import ERROR, METRICS
from api.service import Service
from core.errors import NotReady
from model.description import LABELS

EXTENSION = "metrics"
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST"})
OTHER = "other"

SECONDS = (5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
"""Buckets of times: from the decoding of one of MNIST's digits to the longest wait for a turn."""

PROBABILITIES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
"""Buckets of probabilities, narrow where nearly all of them are."""


class Metrics:
    """The metrics of one application; an observer of its journal.

    Whether they are this process's own, or lie in files that all of a server's processes read, is `prometheus_client`'s
    affair: `api/metrics_folder.py` tells it before they are made.
    """

    def __init__(self, service: Service, version: str, folder: str | None = None) -> None:
        """Define every metric.

        Args:
            service: Whose model is described.
            version: Version of the interface.
            folder: Where the server's processes keep their metrics; None for this process's own.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests answered.", "route", "method", "status")
        self._rejected = self._counter("rejected", "Requests answered with an error, by its code.", "code")
        self._shed = self._counter("shed", "Requests for the model refused with 503, by the error's code.", "reason")
        self._images = Counter("digits_images", "Pictures taken in hand.", registry=self._registry)
        self._durations = self._histogram(
            "request_seconds", "From a request's arrival until its answer was made.", "route", SECONDS
        )
        self._phases = self._histogram("phase_seconds", "The part of it that each phase took.", "phase", SECONDS)
        self._probabilities = self._histogram(
            "prediction_probability", "Probability of the predicted label, by label.", "label", PROBABILITIES
        )
        self._in_flight = self._gauge("in_flight_requests", "Requests in hand, without probes.")
        self._workers = self._gauge("workers", "Processes that serve.")
        self._workers.inc()
        self._describe(service, version)

    def begin(self, entry: Entry) -> None:
        """Count a request among those in hand."""
        if not entry.quiet:
            with self._lock:
                self._in_flight.inc()

    def end(self, entry: Entry) -> None:
        """Count a request that is answered."""
        with self._lock:
            self._count(entry)
            if not entry.quiet:
                self._in_flight.dec()
                self._measure(entry)

    def close(self) -> None:
        """Count this process no more among those that serve."""
        with self._lock:
            self._workers.dec()

    def refuse(self, status: int, code: str) -> None:
        """Count a request that never reached the application, because it is no HTTP or did not arrive."""
        with self._lock:
            self._requests(UNMATCHED, OTHER, status).inc()
            self._rejected(code).inc()
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                self._shed(code).inc()

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format.

        Raises:
            NotReady: Those of the other processes cannot be read, as where this one has no file descriptor left.
        """
        if self._folder is None:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        try:
            MultiProcessCollector(shared, path=self._folder)
            return generate_latest(shared)
        except (OSError, ValueError) as exc:
            raise NotReady("the metrics cannot be read at present") from exc

    def _count(self, entry: Entry) -> None:
        method = entry.environ["REQUEST_METHOD"]
        self._requests(entry.route, method if method in METHODS else OTHER, entry.status).inc()
        if entry.code:
            self._rejected(entry.code).inc()
            if entry.status == HTTPStatus.SERVICE_UNAVAILABLE and not entry.quiet:
                self._shed(entry.code).inc()

    def _measure(self, entry: Entry) -> None:
        self._durations(entry.route).observe(entry.watch.ended - entry.watch.started)
        for phase, seconds in entry.watch.seconds().items():
            self._phases(phase).observe(seconds)
        if entry.images:
            self._images.inc(entry.images)
        for label_id, probability in entry.predictions:
            self._probabilities(label_id).observe(probability)

    def _describe(self, service: Service, version: str) -> None:
        """Say what serves and what is served: facts in labels, with the value 1."""
        served, engine = service.checkpoint, service.wrapper.engine
        model = {"name": served.name, "version": served.version, "engine": engine.name, "device": engine.device}
        build = {"version": version, "python": python_version()}
        for name, help_text, facts in (("model_info", "The model.", model), ("build_info", "The service.", build)):
            self._gauge(name, help_text, *facts, mode="livemax").labels(**facts).set(1)
        for label_id in range(len(LABELS)):
            self._probabilities(label_id)  # a label that is never predicted is shown as 0

    def _counter(self, name: str, help_text: str, *labels: str) -> Callable[..., Counter]:
        return cache(Counter(f"digits_{name}", help_text, labels, registry=self._registry).labels)

    def _histogram(self, name: str, help_text: str, label: str, buckets: Sequence[float]) -> Callable[..., Histogram]:
        histogram = Histogram(f"digits_{name}", help_text, [label], buckets=buckets, registry=self._registry)
        return cache(histogram.labels)

    def _gauge(self, name: str, help_text: str, *labels: str, mode: Any = "livesum") -> Gauge:
        """A gauge of which a process that died leaves nothing."""
        return Gauge(f"digits_{name}", help_text, labels, registry=self._registry, multiprocess_mode=mode)


def attach_metrics(app: Flask, metrics: Metrics) -> None:
    """Give the route of an application its metrics."""
    app.extensions[EXTENSION] = metrics


def metrics_of(app: Flask) -> Metrics:
    """Return the metrics of an application."""
    return cast(Metrics, app.extensions[EXTENSION])


@METRICS.route("")
class MetricsAPI(Resource):
    """How the server is doing."""

    @METRICS.doc("get_metrics")
    @METRICS.response(200, "Every metric, all processes summed", fields.String)
    @METRICS.response(401, "`unauthorized`, unless the metrics are open", ERROR)
    @METRICS.response(503, "`not_ready`: they cannot be read at present", ERROR)
    def get(self) -> Response:
        """Tell how the server is doing, in Prometheus's text format."""
        return Response(metrics_of(current_app).exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
