"""What grows with the number of judgements, in bytes of each: import and draw hold neither them nor their pairs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from said import comparison, completion, person, prompt, rating

from accord.feedback import Ledger, draw_pairs
from accord.records import Record
from memory_growth import growth

FEW, MANY = 1500, 4500


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at once, whatever the number, is made small beside what is measured."""
    monkeypatch.setattr("accord.feedback.store.ledger.AT_ONCE", 200)
    monkeypatch.setattr("accord.feedback.store.stored_records.MOST_HELD", 200)
    monkeypatch.setattr("accord.feedback.store.ledger_writer.ROWS_PER_INSERT", 200)


def comparisons(number: int) -> Iterator[Record]:
    """Everybody compares two texts of their own, so that nothing is said of the same twice."""
    by = person("a")
    yield by
    for place in range(number):
        asked = prompt(f"Question {place}")
        left, right = completion(asked, "one text"), completion(asked, "another")
        yield from (asked, left, right, comparison(by, left, right, "left", session=f"s{place}"))


def ratings(number: int) -> Iterator[Record]:
    by = person("a")
    yield by
    for place in range(number // 3):
        asked = prompt(f"Question {place}")
        yield asked
        for text in range(3):
            about = completion(asked, f"text {text}")
            yield from (about, rating(by, about, float(text), session=f"s{place}"))


@pytest.mark.parametrize(("said", "bound"), [(comparisons, 20), (ratings, 20)])
def test_an_import_holds_no_more_of_a_long_file(
    tmp_path: Path, said: Callable[[int], Iterator[Record]], bound: int
) -> None:
    def importing(number: int) -> None:
        (tmp_path / f"{number}.db").unlink(missing_ok=True)
        with Ledger(tmp_path / f"{number}.db") as ledger:
            assert ledger.extend(said(number)).new["feedback"] == number

    assert growth(importing, FEW, MANY) < bound


@pytest.mark.parametrize(("said", "bound"), [(comparisons, 100), (ratings, 300)])
def test_a_draw_holds_numbers(tmp_path: Path, said: Callable[[int], Iterator[Record]], bound: int) -> None:
    for number in (FEW, MANY):
        with Ledger(tmp_path / f"{number}.db") as ledger:
            ledger.extend(said(number))

    def drawing(number: int) -> None:
        with Ledger(tmp_path / f"{number}.db", write=False) as ledger:
            assert len(draw_pairs(ledger, limit=20, seed=1).pairs) == 20

    assert growth(drawing, FEW, MANY) < bound
