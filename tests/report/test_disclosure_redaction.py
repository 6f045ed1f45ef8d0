"""The redacted version: no pseudonym, no number of few people, no word of the ledger, whatever the run holds."""

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from disclosure_runs import STATEMENTS, Person, crowd, people_of, secrets_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accord.artefacts import DisclosureField, RunReader
from accord.artefacts.finding import IdList
from accord.records import Evaluator
from accord.report import disclose
from accord.report.disclosure.assembly import redacted_disclosure
from accord.report.disclosure.privacy import FEWER, WITHHELD, Redacted
from accord.report.disclosure.small_cells import FEW, safe_cells
from accord.report.disclosure.statements import Statements
from accord.report.disclosure.writing import WrittenDisclosure
from accord.run import RunDirectory, verify

NAMES = ("north", "south", "west", "east")


def field_of(written: WrittenDisclosure, item: str, name: str) -> DisclosureField:
    found = next(each for each in written.disclosure.items if each.name == item)
    return next(field for field in found.fields if field.name == name)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 12), max_size=8))
def test_no_group_of_few_stands_alone_nor_is_what_is_left_by_subtraction(people: dict[str, int]) -> None:
    cells = safe_cells(people)
    present = [name for name, number in people.items() if number]
    assert sorted([*cells.apart, *cells.together]) == sorted(present)
    assert all(people[name] >= FEW for name in cells.apart)
    together = sum(people[name] for name in cells.together)
    assert not cells.together or together >= FEW or (cells.untold and not cells.apart)
    if all(people[name] >= FEW for name in present):
        assert cells.together == ()
    # Nothing is hidden that need not be: without its largest, what is hidden would be too few, or holds no few.
    added = [name for name in cells.together if people[name] >= FEW]
    assert len(added) <= 1


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from((*NAMES, None)), st.integers(0, 7)), min_size=1, max_size=4))
@example([("north", 4), ("south", 5)])
@example([("north", 1), ("south", 9), ("west", 9)])
@example([("north", 2)])
def test_no_secret_occurs_in_the_redacted_bytes(regions: list[tuple[str | None, int]]) -> None:
    people = people_of(regions) or people_of([("north", 1)])
    with tempfile.TemporaryDirectory() as folder:
        statements = Path(folder) / "said.toml"
        statements.write_text(STATEMENTS)
        with crowd(Path(folder) / "run", people) as run:
            written = disclose(run, statements=statements, redact=True)
            content = b"".join(file.read_bytes() for file in written.files).decode()
            assert [secret for secret in secrets_of(people) if secret in content] == []
            assert [one for one in RunReader.of(run).evaluators if one in content] == []
            assert (run.path / "redaction_salt.txt").read_text().strip() not in content
            _check_cells(written, Counter(person.region for person in people))


def _check_cells(written: WrittenDisclosure, people: Counter[str | None]) -> None:
    """The groups that are told apart have five people or more, and so has what is left of all."""
    few = {region for region, number in people.items() if region is not None and number < FEW}
    content = written.files[0].read_text()
    assert [region for region in few if f'"{region}"' in content] == []
    composition = field_of(written, "human_feedback.evaluators", "composition")
    if composition.table is None:
        return
    told = {line.cells[1]: line.cells[2] for line in composition.table.lines}
    numbers = [int(number) for number in told.values() if number != FEWER]
    assert all(number >= FEW for number in numbers)
    if FEWER in told.values():
        assert people.total() < FEW
    else:
        assert sum(numbers) == people.total()


