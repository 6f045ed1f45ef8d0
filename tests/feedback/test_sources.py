"""Whatever yields records is a source of feedback."""

from pathlib import Path

from said import sheet

from accord.collect import ContrastSource, ProgramSource
from accord.feedback import Ledger, export_feedback, open_feedback
from accord.interfaces import Source


def test_a_ledger_and_its_file_are_sources_of_the_same_records(tmp_path: Path) -> None:
    with Ledger(tmp_path / "one.db") as one, Ledger(tmp_path / "two.db") as two, Ledger(tmp_path / "three.db") as three:
        one.extend(sheet(1))
        export_feedback(one, tmp_path / "all.jsonl")
        file = open_feedback(tmp_path / "all.jsonl")
        for source, copy in ((one, two), (file, three)):
            assert isinstance(source, Source)
            copy.extend(source.records())
            assert copy.digest() == one.digest()


def test_programs_and_contrasts_are_sources() -> None:
    assert issubclass(ProgramSource, Source)
    assert issubclass(ContrastSource, Source)
