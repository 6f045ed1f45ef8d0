"""Whatever a ledger holds, every format writes it: nothing fails, and what is not in the file is counted."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from record_strategies import ledgers

from accord.feedback import FORMATS, Ledger, export_feedback
from accord.records import Feedback, Record


@settings(max_examples=4)
@given(ledgers())
def test_every_format_writes_any_ledger(records: list[Record]) -> None:
    said = [record for record in records if isinstance(record, Feedback)]
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.db") as ledger:
        ledger.extend(records)
        for form in FORMATS:
            if form.write is not None:
                counts = export_feedback(ledger, Path(folder) / f"{form.name}.jsonl", form.name)
                kinds = {each.judgement.kind for each in said} - form.carries
                assert {kind for kind in kinds if kind not in counts.lost} == set(), form.name
                assert counts.records or counts.lost, form.name