def test_what_is_marked_public_stays_and_the_rest_is_withheld(tmp_path: Path) -> None:
    people = people_of([("north", 9)])
    statements = tmp_path / "said.toml"
    statements.write_text(
        STATEMENTS
        + f"""
[systemic.audits]
signed_by = "Cy Auditor"
date = 2026-01-31
public = true
text = "We spoke with {people[0].pseudonym.upper()}."
scope = "We read: Gulls circle over  pier 1 a."
auditors = "Write to cy@audit.example; our files are at /home/cy/audit/notes.txt."
[systemic.monitoring]
signed_by = "Di Owner"
date = 2026-01-31
public = true
incident_contact = "https://report.example"
not_applicable = {{ drift = "Nothing drifts." }}
"""
    )
    with crowd(tmp_path / "run", people) as run:
        whole = disclose(run, statements=statements)
        written = disclose(run, statements=statements, redact=True)
        assert verify(run) == []
    text = field_of(written, "human_feedback.pretraining", "text")
    assert (text.status, text.value) == ("complete", "Encyclopaedias and forums until 2024; nothing after it.")
    private = field_of(written, "systemic.equity", "text")
    assert (private.status, private.value, private.signed_by) == ("withheld", "withheld: 10 words", "Ben Payer")
    assert field_of(written, "systemic.equity", "pay_floor").value == "14.00 EUR an hour"
    for name in ("text", "scope"):
        held = field_of(written, "systemic.audits", name)
        assert (held.status, held.reason) == (
            "withheld",
            "a pseudonym of an evaluator or a text of the ledger stands in it",
        )
    masked = field_of(written, "systemic.audits", "auditors").value
    assert masked == "Write to withheld; our files are at notes.txt."
    contact = field_of(written, "systemic.monitoring", "incident_contact")
    assert (contact.status, contact.reason) == ("withheld", "contacts are left out")
    assert field_of(written, "systemic.monitoring", "drift").reason == "Nothing drifts."
    assert field_of(whole, "systemic.monitoring", "incident_contact").value == "https://report.example"
    assert written.disclosure.complete_unredacted == whole.disclosure.complete


def test_the_salt_is_drawn_once_for_a_run_and_is_nobody_elses(tmp_path: Path) -> None:
    people = people_of([("north", 9)])
    rows = []
    for name in ("one", "two"):
        with crowd(tmp_path / name, people) as run:
            written = disclose(run, redact=True)
            salt = (run.path / "redaction_salt.txt").read_text().strip()
            assert len(salt) == 64
            assert os.stat(run.path / "redaction_salt.txt").st_mode & 0o777 == 0o600
            first = written.files[0].read_bytes()
            assert disclose(run, redact=True).files[0].read_bytes() == first
            table = field_of(written, "human_feedback.evaluators", "findings").table
            assert table is not None
            fires, few = table.lines
            assert fires.rows is not None
            assert fires.rows["prompts"] == IdList((), 2)
            assert fires.rows["evaluators"].count == 6
            assert few.rows is None
            rows.append(fires.rows["evaluators"].ids)
    assert len(set(rows[0])) == 6
    assert not set(rows[0]) & set(rows[1])


def test_who_is_a_machine_keeps_its_name_and_nobody_is_found_in_a_word() -> None:
    evaluators = [
        Evaluator(kind="person", pseudonym="a"),
        Evaluator(kind="person", pseudonym=" "),
        Evaluator(kind="person", pseudonym="Zoë (2)"),
        Evaluator(kind="model", pseudonym="judge-7b"),
    ]
    privacy = Redacted("salt", evaluators, ["A text of the ledger.", "short", "Ünïcödé wörds"])
    assert privacy.name("a study of harbours") == WITHHELD  # the pseudonym is a word of it
    assert privacy.name("harbours") == "harbours"
    assert privacy.name("judge-7b") == "judge-7b"
    assert privacy.name("by ZOË (2).") == WITHHELD
    assert privacy.name("so: A  text\nof the ledger.") == WITHHELD
    assert privacy.name("short") == "short"
    assert privacy.name("Ünïcödé wörds") == WITHHELD
    assert privacy.name("postgresql://ann:secret@db.example/x") == "postgresql://db.example/x"
    assert privacy.name("/home/ann/model") == "model"
    assert privacy.name("owner/name") == "owner/name"
    assert privacy.name("call +49 (171) 123-4567 on 2026-01-31") == "call withheld on 2026-01-31"
    ids = {"with a wrong answer": IdList.of(["e-1"]), "of zoë (2)": IdList.of("123456"), "feedback": IdList.of(["f-1"])}
    assert privacy.rows(ids) == {WITHHELD: IdList((), 6), "feedback": IdList((), 1)}
    assert privacy.hashed("e-1") == Redacted("salt", [], []).hashed("e-1") != Redacted("pepper", [], []).hashed("e-1")


def test_of_fewer_than_five_people_no_number_is_told(tmp_path: Path) -> None:
    with crowd(tmp_path / "run", people_of([("north", 4)])) as run:
        written = disclose(run, redact=True)
    assert field_of(written, "human_feedback.evaluators", "who").value == f"{FEWER} people."
    assert field_of(written, "human_feedback.quality", "care").status == "withheld"
    assert field_of(written, "systemic.equity", "hours").status == "withheld"
    kinds = field_of(written, "human_feedback.types", "kinds").table
    assert kinds is not None
    assert {line.cells[2:] for line in kinds.lines} == {(FEWER, WITHHELD, WITHHELD)}
    agreement = field_of(written, "human_feedback.quality", "agreement").table
    assert agreement is not None
    assert [line.estimate for line in agreement.lines] == [None]
    pay = field_of(written, "systemic.equity", "pay_per_hour").table
    assert pay is not None
    assert [line.cells[1] for line in pay.lines] == [f"of {FEWER} people, and not told"]
    assert field_of(written, "reward_model.evaluation", "groups").status == "missing"


