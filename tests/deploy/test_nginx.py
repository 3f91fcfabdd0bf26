"""The shipped nginx configuration, tried with a real nginx in front of a live server."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
import yaml

from benchmarks.slow_clients import PICTURES, compare
from benchmarks.slow_kinds import KINDS
from config import Settings
from tests.contract import assert_error
from tests.deploy.nginx import FOLDER, TEMPLATE, TLS_FOLDER, Proxy, accepting, needs_nginx, proxying, recording
from tests.e2e.conftest import ROOT, serving

pytestmark = [pytest.mark.e2e, pytest.mark.alone, needs_nginx()]

SEVEN = (ROOT / "samples" / "7.png").read_bytes()
IMPATIENT = {f"{name} 10s": f"{name} 1s" for name in ("client_header_timeout", "client_body_timeout", "send_timeout")}
MADE_ID = re.compile(r"[0-9a-f]{32}")
HALF_AN_UPLOAD = (
    b"POST /model/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 8000000\r\n\r\n"
    + bytes(100_000)
)
PROMISED_MS = 2000
"""A generous bound; `python -m benchmarks.slow_clients` measures the promised ratio where nothing else runs."""


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with serving() as server, proxying(server.url.removeprefix("http://")) as proxy:
        yield proxy


def send(proxy: Proxy, data: bytes) -> bytes:
    """Send raw bytes; returns all that comes back until nginx closes."""
    with socket.create_connection(proxy.address, timeout=30) as client:
        client.sendall(data)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_the_contract_passes_through(proxy: Proxy) -> None:
    smoke = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/e2e/test_contract.py", "-k", "not sample"],
        cwd=ROOT,
        env=os.environ | {"SMOKE_URL": proxy.url},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert smoke.returncode == 0, smoke.stdout[-3000:]


def test_metrics_are_not_told_outside(proxy: Proxy) -> None:
    for path in ("/metrics", "/metrics?x=1", "/%6detrics", "//metrics"):
        assert_error(requests.get(proxy.url + path, timeout=10), 404, "not_found")


def test_own_errors_have_the_form_of_all_others(proxy: Proxy) -> None:
    refused = post_too_much(f"{proxy.url}/model/predict")
    assert_error(refused, 413, "body_too_large", "10,485,760 bytes")
    assert MADE_ID.fullmatch(refused.headers["X-Request-ID"])
    in_protocol = post_too_much(f"{proxy.url}/v2/models/digit-net/infer")
    assert (in_protocol.status_code, list(in_protocol.json())) == (413, ["error"])
    assert_error(requests.get(f"{proxy.url}/{'a' * 10_000}", timeout=10), 414, "uri_too_long")
    assert_error(requests.get(proxy.url, headers={"A": "a" * 50_000}, timeout=10), 400, "bad_request")
    assert_error(requests.request("TRACE", proxy.url, timeout=10), 405, "method_not_allowed")
    assert_error(requests.get(f"{proxy.url}/error", timeout=10), 404, "not_found")
    assert b'"code": "http_version_not_supported"' in send(proxy, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n")
    unknown = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"
    assert b'"code": "not_implemented"' in send(proxy, unknown)


def post_too_much(url: str) -> requests.Response:
    return requests.post(url, data=bytes(10 * 2**20 + 1), headers={"Content-Type": "image/png"}, timeout=10)


def test_a_service_that_is_away_or_silent() -> None:
    with proxying("127.0.0.1:1") as proxy:
        answer = requests.get(f"{proxy.url}/health/live", timeout=10)
        assert_error(answer, 502, "bad_gateway")
        assert answer.headers["Retry-After"] == "1"
    with (
        accepting(lambda _, __: time.sleep(2)) as upstream,
        proxying(upstream, {"proxy_read_timeout 60s": "proxy_read_timeout 1s"}) as proxy,
    ):
        assert_error(requests.get(f"{proxy.url}/health/live", timeout=10), 504, "gateway_timeout")


def test_one_address_cannot_have_all_connections() -> None:
    with recording() as (upstream, _), proxying(upstream, connections=1) as proxy:
        with ExitStack() as held:

            def is_refused_beside_an_upload() -> bool:
                """Unless the request comes first, and the upload is refused."""
                client = held.enter_context(socket.create_connection(proxy.address, timeout=10))
                client.sendall(HALF_AN_UPLOAD)
                return requests.get(proxy.url, timeout=10).status_code == 429

            wait_for(is_refused_beside_an_upload)
            answer = requests.get(proxy.url, timeout=10)
            assert_error(answer, 429, "too_many_connections")
            assert answer.headers["Retry-After"] == "1"
        wait_for(lambda: requests.get(proxy.url, timeout=10).status_code == 200)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_a_client_says_about_itself_is_not_believed() -> None:
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil",
        "X-Real-IP": "6.6.6.6",
    }
    lies |= {"Forwarded": "for=6.6.6.6", "X-Request-ID": 'a"b', "SCRIPT_NAME": "/x"}
    with recording() as (upstream, seen), proxying(upstream) as proxy:
        answer = requests.get(proxy.url, headers=lies, timeout=10)
        kept = requests.get(proxy.url, headers={"X-Request-ID": "my-id.1"}, timeout=10)
    first, second = seen
    assert (first["X-Forwarded-For"], first["X-Real-IP"], first["X-Forwarded-Proto"]) == (
        "127.0.0.1",
        "127.0.0.1",
        "http",
    )
    assert first["X-Forwarded-Host"] == first["Host"] == proxy.url.removeprefix("http://")
    assert not {"Forwarded", "SCRIPT_NAME", "Connection"} & set(first)
    assert MADE_ID.fullmatch(first["X-Request-ID"])
    assert answer.headers["X-Request-ID"] == first["X-Request-ID"]
    assert kept.headers["X-Request-ID"] == second["X-Request-ID"] == "my-id.1"


def test_the_log_has_the_id_and_no_header() -> None:
    with recording() as (upstream, _), proxying(upstream) as proxy:
        requests.post(
            f"{proxy.url}/model/predict", data=SEVEN, headers={"X-API-Key": "secret", "X-Request-ID": "me"}, timeout=10
        )
        wait_for(lambda: proxy.access_log)
        (line,) = proxy.access_log.splitlines()
    entry = json.loads(line)
    assert (entry["request_id"], entry["status"], entry["request"]) == ("me", 200, "POST /model/predict HTTP/1.1")
    assert "secret" not in line


def test_an_upload_reaches_the_service_when_all_of_it_has_arrived() -> None:
    with recording() as (upstream, seen), proxying(upstream) as proxy:
        with socket.create_connection(proxy.address, timeout=10) as client:
            client.sendall(HALF_AN_UPLOAD)
            time.sleep(0.5)
            assert not seen
            client.sendall(bytes(8_000_000 - 100_000))
            assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert [headers["Content-Length"] for headers in seen] == ["8000000"]


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", HALF_AN_UPLOAD], ids=["nothing", "head", "body"]
)
def test_who_sends_nothing_more_is_left(sent: bytes) -> None:
    with recording() as (upstream, seen), proxying(upstream, IMPATIENT) as proxy:
        began = time.monotonic()
        with suppress(ConnectionResetError):
            assert send(proxy, sent) == b""
        assert 0.5 < time.monotonic() - began < 10
        assert not seen


def test_a_request_whose_worker_died_is_asked_once_more() -> None:
    def die_at_the_second_request(connection: socket.socket, number: int) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
        connection.recv(65536)

    with (
        accepting(die_at_the_second_request) as upstream,
        proxying(upstream, {"worker_processes auto": "worker_processes 1"}) as proxy,
    ):
        for expected in ("0", "1"):
            answer = requests.post(f"{proxy.url}/model/predict", data=SEVEN, timeout=10)
            assert (answer.status_code, answer.text) == (200, expected)


def test_https(tmp_path: Path) -> None:
    certificate = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "tls.key"), "-out", str(tmp_path / "tls.crt")]
    subprocess.run([*certificate, *names, *files], capture_output=True, check=True, timeout=60)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = (FOLDER / "tls.conf").read_text().replace(TLS_FOLDER, str(tmp_path))
    (tmp_path / "tls.conf").write_text(config.replace("listen 8443", f"listen 127.0.0.1:{port}"))
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o755)
    (tmp_path / "tls.key").chmod(0o644)
    with recording() as (upstream, seen), proxying(upstream, tls=tmp_path) as proxy:
        safe = requests.get(f"https://127.0.0.1:{port}/", verify=str(tmp_path / "tls.crt"), timeout=10)
        plain = requests.get(proxy.url, timeout=10)
    assert (safe.status_code, safe.headers["Strict-Transport-Security"]) == (200, "max-age=31536000")
    assert "Strict-Transport-Security" not in plain.headers
    assert [headers["X-Forwarded-Proto"] for headers in seen] == ["https", "http"]


def test_compose_gives_what_the_template_asks_for() -> None:
    proxy = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["proxy"]
    asked = set(re.findall(r"\$\{(\w+)\}", TEMPLATE))
    assert asked == set(proxy["environment"]) - {"NGINX_ENVSUBST_OUTPUT_DIR"}
    default = Settings.model_fields["max_upload_bytes"].default
    assert proxy["environment"]["MAX_UPLOAD_BYTES"] == f"${{MAX_UPLOAD_BYTES:-{default}}}"
    assert proxy["volumes"] == ["./nginx/nginx.conf.template:/etc/nginx/templates/nginx.conf.template:ro"]


def test_every_own_error_is_documented() -> None:
    (codes,) = re.findall(r"map \$status \$code \{(.*?)\}", TEMPLATE, re.DOTALL)
    document = (ROOT / "docs" / "deployment.md").read_text()
    for status, code in re.findall(r"(\d+) +(\w+);", codes):
        assert f"| {status} | `{code}` |" in document


@pytest.mark.parametrize("kind", KINDS)
def test_slow_clients_hold_up_nobody(proxy: Proxy, kind: str) -> None:
    figures = compare(proxy.address, kind, count=500, seconds=2, rounds=1)
    assert figures["errors_beside"] == 0
    assert figures["connected"] > 400
    for name in PICTURES:
        assert figures[f"{name} p99 ms beside"] < PROMISED_MS
