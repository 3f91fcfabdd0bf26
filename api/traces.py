"""Traces for OpenTelemetry: a span for each request, and one within it for each phase.

Only imported where traces are wanted. The spans are made when a request has ended, of what its entry knows, so that
nothing on its way is slowed; a thread sends them in batches, and drops those that a collector does not take in time.
The standard variables of OpenTelemetry hold, such as `OTEL_SERVICE_NAME` and `OTEL_TRACES_SAMPLER`:
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import threading
import time
from http import HTTPStatus

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from api.journal import UNMATCHED, Entry

SERVICE_NAME = "max-pytorch-mnist"
CLOSE_S = 2.0
"""For which a process that ends waits for its last spans to be taken."""

W3C_HEADERS = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
"""The headers that carry a trace (https://www.w3.org/TR/trace-context/), by where WSGI has them."""


class Traces:
    """Sends spans to a collector; an observer of an application's journal."""

    def __init__(self, version: str) -> None:
        """Start the thread that sends, so this belongs in the process that serves.

        Args:
            version: Version of the interface.
        """
        ours = Resource.create({"service.name": SERVICE_NAME, "service.version": version})
        self._provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("api.traces", version)
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, entry: Entry) -> None:
        """Do nothing: a span is made when its request has ended."""

    def end(self, entry: Entry) -> None:
        """Make the spans of a request, unless it is a probe."""
        if entry.quiet:
            return
        # The clock now, less what the stopwatch counted: a clock that is set meanwhile tears no span apart.
        zero_ns = time.time_ns() - round(entry.watch.ended * 1e9)
        span = self._start_request(entry, zero_ns)
        if span.is_recording():
            self._add_phases(span, entry, zero_ns)
        span.end(zero_ns + round(entry.watch.ended * 1e9))

    def close(self) -> None:
        """Send what is left, but wait for no collector that does not answer."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        sending.join(CLOSE_S)

    def _start_request(self, entry: Entry, zero_ns: int) -> Span:
        """Start the span of a request, within the trace of who sent it; attributes are named by OpenTelemetry."""
        environ = entry.environ
        carried = {name: environ[key] for name, key in W3C_HEADERS.items() if key in environ}
        method = environ["REQUEST_METHOD"]
        span = self._tracer.start_span(
            f"{method} {entry.route}",
            context=self._propagator.extract(carried),
            kind=SpanKind.SERVER,
            start_time=zero_ns + round(entry.watch.started * 1e9),
            attributes={
                "http.request.method": method,
                "http.response.status_code": entry.status,
                "request.id": entry.request_id,
                "digits.images": entry.images,
            },
        )
        if entry.route != UNMATCHED:
            span.set_attribute("http.route", entry.route)
        if entry.code:
            span.set_attribute("error.type", entry.code)
        if entry.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_status(StatusCode.ERROR)  # the client's mistakes are no errors of ours
        return span

    def _add_phases(self, span: Span, entry: Entry, zero_ns: int) -> None:
        within = set_span_in_context(span)
        start = entry.watch.started
        for phase, end in entry.watch.laps:
            child = self._tracer.start_span(phase, context=within, start_time=zero_ns + round(start * 1e9))
            child.end(zero_ns + round(end * 1e9))
            start = end