@pytest.mark.parametrize(("south", "told"), [(1, False), (4, False), (5, True)])
def test_what_lies_between_few_people_and_the_others_is_not_told(tmp_path: Path, south: int, told: bool) -> None:
    """Agreement between a group of one and the rest is that of one person."""
    people = people_of([("north", 8), ("south", south)])
    people[-1] = Person(people[-1].pseudonym, "south", "in cake")
    with crowd(tmp_path / "run", people) as run:
        written, whole = disclose(run, redact=True), disclose(run)
    name = ("human_feedback.quality", "group_agreement")
    assert field_of(whole, *name).table is not None
    assert (field_of(written, *name).table is not None) is told
    digests = {each.file: each.sha256 for each in field_of(written, *name).evidence}
    assert not told or set(digests.values()) == {None}
    # Nor of how many nothing is on record, where they are few.
    assert (
        field_of(whole, "systemic.equity", "pay_per_hour").value == f"On record for {7 + south} of {8 + south} people."
    )
    assert field_of(written, "systemic.equity", "pay_per_hour").value == "On record for a part of the people."


def test_the_lowest_pay_is_that_of_five(tmp_path: Path) -> None:
    people = [Person(f"zq{place}", "north", f"{8 + place} EUR an hour") for place in range(8)]
    statements = tmp_path / "said.toml"
    statements.write_text(STATEMENTS.replace("pay_floor = 14.0", "pay_floor = 10.0"))
    with crowd(tmp_path / "run", people) as run:
        written = disclose(run, statements=statements, redact=True)
    table = field_of(written, "systemic.equity", "pay_per_hour").table
    assert table is not None
    told = {line.cells[0]: line.cells[1] for line in table.lines}
    assert told["EUR an hour, mean of the 5 who got least"] == "10.00"
    assert "EUR an hour, least" not in told
    assert (
        told["share of people below the stated floor of 10.00 EUR an hour"]
        == f"not told: it would be of {FEWER} people"
    )


def test_the_redacted_value_is_the_same_without_writing_it(tmp_path: Path) -> None:
    with crowd(tmp_path / "run", people_of([("north", 6), ("south", 1)])) as run:
        written = disclose(run, redact=True)
        salt = (run.path / "redaction_salt.txt").read_text().strip()
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        assert redacted_disclosure(RunReader.of(run), Statements(), salt) == written.disclosure


@pytest.mark.parametrize("name", ["run", "zq000kestrel-run"])
def test_a_run_called_after_somebody_is_not_named(tmp_path: Path, name: str) -> None:
    with crowd(tmp_path / name, people_of([("north", 6)])) as run:
        assert disclose(run, redact=True).disclosure.run == ("run" if name == "run" else WITHHELD)


def test_a_run_as_others_may_have_made_it_is_told(tmp_path: Path) -> None:
    """Settings of the wrong kind, answers of nobody on record, a date that is none."""
    recipe = '[data]\nexclude = 3\ntrain = "x"\n[rewards]\na = 3\n[policy]\nkind = 3\n'
    recipe += "[evaluate]\njudge = 3\n[sft]\nbase = [1]\n"
    with crowd(tmp_path / "run", people_of([("north", 6)])) as run:
        run.write_text("recipe.toml", recipe, stage="recipe")
        run.write_jsonl("data/evaluators.jsonl", run.read_jsonl("data/evaluators.jsonl")[1:], stage="data")
        run.manifest.created = "long ago"
        for redact in (False, True):
            written = disclose(run, redact=redact)
            assert written.disclosure.items_by_status["partial"] == 11
    assert field_of(written, "human_feedback.pretraining", "base").status == "missing"


def test_who_wrote_is_told_but_not_where_it_is_somebody_who_judged() -> None:
    somebody = Evaluator(kind="person", pseudonym="zq1")
    privacy = Redacted("salt", [somebody], [])
    assert privacy.name(somebody.id) == WITHHELD
    assert privacy.name(f"by {somebody.id}") == WITHHELD
    assert privacy.name("zq1x") == "zq1x"
    assert privacy.name("zq1.") == WITHHELD
