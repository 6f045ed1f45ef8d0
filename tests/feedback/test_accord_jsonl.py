"""The format of accord itself: whatever a ledger holds comes back under the same ids."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from record_strategies import JUDGEMENTS, ledgers

from accord.feedback import Ledger, export_feedback, import_feedback, unknown_evaluator
from accord.records import JUDGEMENT_KINDS, Completion, Evaluator, Feedback, Prompt, Rating, Record, Scale


@settings(max_examples=4)
@given(st.lists(ledgers(), min_size=2, max_size=2))
def test_a_ledger_written_and_read_again_has_the_same_ids(several: list[list[Record]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.jsonl"
        with Ledger(Path(folder) / "one.db") as one, Ledger(Path(folder) / "two.db") as two:
            for records in several:
                one.extend(records)
            export_feedback(one, path)
            import_feedback(path, None, two)
            assert (two.digest(), two.counts()) == (one.digest(), one.counts())
            assert list(two.records()) == list(one.records())
            assert import_feedback(path, None, two).new.get("feedback", 0) == 0


def test_lines_that_stand_twice_are_the_same_records(tmp_path: Path) -> None:
    """Its rows name their records: a second copy of a line is no second vote, not even of somebody unknown."""
    prompt = Prompt.ask("q")
    unknown, answer = unknown_evaluator("data"), Completion(prompt=prompt.id, text="A")
    rating = Rating(value=1.0, scale=Scale(low=0.0, high=1.0))
    vote = Feedback(evaluator=unknown.id, prompt=prompt.id, completions=(answer.id,), judgement=rating)
    with Ledger(tmp_path / "one.db") as one, Ledger(tmp_path / "two.db") as two:
        one.add(prompt, unknown, answer, vote)
        export_feedback(one, tmp_path / "all.jsonl")
        (tmp_path / "twice.jsonl").write_text((tmp_path / "all.jsonl").read_text() * 2)
        import_feedback(tmp_path / "twice.jsonl", None, two)
        assert two.counts() == one.counts()


def test_every_kind_and_every_field_is_drawn() -> None:
    records: list[Record] = []

    @settings(max_examples=25, database=None)
    @given(ledgers())
    def collect(drawn: list[Record]) -> None:
        records.extend(drawn)

    collect()
    assert set(JUDGEMENTS) == JUDGEMENT_KINDS
    feedback = [record for record in records if isinstance(record, Feedback)]
    values_of: list[list[Any]] = [
        *([record for record in records if isinstance(record, kind)] for kind in (Prompt, Completion, Evaluator)),
        feedback,
        [record.assistance for record in feedback if record.assistance],
        [record.usage for record in feedback if record.usage],
        [record.telemetry for record in feedback if record.telemetry],
        [message for record in records if isinstance(record, Prompt) for message in record.messages],
    ]
    for values in values_of:
        names = type(values[0]).model_fields
        assert [name for name in names if all(getattr(value, name) is None for value in values)] == []
