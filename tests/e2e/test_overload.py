"""More requests than there is time for: what is refused, and what is answered all the same."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.contract import assert_error, assert_predictions
from tests.e2e.conftest import ROOT, Serve, Server
from tests.e2e.load import SEVEN

pytestmark = [pytest.mark.e2e, pytest.mark.one_engine, pytest.mark.alone]

PHOTO = (ROOT / "samples" / "7-photo-ruled.jpg").read_bytes()
CLIENTS = 40
WAIT_S, QUEUE = 1.0, 8
ANSWER_S = 10
"""More than a photo and its way take, on the busiest machine."""


def send_photo(server: Server) -> tuple[requests.Response, float]:
    start = time.monotonic()
    headers = {"Content-Type": "image/jpeg"}
    return requests.post(
        f"{server.url}/model/predict", data=PHOTO, headers=headers, timeout=60
    ), time.monotonic() - start


def test_overload_is_shed_and_forgotten(serve: Serve) -> None:
    settings = {"workers": 1, "threads": 2, "max_queue": QUEUE, "max_wait_s": WAIT_S}
    with serve(**settings) as server, ThreadPoolExecutor(CLIENTS) as pool:
        sent = [pool.submit(send_photo, server) for _ in range(12 * CLIENTS)]
        probes: Counter[int] = Counter()
        while not all(future.done() for future in sent):
            assert requests.get(f"{server.url}/health/live", timeout=5).status_code == 200
            probes[requests.get(f"{server.url}/health/ready", timeout=5).status_code] += 1
        answers = [future.result() for future in sent]
        refused = [answer for answer, _ in answers if answer.status_code == 503]
        for answer in refused:
            assert_error(answer, 503, "overloaded")
            assert answer.headers["Retry-After"] == "1"
        read = [(answer, seconds) for answer, seconds in answers if answer.status_code == 200]
        assert len(refused) + len(read) == len(answers)
        assert max(seconds for _, seconds in answers) < WAIT_S + ANSWER_S
        assert refused
        assert read
        assert probes[503] > 0  # who asked then could not be served in time
        assert_predictions(requests.post(f"{server.url}/model/predict", files={"image": SEVEN}, timeout=5), 1)
        assert_predictions(send_photo(server)[0], 1)
        assert requests.get(f"{server.url}/health/ready", timeout=5).ok
        metrics = requests.get(f"{server.url}/metrics", timeout=5).text
        assert 'digits_shed_total{reason="overloaded"}' in metrics
