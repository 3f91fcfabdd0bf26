"""The Prometheus and the Grafana of `deploy/` find in a live server what they look for."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.conftest import ROOT, Server, free_port, serving

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine]

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "digits.json").read_text())
CONFIG = ROOT / "deploy" / "prometheus" / "prometheus.yml"
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
SCRAPES_S = 60


def filled_in(query: str) -> str:
    """A query as Grafana sends it."""
    return query.replace("$__rate_interval", "10s")


def selectors(node: Any) -> Iterator[Any]:
    """The vector selectors within a query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if hasattr(node, name):
            yield from selectors(getattr(node, name))
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


@pytest.fixture(scope="module")
def busy() -> Iterator[Server]:
    """A server that has met everything: good and bad requests, and more than it can take."""
    with serving(workers=1, max_wait_s=0.01) as server:
        ask(server)
        yield server


def ask(server: Server) -> None:
    photo = (ROOT / "samples" / "9-photo-squared.jpg").read_bytes()
    seven = (ROOT / "samples" / "7.png").read_bytes()

    def predict(data: bytes) -> int:
        return requests.post(f"{server.url}/model/predict", files={"image": data}, timeout=30).status_code

    assert (predict(seven), predict(b"junk")) == (200, 400)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(predict, [photo] * 16)) == {200, 503}


def test_the_dashboard_looks_for_what_there_is(busy: Server) -> None:
    exposed = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(requests.get(f"{busy.url}/metrics", timeout=30).text)
        for sample in family.samples
    }
    looked_for = [found for query in QUERIES for found in selectors(promql_parser.parse(filled_in(query)))]
    assert len(looked_for) >= len(QUERIES) >= 15
    for selector in looked_for:
        assert selector.name in exposed
        assert {matcher.name for matcher in selector.matchers.matchers} <= exposed[selector.name]
    unseen = {name for name in exposed if not name.endswith(("_bucket", "_sum", "_count"))}
    assert unseen == {selector.name for selector in looked_for} & unseen, "the dashboard shows all there is"


def test_the_dashboard_is_provisioned_as_compose_mounts_it() -> None:
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    provisioning = ROOT / "deploy" / "grafana" / "provisioning"
    source = (provisioning / "datasources" / "prometheus.yml").read_text()
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"prometheus"}
    assert "uid: prometheus\n" in source
    assert "url: http://prometheus:9090\n" in source
    assert "path: /var/lib/grafana/dashboards\n" in (provisioning / "dashboards" / "digits.yml").read_text()
    assert "./grafana/dashboards:/var/lib/grafana/dashboards:ro" in compose
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in compose
    assert "./prometheus/prometheus.yml:/etc/prometheus/prometheus.yml:ro" in compose


def test_panels_neither_overlap_nor_repeat() -> None:
    places = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.skipif(
    PROMTOOL is None, reason="NOT RUN: no promtool on this machine (Debian: apt-get install prometheus)"
)
def test_promtool_accepts_the_scrape_and_the_metrics(busy: Server) -> None:
    assert PROMTOOL
    checked = subprocess.run([PROMTOOL, "check", "config", CONFIG], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    metrics = requests.get(f"{busy.url}/metrics", timeout=30).text
    linted = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False, timeout=60
    )
    assert (linted.returncode, linted.stderr) == (0, ""), linted.stderr


@pytest.mark.skipif(PROMETHEUS is None, reason="NOT RUN: no Prometheus on this machine (Debian: package prometheus)")
def test_a_real_prometheus_answers_every_query_of_the_dashboard(busy: Server, tmp_path: Path) -> None:
    assert PROMETHEUS
    host, port = "digits:5000", free_port()
    text = CONFIG.read_text()
    assert text.count(host) == 1
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace(host, busy.url.removeprefix("http://")).replace("15s", "500ms"))
    listen = f"127.0.0.1:{port}"
    command = [
        PROMETHEUS,
        f"--config.file={config}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={listen}",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + SCRAPES_S
        unanswered = list(QUERIES)
        while unanswered:
            assert time.monotonic() < deadline, (unanswered, (tmp_path / "log").read_text()[-2000:])
            time.sleep(0.5)
            unanswered = [query for query in unanswered if not found(listen, filled_in(query))]
        targets = requests.get(f"http://{listen}/api/v1/targets", timeout=30).json()["data"]["activeTargets"]
        assert [(target["labels"]["job"], target["health"]) for target in targets] == [("digits", "up")]
    finally:
        process.terminate()
        process.wait(30)


def found(listen: str, query: str) -> list[Any]:
    """What Prometheus answers to a query; nothing while it is starting."""
    try:
        answer = requests.get(f"http://{listen}/api/v1/query", params={"query": query}, timeout=30).json()
    except (requests.ConnectionError, requests.JSONDecodeError):
        return []
    assert answer["status"] == "success", answer
    result: list[Any] = answer["data"]["result"]
    return result
