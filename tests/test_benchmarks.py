"""The benchmark's harness: reads wrk rightly, takes medians, hides no failure, leaves nothing running."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scale_page
from benchmarks.servers import __main__ as command_line
from benchmarks.servers import environments, growth, report, results, rounds, targets
from benchmarks.servers.catalogue import FLOORS, OURS, SERVERS, inference_protocol, multipart
from benchmarks.servers.environments import EnvironmentFailed
from benchmarks.servers.growth import Growth, Point
from benchmarks.servers.load import Load, LoadFailed, Request, parse_wrk
from benchmarks.servers.processes import ServerFailed, ServerProcess, descendants, free_port
from benchmarks.servers.rounds import Outcome, Round
from benchmarks.servers.serving import Setup
from benchmarks.slow_clients import Honest, loopback_address

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "assets"

WRK = """\
Running 1s test @ http://127.0.0.1:1/
  2 requests in 1.00s, 1.00KB read
{"requests": 2000, "duration_us": 2000000, "p50_us": 1500, "p99_us": 4250, "bad_status": 200, "socket_errors": 3}
"""


def load(rate: float, connections: int = 8, p99_ms: float = 3.0, bad_status: int = 0) -> Load:
    return Load(connections, round(rate) + bad_status, 1.0, 1.0, p99_ms, bad_status, 0)


def measured(server: Any, *rates: float) -> Outcome:
    """A server that was measured in one round for each rate, with that rate at any number of connections."""
    return Outcome(server, [Round(1.0, [80.0, 40.0], [load(rate, n) for n in rounds.CONNECTIONS]) for rate in rates])


def grown(rates: dict[int, float]) -> Growth:
    """Growth whose every curve has these requests a second."""
    found = Growth()
    for curve in (*map(growth.curve_by_connections, growth.WORKERS), growth.BY_IMAGES, growth.BY_PIXELS):
        for x, rate in rates.items():
            found.add(Point(curve, x, 1, Request()), load(rate, p99_ms=float(x)))
    return found


def collected(outcomes: list[Outcome], found: Growth | None = None) -> dict[str, Any]:
    return results.collect(outcomes, found or Growth(), 1, 2.0, ASSETS)


@pytest.fixture(autouse=True)
def any_wrk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of arithmetic need no wrk."""
    monkeypatch.setattr(results, "_wrk_version", lambda: "4")


def test_wrk_is_read() -> None:
    found = parse_wrk(WRK, 8)
    assert found == Load(8, 2000, 2.0, 1.5, 4.25, 200, 3)
    assert found.rate == 900  # only right answers count
    assert found.failures == 203


@pytest.mark.parametrize("output", ["", "wrk: broken", '{"requests": 1}', "[]"])
def test_what_is_no_answer_of_wrk_is_refused(output: str) -> None:
    with pytest.raises(LoadFailed):
        parse_wrk(output, 8)


def test_the_median_round_counts() -> None:
    summary = rounds.summarise(measured(OURS[0], 100, 900, 300))
    at_8 = summary["loads"]["8"]
    assert (at_8["rate"], at_8["rate_least"], at_8["rate_most"]) == (300, 100, 900)
    assert at_8["requests"] == 1300
    assert summary["pss_worker_mb"] == 60


def test_keys_differ_and_every_peer_has_both_engines() -> None:
    keys = [server.key for server in SERVERS]
    assert len(set(keys)) == len(keys)
    assert {*targets.TIMES, targets.OURS, targets.FLOOR} <= set(keys)
    assert all(key.removesuffix("torch") + "onnx" in keys for key in targets.TIMES)


def test_a_multipart_body_holds_every_picture() -> None:
    request = multipart(b"PICTURE", 3)
    boundary = request.content_type.partition("boundary=")[2].encode()
    assert request.body.count(b"\r\n\r\nPICTURE\r\n--" + boundary) == 3
    assert request.body.endswith(b"--" + boundary + b"--\r\n")


def test_the_inference_protocol_s_body_is_json() -> None:
    assert json.loads(inference_protocol(b"\x00").body)["inputs"][0]["data"] == ["AA=="]


def test_ratios_come_first_and_targets_are_judged() -> None:
    by_key = {server.key: server for server in SERVERS}
    outcomes = [measured(by_key[key], rate) for key, rate in {"ours-onnx": 1000, "litserve-torch": 250}.items()]
    found = collected(outcomes)
    verdicts = {verdict["wanted"]: verdict for verdict in found["targets"]}
    assert verdicts["5 times litserve-torch, 8 connections"] == {
        "wanted": "5 times litserve-torch, 8 connections",
        "found": "4.00",
        "met": False,
    }
    assert verdicts["10 times bentoml-torch, 32 connections"]["met"] is None
    assert verdicts["at most 150 MB PSS a worker with ONNX"]["met"] is True
    document = report.render(found)
    assert "| LitServe | torch | 4.00 | 4.00 |" in document
    assert document.index("| LitServe | torch | 4.00 ") < document.index("requests/s at 8")


def test_a_wrong_answer_misses_the_target() -> None:
    outcome = Outcome(OURS[0], [Round(1.0, [80.0], [load(10, n, bad_status=1) for n in rounds.CONNECTIONS])])
    verdicts = {verdict["wanted"]: verdict for verdict in collected([outcome])["targets"]}
    assert (verdicts["no failed request, ours-onnx"]["found"], verdicts["no failed request, ours-onnx"]["met"]) == (
        "3",
        False,
    )


