from collections.abc import Iterable
from itertools import count, islice

import pytest

from batch.batches import LEAST, MOST, choose_size, count_ahead, cut, halves, printable
from batch.names import name_of
from core.storage import Entry


def entries(numbers: Iterable[int]) -> list[Entry]:
    return [Entry(f"{number:06}.png", 300, str(number)) for number in numbers]


def test_batches_hold_every_picture_once_and_are_nearly_full() -> None:
    listed = entries(range(5000))
    batches = list(cut(listed, 400))
    assert [entry for batch in batches for entry in batch] == listed
    assert all(350 < len(batch) <= 400 for batch in batches[:-1])


def test_a_new_picture_changes_few_batches() -> None:
    before = {name_of(batch) for batch in cut(entries(range(1, 20_000)), 400)}
    after = {name_of(batch) for batch in cut(entries(range(20_000)), 400)}
    assert 1 <= len(after - before) <= 5


def test_small_batches() -> None:
    assert [len(batch) for batch in cut(entries(range(3)), 1)] == [1, 1, 1]
    assert list(cut([], 10)) == []


def test_a_name_depends_on_keys_tags_version_and_circumstances(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = entries(range(2))
    names = {
        name_of((first, second)),
        name_of((second, first)),
        name_of((first,)),
        name_of((first,), "model"),
        name_of((Entry(first.name, first.size, "other"),)),
        name_of((Entry(first.name + "\udcff", first.size, first.tag),)),
    }
    assert len(names) == 6
    assert name_of((first, second)) == name_of((first, second))
    monkeypatch.setattr("batch.names.API_VERSION", "next")
    assert name_of((first, second)) not in names


def test_the_size_grows_with_the_count_within_bounds() -> None:
    assert choose_size(10) == LEAST
    assert choose_size(16_000) == 1000
    assert choose_size(None) == MOST


def test_pictures_are_counted_ahead_and_not_listed_again() -> None:
    counted, listing = count_ahead(entries(range(10)))
    assert counted == 10
    assert [entry.name for entry in listing] == [entry.name for entry in entries(range(10))]
    endless = (Entry(str(number), 1, "") for number in count())
    counted, listing = count_ahead(endless)
    assert counted is None
    assert [entry.name for entry in islice(listing, 10)] == [str(number) for number in range(10)]


def test_halves() -> None:
    batch = tuple(entries(range(5)))
    first, second = halves(batch)
    assert first + second == batch
    assert halves(batch[:1]) == ()


def test_a_name_that_is_no_text_is_made_printable() -> None:
    assert printable("caf\udce9.png") == "caf\\udce9.png"
