"""The disclosure: what the records fill, with their evidence, what people state, and when an item counts."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from disclosure_runs import STATEMENTS, crowd, people_of
from report_runs import new

from accord.artefacts import (
    DISCLOSURE,
    FINDINGS,
    NOT_DISCLOSED,
    OBJECTIVE,
    Disclosure,
    DisclosureField,
    DisclosureItem,
    ObjectiveRow,
    RunReader,
    Verdict,
)
from accord.artefacts import STATEMENTS as FILE
from accord.audit.challenges import CHALLENGES
from accord.audit.examine import examine
from accord.errors import ArtefactError, StatementError
from accord.lab.faults import FAULTS
from accord.lab.planted import judges_of, plant
from accord.report import compare, disclose
from accord.report.comparison import render_comparison
from accord.report.disclosure.registry import ITEMS
from accord.report.disclosure.status import status_of
from accord.run import RunDirectory, verify
from small_run import make_run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run of small models, audited."""
    path = tmp_path_factory.mktemp("small") / "run"
    make_run(path)
    with RunDirectory.open(path) as run:
        row = ObjectiveRow(kind="bradley_terry", learns_from=("comparison",), likelihood="F", disagreement="noise")
        OBJECTIVE.write(run, row, stage="reward")
        examine(run, only=("RG2", "RE1", "DC2", "P-KL")).write(run)
    return path


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with simulated evaluators of whom many are careless, and its findings."""
    fault = FAULTS.get("careless")()
    path = tmp_path_factory.mktemp("planted") / "run"
    with plant(path, fault) as run:
        examine(run, judges=judges_of(fault), only=("OV1", "MH1", "RG2", "RE1", "PM2")).write(run)
    return path


@pytest.fixture(scope="module")
def of_planted(planted: Path) -> Disclosure:
    with RunDirectory.open(planted) as run:
        return disclose(run).disclosure


@pytest.fixture
def own(small: Path, tmp_path: Path) -> Iterator[RunDirectory]:
    with RunDirectory.open(Path(shutil.copytree(small, tmp_path / "run"))) as run:
        yield run


@pytest.fixture
def statements(tmp_path: Path) -> Path:
    file = tmp_path / "said.toml"
    file.write_text(STATEMENTS)
    return file


def item_of(disclosure: Disclosure, name: str) -> DisclosureItem:
    return next(item for item in disclosure.items if item.name == name)


def field_of(disclosure: Disclosure, item: str, name: str) -> DisclosureField:
    return next(field for field in item_of(disclosure, item).fields if field.name == name)


def test_there_are_twelve_items_each_with_a_question_for_whatever_records_may_leave_missing() -> None:
    assert [item.number for item in ITEMS] == list(range(1, 13))
    assert len({item.name for item in ITEMS}) == 12


def test_every_field_that_an_empty_run_leaves_missing_may_be_stated(tmp_path: Path) -> None:
    """So that every item can become complete."""
    with new(tmp_path / "empty") as run:
        reader = RunReader.of(run)
        disclosure = disclose(run).disclosure
        assert reader.has(DISCLOSURE)
    asked = {item.name: {question.name for question in item.questions} for item in ITEMS}
    for item in disclosure.items:
        assert {field.name for field in item.fields if field.status == "missing"} <= asked[item.name], item.name
        assert asked[item.name] <= {field.name for field in item.fields}
    assert disclosure.complete == 0
    assert item_of(disclosure, "human_feedback.types").status == "missing"


def test_an_item_is_complete_when_a_person_has_stated_all_that_records_leave_open(tmp_path: Path) -> None:
    item = next(item for item in ITEMS if item.name == "systemic.equity")
    values = {"money": "12.5", "amount": "3.0", "share": "0.1", "currency": '"EUR"'}
    lines = [f"{question.name} = {values.get(question.kind, repr('We asked.'))}" for question in item.questions]
    file = tmp_path / "said.toml"
    file.write_text('[systemic.equity]\nsigned_by = "Ada"\ndate = 2026-01-31\n' + "\n".join(lines))
    with new(tmp_path / "run") as run:
        disclosure = disclose(run, statements=file).disclosure
    assert disclosure.complete == 1
    assert item_of(disclosure, "systemic.equity").status == "complete"
    pay = field_of(disclosure, "systemic.equity", "pay_per_hour")
    assert (pay.value, pay.amount, pay.unit, pay.signed_by) == ("12.50 EUR an hour", 12.5, "EUR an hour", "Ada")
    assert field_of(disclosure, "systemic.equity", "harmful_share").value == "10.0%"


def test_what_records_say_carries_the_digest_of_the_manifest(own: RunDirectory) -> None:
    disclosure = disclose(own).disclosure
    fields = [field for item in disclosure.items for field in item.fields if field.source == "run"]
    files = [each for field in fields if field.status == "complete" for each in field.evidence]
    assert len(files) > 20
    for each in files:
        entry = own.manifest.files.get(each.file)
        assert each.sha256 == (None if entry is None else entry.sha256)
        assert own.has(each.file)
    size = field_of(disclosure, "human_feedback.pretraining", "size")
    assert size.value == "The supervised start has 26,848 parameters and the policy has 26,848 parameters."
    assert size.table is not None
    assert size.table.lines[0].cells[3] == "llama, 2 layers, 32 wide, 4 heads"
    assert field_of(disclosure, "human_feedback.pretraining", "tokenizer").value.startswith("BPE, 258 tokens")
    assert field_of(disclosure, "policy.evaluation", "training").value.startswith("PPO then optimised")
    likelihood = field_of(disclosure, "reward_model.objective", "likelihood")
    assert likelihood.table is not None
    assert likelihood.table.lines[0].cells == ("the reward model", "bradley_terry", "F")


def test_nothing_is_blank_and_nothing_is_passed(own: RunDirectory, of_planted: Disclosure) -> None:
    written = disclose(own)
    for disclosure in (written.disclosure, of_planted):
        for item in disclosure.items:
            for field in item.fields:
                assert field.value.strip(), (item.name, field.name)
                assert (field.value == NOT_DISCLOSED) == (field.status == "missing")
                assert field.status == "complete" or field.reason
    for file in written.files:
        assert "passed" not in file.read_text(encoding="utf-8").lower()


def test_fundamental_challenges_stand_there_whatever_the_audit_says(of_planted: Disclosure) -> None:
    table = field_of(of_planted, "systemic.risks", "fundamental").table
    assert table is not None
    assert [line.cells[0] for line in table.lines] == [each.id for each in CHALLENGES if each.fundamental]
    words = {line.cells[0]: line.cells[2] for line in table.lines}
    assert words["RG2"] == "not detected by this test"
    assert words["PM1"] == "no check of this audit looks at it"
    untested = field_of(of_planted, "systemic.risks", "untested").table
    assert untested is not None
    assert {"RL1", "MG2", "X5"} <= {line.cells[0] for line in untested.lines}
    assert not {"RG2", "OV1", "P-BOS"} & {line.cells[0] for line in untested.lines}


def test_what_fires_is_a_risk_with_its_rows(planted: Path, of_planted: Disclosure) -> None:
    with RunDirectory.open(planted, write=False) as run:
        findings = {each.id: each for each in FINDINGS.read(run)}
    fired = [name for name, each in findings.items() if each.verdict is Verdict.FIRES]
    assert "OV1 careless" in fired
    table = field_of(of_planted, "systemic.risks", "findings").table
    assert table is not None
    assert [line.cells[0] for line in table.lines[: len(fired)]] != []
    assert {line.cells[0] for line in table.lines if line.cells[1] == "fires"} == set(fired)
    line = next(line for line in table.lines if line.cells[0] == "OV1 careless")
    assert line.estimate == findings["OV1 careless"].estimate
    assert line.rows == findings["OV1 careless"].ids
    standing = field_of(of_planted, "human_feedback.quality", "standing").table
    assert standing is not None
    assert "careless" in {line.cells[0] for line in standing.lines}


def test_answers_are_measured_by_the_feedback_room(of_planted: Disclosure) -> None:
    agreement = field_of(of_planted, "human_feedback.quality", "agreement").table
    assert agreement is not None
    alphas = [line for line in agreement.lines if line.cells[0].startswith("alpha of lab")]
    assert len(alphas) == 2
    assert all(line.estimate is not None and line.estimate.low is not None for line in alphas)
    control = field_of(of_planted, "human_feedback.evaluators", "control").table
    assert control is not None
    (line,) = control.lines
    assert line.estimate is not None
    assert 0.5 < line.estimate.value < 1
    assert "not people" in field_of(of_planted, "human_feedback.evaluators", "who").value


def test_statements_are_signed_dated_and_kept_in_the_run(own: RunDirectory, statements: Path) -> None:
    disclosure = disclose(own, statements=statements).disclosure
    text = field_of(disclosure, "human_feedback.pretraining", "text")
    assert (text.signed_by, str(text.signed_on), text.source) == ("Ada Writer", "2026-01-31", "person")
    assert text.evidence[0].file == "disclosure.toml"
    assert text.evidence[0].sha256 == own.manifest.files["disclosure.toml"].sha256
    assert FILE.read(own) == STATEMENTS
    assert verify(own) == []
    assert disclose(own).disclosure == disclosure
    remark = item_of(disclosure, "human_feedback.pretraining").remarks
    assert remark == (f"Signed on 2026-01-31, before the run was made ({own.manifest.created[:10]}).",)


def test_an_unsigned_statement_is_not_counted_and_says_why(own: RunDirectory, tmp_path: Path) -> None:
    file = tmp_path / "said.toml"
    file.write_text(
        '[systemic.audits]\ntext = "Somebody looked."\nauditors = "Them"\n[systemic.equity]\nnot_applicable = "x"\n'
    )
    disclosure = disclose(own, statements=file).disclosure
    text = field_of(disclosure, "systemic.audits", "text")
    assert text.value == NOT_DISCLOSED
    assert text.reason == "stated, and not counted: it has no signed_by and no date"
    assert "not counted as disclosed" in item_of(disclosure, "systemic.audits").remarks[0]
    assert "Somebody looked" not in (own.path / "disclosure.json").read_text()
    assert item_of(disclosure, "systemic.equity").status != "not_applicable"


def test_an_item_and_a_question_may_not_be_applicable(own: RunDirectory, tmp_path: Path) -> None:
    file = tmp_path / "said.toml"
    signed = 'signed_by = "Ada"\ndate = 2026-01-31\n'
    file.write_text(
        f'[systemic.equity]\n{signed}not_applicable = "No people worked on it."\n'
        f'[human_feedback.pretraining]\n{signed}not_applicable = {{ licence = "Our own." }}\n'
    )
    disclosure = disclose(own, statements=file).disclosure
    equity = item_of(disclosure, "systemic.equity")
    assert (equity.status, equity.reason) == ("not_applicable", "No people worked on it.")
    assert disclosure.complete == 0
    assert disclosure.items_by_status["not_applicable"] == 1
    licence = field_of(disclosure, "human_feedback.pretraining", "licence")
    assert (licence.status, licence.reason, licence.signed_by) == ("not_applicable", "Our own.", "Ada")


def test_the_same_run_and_statements_give_the_same_bytes(own: RunDirectory, statements: Path) -> None:
    def written() -> list[bytes]:
        some = [disclose(own, statements=statements, redact=redact).files for redact in (False, True)]
        return [file.read_bytes() for files in some for file in files]

    first = written()
    own.readers.clear()
    assert written() == first


def test_a_statement_beside_what_records_say_stands_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "said.toml"
    file.write_text('[human_feedback.types]\nsigned_by = "Ada"\ndate = 2026-01-31\nabout = "Which is livelier."\n')
    with crowd(tmp_path / "run", people_of([("north", 6)])) as run:
        disclosure = disclose(run, statements=file).disclosure
    assert field_of(disclosure, "human_feedback.types", "about").source == "run"
    assert field_of(disclosure, "human_feedback.types", "about_stated").value == "Which is livelier."


def test_pay_is_read_from_records_and_held_against_the_stated_floor(tmp_path: Path, statements: Path) -> None:
    people = [
        *(p for p in people_of([("north", 6)])),
        type(people_of([("north", 1)])[0])("by-the-piece", "south", "0.1 EUR an item"),
        type(people_of([("north", 1)])[0])("otherwise", "south", "in cake"),
    ]
    with crowd(tmp_path / "run", people) as run:
        disclosure = disclose(run, statements=statements).disclosure
    pay = field_of(disclosure, "systemic.equity", "pay_per_hour")
    assert pay.value == "On record for 7 of 8 people."
    assert pay.table is not None
    shown = {line.cells[0]: line for line in pay.table.lines}
    piece = 9 * 0.1 / (300 / 3600)  # nine answers in eight times 30 and once 60 seconds
    assert shown["EUR an hour, least"].cells[1] == f"{piece:,.2f}"
    average = shown["EUR an hour, mean over people"].estimate
    assert average is not None
    assert average.value == pytest.approx((6 * 12 + piece) / 7)
    below = shown["share of people below the stated floor of 14.00 EUR an hour"].estimate
    assert below is not None
    assert below.value == 1.0
    hours = field_of(disclosure, "systemic.equity", "hours").table
    assert hours is not None
    assert hours.lines[0].cells == ("all people together", f"{8 * 300 / 3600:,.2f}")


def test_without_a_reward_there_is_nothing_to_say_of_one(tmp_path: Path) -> None:
    with new(tmp_path / "run") as run:
        run.write_text("recipe.toml", '[policy]\nkind = "dpo"\nbase = "owner/name"\n')
        disclosure = disclose(run).disclosure
    likelihood = field_of(disclosure, "reward_model.objective", "likelihood")
    assert (likelihood.status, likelihood.reason) == (
        "not_applicable",
        "the recipe has no reward; the policy learns by dpo",
    )
    base = field_of(disclosure, "human_feedback.pretraining", "base")
    assert base.value == "owner/name"


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["complete", "complete"], "complete"),
        (["complete", "not_applicable"], "complete"),
        (["not_applicable", "not_applicable"], "not_applicable"),
        (["complete", "missing"], "partial"),
        (["complete", "withheld"], "partial"),
        (["withheld", "missing"], "partial"),
        (["missing", "not_applicable"], "missing"),
        (["missing"], "missing"),
    ],
)
def test_when_an_item_counts(statuses: list[str], expected: str) -> None:
    fields = [
        DisclosureField(name="a", label="a", status=status, source="run", value="a")  # type: ignore[arg-type]
        for status in statuses
    ]
    assert status_of(fields) == expected


def test_an_altered_file_is_refused(own: RunDirectory) -> None:
    (own.path / "policy/metrics.jsonl").write_text("{}\n")
    with pytest.raises(ArtefactError, match=r"policy/metrics\.jsonl"):
        disclose(own)


def test_weights_and_tokenizers_that_are_none_are_not_read_as_such(own: RunDirectory) -> None:
    for stage in ("sft", "policy"):
        own.write_bytes(f"{stage}/model/model.safetensors", b"weights", stage=stage)
        own.write_bytes(f"{stage}/model/tokenizer.json", b"[1, 2", stage=stage)
        own.write_bytes(f"{stage}/model/config.json", b"{}", stage=stage)
    disclosure = disclose(own).disclosure
    assert field_of(disclosure, "human_feedback.pretraining", "size").status == "missing"
    tokenizer = field_of(disclosure, "human_feedback.pretraining", "tokenizer")
    assert tokenizer.value.startswith("a tokenizer of unknown kind, a vocabulary of unknown size")


def test_statements_that_were_part_of_the_run_are_missed(own: RunDirectory, statements: Path) -> None:
    disclose(own, statements=statements)
    edited = STATEMENTS.replace("Ada Writer", "Eve Other")
    (own.path / "disclosure.toml").write_text(edited)
    disclosure = disclose(own).disclosure
    assert field_of(disclosure, "human_feedback.pretraining", "text").signed_by == "Eve Other"
    (own.path / "disclosure.toml").unlink()
    with pytest.raises(StatementError, match="it was part of the last disclosure, and is gone"):
        disclose(own)


def test_statements_outside_of_the_run_are_not_read_by_a_link(own: RunDirectory, statements: Path) -> None:
    (own.path / "disclosure.toml").symlink_to(statements)
    with pytest.raises(ArtefactError):
        disclose(own)


def test_two_disclosures_and_two_audits_are_compared_by_challenge(
    own: RunDirectory, small: Path, statements: Path, tmp_path: Path
) -> None:
    disclose(own, statements=statements)
    with RunDirectory.open(Path(shutil.copytree(small, tmp_path / "other"))) as other:
        findings = [each for each in FINDINGS.read(other) if each.challenge != "DC2"]
        FINDINGS.write(other, tuple(findings))
        comparison = compare(own, other)
        changes = {change.name: (change.a, change.b) for change in comparison.disclosure}
        text = changes["human_feedback.pretraining.text"]
        assert text == (
            "Encyclopaedias and forums until 2024; nothing after it. Stated by Ada Writer, signed on 2026-01-31.",
            None,
        )
        assert [change.name for change in comparison.challenges] == ["DC2 RL contributes to mode collapse"]
        disclose(other)
        changes = {change.name: (change.a, change.b) for change in compare(own, other).disclosure}
    assert changes["human_feedback.pretraining.licence"] == (
        "apache-2.0 Stated by Ada Writer, signed on 2026-01-31.",
        NOT_DISCLOSED,
    )
    assert "human_feedback.pretraining.size" not in changes
    assert changes["systemic.risks.untested: DC2"] == (None, "RL contributes to mode collapse")
    assert comparison.to_json()["disclosure"]
    assert len(list(render_comparison(comparison).renderables)) == 8
