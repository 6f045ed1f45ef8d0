"""The audit as a whole: every check is run, what is missing is named, and nothing else is swallowed."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from accord.audit import CHECKS, AuditReport, AuditSettings, Check, Evidence, Finding, Verdict, examine
from accord.errors import ArtefactError, AuditError, MissingEvidence
from accord.run import RunDirectory
from accord.stats import Estimate


def test_a_run_of_nothing_passes_nothing(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        found = examine(run).findings
    assert [(each.challenge, each.check) for each in found] == [(each.challenge, each.name) for each in CHECKS]
    assert {each.verdict for each in found} == {Verdict.NOT_ASSESSABLE}
    assert all(each.needs and each.needs in each.result for each in found)


def test_checks_have_names_of_their_own_and_say_what_they_test() -> None:
    names = [(each.challenge, each.name) for each in CHECKS]
    assert len(set(names)) == len(names)
    assert all(each.title and each.claim.endswith(".") for each in CHECKS)
    assert {name for name, _ in names} >= {"P-BOS", "P-EOS", "P-PAD", "P-KL", "P-RATIO", "P-ACC", "P-SPLIT"}


def test_only_some_challenges(run: RunDirectory) -> None:
    found = examine(run, only=("P-SPLIT", "P-RATIO"))
    assert [each.check for each in found.findings] == ["rollout", "remeasured", "reference", "overlap"]


def test_an_unknown_challenge_names_its_neighbour(run: RunDirectory) -> None:
    with pytest.raises(AuditError, match=r"'P-SPLITS'; did you mean 'P-SPLIT'\?"):
        examine(run, only=("P-SPLITS",))


def test_the_report_is_written_read_back_and_written_again(run: RunDirectory) -> None:
    report = examine(run, only=("P-SPLIT",))
    report.write(run)
    assert AuditReport.from_json(run.read_json("audit.json")) == report
    examine(run, only=("P-KL",)).write(run)
    assert [each["challenge"] for each in run.read_json("audit.json")["findings"]] == ["P-KL"]


def test_what_fires_is_told_apart(run: RunDirectory) -> None:
    assert examine(run, only=("P-SPLIT",)).fired == ()
    run.write_jsonl("data/pairs-held_out.jsonl", run.read_jsonl("data/pairs-train.jsonl"))
    assert [each.challenge for each in examine(run, only=("P-SPLIT", "P-RATIO")).fired] == ["P-SPLIT"]


def test_settings_decide(run: RunDirectory) -> None:
    lax = AuditSettings.model_validate({"preflight": {"stop_rate": 0.0}})
    rows = [{**row, "finish_reason": "length", "token_ids": [97]} for row in run.read_jsonl("evaluation/samples.jsonl")]
    run.write_jsonl("evaluation/samples.jsonl", rows)
    verdicts = [examine(run, only=("P-EOS",), settings=each).findings[0].verdict for each in (lax, AuditSettings())]
    assert verdicts == [Verdict.QUIET, Verdict.FIRES]


@pytest.mark.parametrize(
    "content", [{"preflight": {"stop_rat": 0.5}}, {"preflight": {"stop_rate": "0.5"}}, {"nothing": {}}]
)
def test_settings_are_strict(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AuditSettings.model_validate(content)


def test_every_threshold_is_described() -> None:
    for name, family in AuditSettings.model_fields.items():
        fields = type(family.default).model_fields
        assert all(field.description for field in fields.values()), name


def check_of(error: Exception) -> Check:
    def test(evidence: Evidence, settings: AuditSettings) -> Finding:
        raise error

    return Check("P-X", "raising", "a check", "It holds.", test, fundamental=True)


def test_what_is_missing_becomes_a_verdict_and_nothing_else_does(run: RunDirectory) -> None:
    found = check_of(MissingEvidence("the ledger")).run(Evidence(run), AuditSettings())
    assert (found.verdict, found.needs, found.estimate) == (Verdict.NOT_ASSESSABLE, "the ledger", None)
    assert found.fundamental
    for error in (ArtefactError("altered"), KeyError("kl"), ValueError("no")):
        with pytest.raises(type(error)):
            check_of(error).run(Evidence(run), AuditSettings())


def test_an_altered_artefact_ends_the_audit(run: RunDirectory) -> None:
    with (run.path / "data/prompts.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(ArtefactError, match="differs from its digest"):
        examine(run)


def test_a_finding_of_a_check_carries_its_names() -> None:
    check = Check("P-X", "names", "a check", "It holds.", lambda evidence, settings: made, fundamental=True)
    made = check.finding(
        Verdict.QUIET,
        Estimate(0.0, 0.0, 0.1, 9),
        threshold="above 0.2",
        result="It is 0.",
        remedy="Mend it.",
        evidence=("audit.json",),
        facts={"more": Estimate(1.0, None, None, 1)},
    )
    assert (made.challenge, made.check, made.claim, made.fundamental) == ("P-X", "names", "It holds.", True)
    assert Finding.from_json(made.to_json()) == made


def test_importing_the_audit_loads_no_torch_and_examine_stays_a_function() -> None:
    code = """
import sys
import accord.audit.examine
from accord.audit import examine
assert callable(examine), examine
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_module_but_remeasure_may_load_models() -> None:
    """The import contract names every module of the room, so that a new one cannot slip past it."""
    root = Path(__file__).parents[2]
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    contract = next(each for each in contracts if each["name"] == "only remeasure loads models in the audit")
    modules = {f"accord.audit.{file.stem}" for file in (root / "src/accord/audit").glob("*.py")}
    assert set(contract["source_modules"]) == modules - {"accord.audit.__init__"}
    assert {"torch", "transformers", "accord.lm"} <= set(contract["forbidden_modules"])
