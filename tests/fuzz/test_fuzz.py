"""A short run of the fuzzer, and what broke before."""

from pathlib import Path

import pytest

from tests.fuzz import run
from tests.fuzz.judge import read
from tests.fuzz.mutate import mutated, split_png
from tests.fuzz.run import BROKEN, Report, fuzz
from tests.fuzz.seeds import polyglots, seeds

CASES = 3000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return fuzz(seed=2026, count=CASES, processes=2, into=tmp_path_factory.mktemp("broken"))


def test_nothing_breaks(report: Report) -> None:
    assert not report.broken
    assert report.outcomes.total() == CASES


def test_every_outcome_occurs(report: Report) -> None:
    assert {"read", "invalid_image", "no_ink", "image_too_large"} <= report.outcomes.keys()


@pytest.mark.parametrize("name", seeds())
def test_a_seed_is_a_sound_picture(name: str) -> None:
    assert read(seeds()[name]) in ("read", "no_ink")


@pytest.mark.parametrize("name", polyglots())
def test_a_polyglot_is_a_picture_or_refused(name: str) -> None:
    assert read(polyglots()[name]) in ("read", "no_ink", "invalid_image")


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*[!d]")), ids=lambda path: path.name)
def test_what_once_broke_something_no_longer_does(path: Path) -> None:
    assert not read(path.read_bytes()).startswith("!")


def test_a_case_is_made_again_from_its_number() -> None:
    files = list(seeds().values())
    assert mutated(1, 5, files) == mutated(1, 5, files)
    assert len({mutated(1, number, files) for number in range(50)}) > 45


def test_a_case_that_kills_its_process_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    start = run._start

    def killed(seed: int, first: int, count: int) -> object:
        child = start(seed, first, count)
        if first == 0:
            assert child.stdout is not None
            child.stdout.readline()
            child.kill()
        return child

    monkeypatch.setattr(run, "_start", killed)
    report = fuzz(seed=1, count=3, processes=1, into=tmp_path)
    assert report.outcomes["! crash"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_chunks_are_split() -> None:
    assert [kind for kind, _ in split_png(seeds()["png P"])] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
