"""Times digits through every network, one at a time and many, with ONNX Runtime on one thread.

    python benchmarks/networks.py [--rounds 40] [--output benchmarks/results/networks.json]

Each network is exported as it is served, with untrained weights: the time does not depend on their values. Rounds
are interleaved, so that a machine that slows down slows all networks down, and the median round counts.
"""

import argparse
import json
import logging
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a script's own folder is on Python's path, the project's is not

from core.model import BATCH  # noqa: E402
from model.description import AS_PIXELS, IMAGE_SIZE, WHITE  # noqa: E402
from model.graph import INPUT, OUTPUT  # noqa: E402
from model.networks import NETWORKS, FromPixels  # noqa: E402
from training.export import graph_of  # noqa: E402

DIGITS = 200
"""Digits a round: 2 to 100 ms, much longer than the clock's resolution and shorter than the machine's moods."""

RESULTS = ROOT / "benchmarks" / "results" / "networks.json"

logger = logging.getLogger(__name__)


def main() -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description="Time one digit through every network, ONNX Runtime, one thread.")
    parser.add_argument("--rounds", type=int, default=40, help="of 200 digits a network (%(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file (%(default)s)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is less than 1")
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO)  # the exporter would tell much, too
    networks = {name: build().eval() for name, build in NETWORKS.items()}
    result = describe_machine() | {"networks": measure(networks, options.rounds), "rounds": options.rounds}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")
    for line in lines(result["networks"]):
        logger.info(line)


def measure(networks: dict[str, nn.Module], rounds: int) -> dict[str, dict[str, float | int]]:
    """Return microseconds a digit, alone and in a batch, and the number of parameters of each network."""
    sessions = {name: load(graph_of(FromPixels(network, *AS_PIXELS), OUTPUT, {})) for name, network in networks.items()}
    alone, in_batch = (times(sessions, rounds, count) for count in (1, BATCH))
    return {
        name: {
            "microseconds": alone[name],
            "microseconds_in_batch": in_batch[name],
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
        }
        for name, network in networks.items()
    }


def times(sessions: dict[str, onnxruntime.InferenceSession], rounds: int, count: int) -> dict[str, float]:
    """Return the microseconds a digit of each network when it is given so many at once."""
    digits = np.random.default_rng(0).integers(0, WHITE, (count, IMAGE_SIZE, IMAGE_SIZE), np.uint8, endpoint=True)
    calls = max(1, DIGITS // count)
    for session in sessions.values():
        time_round(session, digits, max(1, calls // 4))
    found: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            found[name].append(time_round(session, digits, calls) / count)
    return {name: round(statistics.median(each), 1) for name, each in found.items()}


def load(graph: bytes) -> onnxruntime.InferenceSession:
    """Return the graph ready to run on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def time_round(session: onnxruntime.InferenceSession, digits: NDArray[np.uint8], calls: int) -> float:
    """Return the mean microseconds of a call in one round of so many."""
    feed = {INPUT: digits}
    start = time.perf_counter()
    for _ in range(calls):
        session.run(None, feed)
    return (time.perf_counter() - start) / calls * 1e6


def describe_machine() -> dict[str, Any]:
    """Return what the times depend on beside the networks."""
    versions = {"onnxruntime": onnxruntime.__version__, "torch": torch.__version__, "python": platform.python_version()}
    return {"cpu": cpu_model(), "threads": 1, "batch_size": BATCH, "versions": versions}


def cpu_model() -> str:
    """Return the processor's name as Linux knows it, or else the platform's."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def lines(networks: dict[str, dict[str, float | int]]) -> list[str]:
    """Return one line a network: its time, and its ratio to the first one's."""
    first = next(iter(NETWORKS))
    return [
        f"{name:17} {row['microseconds']:7.1f} us a digit, {row['microseconds'] / networks[first]['microseconds']:5.2f}"
        f" times {first}'s, {row['microseconds_in_batch']:7.1f} in a batch, {row['parameters']:9,} parameters"
        for name, row in networks.items()
    ]


if __name__ == "__main__":
    main()