def test_a_peer_that_failed_is_listed_with_its_reason() -> None:
    outcome = Outcome(next(server for server in SERVERS if server.key == "ray-serve-onnx"))
    outcome.fail(ServerFailed('ended with status 1: File "/home/somebody/x.py"\nNo | disk'))
    document = report.render(collected([outcome]))
    assert '- Ray Serve onnx, 0 rounds measured: failed: ended with status 1: File "x.py" No / disk' in document


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 2, 3], 1.0), ([1, 4, 2, 5], 0.5), ([], 1.0), ([0, 0], 0.0), ([5, 4, 1], 0.2)]
)
def test_what_is_left_of_the_best(values: list[float], expected: float) -> None:
    assert targets.kept(values) == expected


def test_growth_is_judged() -> None:
    linear = collected([], grown({1: 100, 4: 100, 256: 100}))["targets"]
    collapsed = collected([], grown({1: 100, 4: 100, 256: 1}))["targets"]
    assert {target["met"] for target in linear if target["wanted"].startswith("growth")} == {True}
    assert {target["met"] for target in collapsed if "throughput keeps" in target["wanted"]} == {False}


def test_everything_is_written(tmp_path: Path) -> None:
    command_line.write(collected([measured(OURS[0], 100)], grown({1: 100, 16: 90})), tmp_path)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {
        "benchmarks/results/servers.json",
        "docs/benchmark.md",
        "docs/benchmark.png",
        "docs/benchmark-growth.png",
    }


def test_what_cannot_be_installed_is_never_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(folder: Path, _family: str) -> None:
        folder.mkdir()
        raise EnvironmentFailed("no such release")

    monkeypatch.setattr(environments, "_make", refuse)
    outcome, setup = Outcome(next(server for server in SERVERS if server.family)), Setup(ASSETS, tmp_path)
    rounds.install([outcome], setup)
    rounds.run_round([outcome], setup, 1)
    assert outcome.reasons == ["not installed: no such release"]


def run(code: str, folder: Path) -> ServerProcess:
    return ServerProcess([sys.executable, "-c", code], os.environ, folder, folder / "log")


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_orphans_are_found_weighed_and_ended(tmp_path: Path) -> None:
    before = set(descendants(os.getpid()))
    orphan = "import os, time; os.fork() or (os.setsid(), os.fork() and os._exit(0), time.sleep(60)); time.sleep(60)"
    with run(orphan, tmp_path) as process:
        until(lambda: len(process.pss_mb()) == 2)  # the one between them has ended
    assert set(descendants(os.getpid())) == before


def test_a_server_that_ends_is_quoted(tmp_path: Path) -> None:
    with run("print('no disk'); raise SystemExit(3)", tmp_path) as process, pytest.raises(ServerFailed) as caught:
        process.wait_until(f"http://127.0.0.1:{free_port()}/", Request(), 20)
    assert str(caught.value) == "ended with status 3: no disk"


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with run("import time; time.sleep(60)", tmp_path) as process, pytest.raises(ServerFailed, match="not ready"):
        process.wait_until(f"http://127.0.0.1:{free_port()}/", Request(), 0.1)


@pytest.mark.parametrize("url", ["http://example.com", "http://10.0.0.1:5000", "https://127.0.0.1", "127.0.0.1:5000"])
def test_slow_clients_are_sent_to_this_machine_only(url: str) -> None:
    with pytest.raises(ValueError, match="on this machine"):
        loopback_address(url)
    assert loopback_address("http://localhost:5000") == ("127.0.0.1", 5000)


def test_honest_clients_without_an_answer_have_waited_for_ever() -> None:
    honest = Honest()
    honest.times_ms["small PNG"] += [float(number) for number in range(1, 101)]
    assert honest.percentile("small PNG", 50) == pytest.approx(50.5)
    assert honest.percentile("small PNG", 99) == pytest.approx(99.99)
    assert honest.percentile("67 KB BMP", 99) == float("inf")


@pytest.mark.e2e
@pytest.mark.skipif(shutil.which("wrk") is None, reason="NOT RUN: needs wrk")
def test_our_server_and_the_floors_are_measured(tmp_path: Path) -> None:
    outcomes = [Outcome(server) for server in (OURS[0], *FLOORS)]
    rounds.run_round(outcomes, Setup(ASSETS, tmp_path), 1)
    assert [outcome.reasons for outcome in outcomes] == [[], [], []]
    found = collected(outcomes)["servers"]
    assert all(load["rate"] > 0 and load["failed"] == 0 for each in found.values() for load in each["loads"].values())
    assert all(each["processes"] == 3 for each in found.values())


def test_the_page_on_scale_is_made_of_its_figures() -> None:
    pool = [("concurrent.futures", 1, 20.0), ("concurrent.futures", 2, 12.5)]
    loops = [(scale_page.PLAIN, 1, 20.0), (scale_page.APART, 2, 10.6), *pool]
    ways = [*loops, ("batch score", 1, 21.0), ("batch score", 2, 10.5)]
    figures = [
        {"name": name, "workers": workers, "count": count, "place": "folder", "seconds": seconds, "peak_mb": 100}
        for count in (1000, 70_000)
        for name, workers, seconds in ways
    ]
    page = scale_page.page({"figures": figures, "rounds": 3, "machine": "a machine", "python": "3.11"})
    assert "| batch score | 2 | 10.5 | 6,667 | 3,333 | 95% |" in page
    said = " ".join(page.split())
    assert "`batch score` are 1.90 times as fast as the plain loop and 2.00 times as fast as one worker" in said
    assert "the bare pool are 1.60 times as fast as one" in said
    assert "are 1.89 times as fast as one with all" in said
    assert "| activations | 123 | 122,071 |" in page
    assert "$" in page
    assert "${" not in page
