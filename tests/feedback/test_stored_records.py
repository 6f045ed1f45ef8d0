"""Records that are read where they are asked for give what lists of them give, in one order and under one check."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scale.world import records
from said import comparison, completion, person, prompt
from sqlalchemy import text

from accord.errors import LedgerError
from accord.feedback import Ledger, draw_dataset, write_data
from accord.feedback.dataset.splits import SplitUnit
from accord.feedback.quality.measure import measure_quality
from accord.feedback.store import stored_records
from accord.feedback.store.stored_records import StoredFeedback, StoredRecords, pick, subset, with_field
from accord.records import Completion, Feedback, Prompt
from accord.run import RunDirectory

ACTS = 480


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Acts of every kind of the benchmark's world, and one that was taken back."""
    by, asked = person("z"), prompt("Once more?")
    left, right = completion(asked, "one"), completion(asked, "two")
    first = comparison(by, left, right, "left")
    later = comparison(by, left, right, "right", replaces=first.id)
    with Ledger(tmp_path_factory.mktemp("stored") / "ledger.db") as opened:
        opened.extend([*records(ACTS), by, asked, left, right, first, later])
        yield opened


@pytest.fixture
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """No record is kept, and slices are small, as they are beside millions."""
    monkeypatch.setattr(stored_records, "MOST_HELD", 0)
    monkeypatch.setattr(stored_records, "AT_ONCE", 7)
    monkeypatch.setattr(stored_records, "BLOCK", 5)
    monkeypatch.setattr(stored_records, "BLOCKS", 2)
    monkeypatch.setattr("accord.feedback.store.ledger.AT_ONCE", 50)
    monkeypatch.setattr("accord.feedback.store.ledger.FEW", 3)


def files_of(ledger: Ledger, folder: Path, unit: SplitUnit) -> dict[str, bytes]:
    with RunDirectory.create(folder) as run:
        data = draw_dataset(ledger, limit=100, seed=3, unit=unit)
        write_data(run, data)
        return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


@pytest.mark.parametrize("unit", ["prompt", "session"])
def test_a_data_set_is_the_same_bytes_whether_records_are_held_or_not(
    ledger: Ledger, tmp_path: Path, unit: SplitUnit, request: pytest.FixtureRequest
) -> None:
    held = files_of(ledger, tmp_path / "held", unit)
    request.getfixturevalue("nothing_held")
    assert files_of(ledger, tmp_path / "read", unit) == held
    assert any(content for name, content in held.items() if name.startswith("feedback"))


def test_the_quality_of_a_ledger_is_the_same(ledger: Ledger, request: pytest.FixtureRequest) -> None:
    held = measure_quality(ledger, models=())
    assert repr(held) == repr(measure_quality(list(ledger.records()), models=()))
    request.getfixturevalue("nothing_held")
    assert repr(measure_quality(ledger, models=())) == repr(held)


@pytest.mark.usefixtures("nothing_held")
def test_feedback_is_a_sequence_of_rows(ledger: Ledger) -> None:
    everything = list(ledger.feedback())
    stored = StoredFeedback.of(ledger)
    assert len(stored) == len(everything) == ACTS + 2
    assert (stored[0], stored[-1], list(stored[3:9:2])) == (everything[0], everything[-1], everything[3:9:2])
    with pytest.raises(IndexError):
        stored[len(stored)]
    keep = [number % 3 == 0 for number in range(len(stored))]
    some = subset(stored, keep)
    assert list(some) == list(some) == subset(everything, keep)
    assert list(with_field(some, "replaces")) == []
    assert list(with_field(stored, "replaces")) == [everything[-1]]
    assert list(StoredFeedback.of(ledger, ledger.last_row - 1)) == everything[:-1]
    assert list(stored.at(np.array([2, 5]))) == [everything[2], everything[5]]


@pytest.mark.usefixtures("nothing_held")
def test_records_are_found_by_their_ids(ledger: Ledger) -> None:
    answers = ledger.completions()
    stored = StoredRecords.of(ledger, Completion)
    names = list(answers)
    assert list(stored) == names
    assert list(stored.items()) == list(answers.items())
    assert list(stored.values()) == list(answers.values())
    assert {name: stored[name] for name in names[::-7]} == {name: answers[name] for name in names[::-7]}
    assert stored.several(names[5:40:3]) == {name: answers[name] for name in names[5:40:3]}
    for absent in ("c-" + "0" * 20, names[0][:-1] + "x", "c-zz", ""):
        assert absent not in stored
        with pytest.raises(KeyError):
            stored[absent]
    fewer = stored.without([names[1], "c-" + "0" * 20])
    assert list(fewer) == [names[0], *names[2:]]
    assert names[1] not in fewer
    added = Completion(prompt=answers[names[0]].prompt, text="a text of nobody's")
    picked = pick(stored, dict.fromkeys(names[40:10:-3]), {added.id: added})
    assert list(picked.items()) == [(name, answers[name]) for name in names[40:10:-3]] + [(added.id, added)]
    assert (picked[names[40]], picked[added.id], names[0] in picked) == (answers[names[40]], added, False)


@pytest.mark.usefixtures("nothing_held")
def test_an_id_that_begins_like_another_is_told_apart(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of eight bytes may be alike; the id of what is found decides."""
    monkeypatch.setattr(stored_records, "_key", lambda name: int(name[2:3], 16))
    prompts = ledger.prompts()
    stored = StoredRecords.of(ledger, Prompt)
    assert {name: stored[name] for name in prompts} == prompts
    assert stored.several(list(prompts)) == prompts
    first = next(iter(prompts))
    assert list(stored.without([first])) == list(prompts)[1:]


@pytest.mark.usefixtures("nothing_held")
def test_what_was_altered_is_refused_in_every_pass(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(records(40))
        stored, answers = StoredFeedback.of(ledger), StoredRecords.of(ledger, Completion)
        assert len(list(stored)) == 40
        with ledger.begin(immediate=True) as connection:
            for table in ("feedback", "completions"):
                connection.execute(text(f"DROP TRIGGER {table}_no_update"))
                connection.execute(text(f"UPDATE {table} SET content = replace(content, 'a', 'b') WHERE row = 3"))
        name = next(name for row, name in ledger.names(Completion) if row == 3)
        for read in (lambda: list(stored), lambda: answers[name], lambda: list(answers.values())):
            with pytest.raises(LedgerError, match="altered after it was written"):
                read()


def test_records_share_the_names_of_their_set_fields(ledger: Ledger) -> None:
    first, second, *_ = ledger.feedback()
    assert first.__pydantic_fields_set__ is second.__pydantic_fields_set__
    copy = first.model_copy(update={"comment": "more"})
    assert "comment" in copy.model_fields_set
    assert "comment" not in second.model_fields_set
    assert Feedback.model_validate_json(first.canonical()) == first
