"""Traces, sent to a collector in this process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from api.traces import CLOSE_S, Traces
from tests.conftest import AppFactory
from tests.e2e.conftest import free_port
from tests.hand_set import band_png

ROOT = Path(__file__).parents[2]
PNG = band_png(b3=255)
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """An OpenTelemetry collector: takes spans over HTTP, as protobuf."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
                collector.batches.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def spans(self) -> list[Span]:
        scopes = [scope for batch in self.batches for found in batch.resource_spans for scope in found.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    def resource(self) -> dict[str, str]:
        return {pair.key: pair.value.string_value for pair in self.batches[0].resource_spans[0].resource.attributes}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def attributes(span: Span) -> dict[str, object]:
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    yield collector
    collector.close()


def test_a_request_is_a_span_and_each_phase_one_within_it(collector: Collector, make_app: AppFactory) -> None:
    traces = Traces("1.2.3")
    client = make_app(observers=[traces]).test_client()
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-ID": "mine"}
    client.post("/model/predict", data=PNG, content_type="image/png", headers=headers)  # by the express lane
    client.post("/model/predict?top_k=2", data=PNG, content_type="image/png", headers=headers)
    client.get("/health/live")
    client.get("/metrics")
    traces.close()
    assert collector.resource().items() >= {"service.name": "max-pytorch-mnist", "service.version": "1.2.3"}.items()
    servers = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert [span.name for span in servers] == ["POST /model/predict"] * 2
    for server in servers:
        assert (server.trace_id.hex(), server.parent_span_id.hex()) == (TRACE, PARENT)
        assert attributes(server) == {
            "http.request.method": "POST",
            "http.response.status_code": 200,
            "http.route": "/model/predict",
            "request.id": "mine",
            "digits.images": 1,
        }
        phases = [span for span in collector.spans if span.parent_span_id == server.span_id]
        assert {"queue", "decode", "infer", "respond"} == {span.name for span in phases}
        phases.sort(key=lambda span: span.start_time_unix_nano)
        edges = [phases[0].start_time_unix_nano, *(span.end_time_unix_nano for span in phases)]
        assert edges == sorted(edges)
        assert (edges[0], edges[-1]) == (server.start_time_unix_nano, server.end_time_unix_nano)


def test_whose_fault_it_was(collector: Collector, make_app: AppFactory) -> None:
    traces = Traces("0")
    app = make_app(observers=[traces], max_wait_s=0.01)
    client = app.test_client()
    client.post("/model/predict", data=b"junk", content_type="image/png", headers={"traceparent": "nonsense"})
    client.get("/nothing")
    gate = app.extensions["digit-service"].gate
    with gate.turn(), gate.turn():
        client.post("/model/predict", data=b"junk", content_type="image/png")
    traces.close()
    servers = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert [span.name for span in servers] == ["POST /model/predict", "GET unmatched", "POST /model/predict"]
    assert [attributes(span).get("error.type") for span in servers] == ["invalid_image", "not_found", "overloaded"]
    assert [span.status.code for span in servers] == [
        Status.STATUS_CODE_UNSET,
        Status.STATUS_CODE_UNSET,
        Status.STATUS_CODE_ERROR,
    ]
    assert "http.route" not in attributes(servers[1])
    assert len({span.trace_id for span in servers}) == 3


def test_the_names_that_the_operator_gives_hold(
    collector: Collector, make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    traces = Traces("0")
    make_app(observers=[traces]).test_client().get("/model/labels")
    traces.close()
    assert collector.resource().items() >= {"service.name": "mine", "deployment.environment": "test"}.items()


def test_a_sampler_may_leave_a_trace_out(
    collector: Collector, make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    traces = Traces("0")
    client = make_app(observers=[traces]).test_client()
    client.get("/model/labels")
    client.get("/model/metadata", headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    traces.close()
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}


def test_a_collector_that_does_not_answer_costs_no_request(
    make_app: AppFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    traces = Traces("0")
    client = make_app(observers=[traces]).test_client()
    for _ in range(3000):  # more than are kept
        assert client.post("/model/predict", data=PNG, content_type="image/png").status_code == 200
    started = monotonic()
    traces.close()
    assert monotonic() - started < CLOSE_S + 5


PROGRAM = """
import sys
from app import create_app
from config import Settings
answer = create_app(Settings()).test_client().get("/model/labels")
assert answer.status_code == 200
print(any(name.startswith("opentelemetry") for name in sys.modules))
"""


def run(program: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": "/usr/bin:/bin", "WORKERS": "1", **settings}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("endpoint", "imported"), [("", "False"), ("http://127.0.0.1:9", "True")])
def test_opentelemetry_is_imported_only_where_it_is_wanted(endpoint: str, imported: str) -> None:
    ran = run(PROGRAM, OTEL_EXPORTER_OTLP_ENDPOINT=endpoint)
    assert ran.stdout.strip() == imported, ran.stderr


def test_without_the_extra_the_start_says_so() -> None:
    program = "import sys; sys.modules['opentelemetry.exporter'] = None\nfrom app import main; main()"
    ran = run(program, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", PORT=str(free_port()), HOST="127.0.0.1")
    (reason,) = [line for line in ran.stderr.splitlines() if line.startswith("the server cannot start: ")]
    assert ran.returncode != 0
    assert "pip install -r requirements-telemetry.txt" in reason
    assert "Traceback" not in ran.stderr
