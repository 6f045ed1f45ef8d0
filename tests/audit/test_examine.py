"""The audit as a whole: every check is run, what is missing is named, and nothing else is swallowed."""

import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from accord.artefacts import FINDINGS
from accord.artefacts.finding import IdList
from accord.audit import (
    CHECKS,
    AuditReport,
    AuditSettings,
    Challenge,
    Check,
    Evidence,
    Finding,
    Outcome,
    Thresholds,
    Verdict,
    check,
    examine,
    register_check,
)
from accord.audit.challenges import CHALLENGES
from accord.audit.settings import FAMILIES
from accord.audit.verdicts import none_of
from accord.errors import ArtefactError, AuditError, ExtensionError, MissingEvidence
from accord.extensions import temporary
from accord.run import RunDirectory
from accord.stats import Estimate


def test_a_run_of_nothing_passes_nothing(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        found = examine(run).findings
    assert [f"{each.challenge} {each.check}" for each in found] == list(CHECKS.names)
    assert {each.verdict for each in found} == {Verdict.NOT_ASSESSABLE}
    assert all(each.needs and each.needs in each.result for each in found)


def test_checks_have_names_of_their_own_and_say_what_they_test() -> None:
    assert all(each.challenge.title and each.claim.endswith(".") for each in CHECKS)
    challenges = {each.challenge.id for each in CHECKS}
    assert challenges >= {"P-BOS", "P-EOS", "P-PAD", "P-KL", "P-RATIO", "P-ACC", "P-SPLIT"}


def test_only_some_challenges(run: RunDirectory) -> None:
    found = examine(run, only=("P-SPLIT", "P-RATIO"))
    assert [each.check for each in found.findings] == ["rollout", "remeasured", "reference", "overlap"]


def test_an_unknown_challenge_names_its_neighbour(run: RunDirectory) -> None:
    with pytest.raises(AuditError, match=r"'P-SPLITS'; did you mean 'P-SPLIT'\?"):
        examine(run, only=("P-SPLITS",))


def test_the_report_is_written_read_back_and_written_again(run: RunDirectory) -> None:
    report = examine(run, only=("P-SPLIT",))
    report.write(run)
    assert AuditReport(FINDINGS.read(run)) == report
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
    strict = AuditSettings.model_validate({"preflight": {"stop_rate": 0.9}})
    verdicts = [examine(run, only=("P-EOS",), settings=each).findings[0].verdict for each in (lax, strict)]
    assert verdicts == [Verdict.QUIET, Verdict.FIRES]


@pytest.mark.parametrize(
    "content", [{"preflight": {"stop_rat": 0.5}}, {"preflight": {"stop_rate": "0.5"}}, {"nothing": {}}]
)
def test_settings_are_strict(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AuditSettings.model_validate(content)


def test_a_key_of_an_older_recipe_is_refused_with_its_name_of_today() -> None:
    for family in FAMILIES:
        for key, new in family.renamed.items():
            assert new in family.model_fields
            with pytest.raises(ValidationError, match=f"renamed to {new}"):
                AuditSettings.model_validate({family.family: {key: 1}})


def test_every_threshold_is_described() -> None:
    for family in FAMILIES:
        assert all(field.description for field in family.model_fields.values()), family.family


class Lengths(Thresholds):
    """Thresholds of the checks of these tests."""

    family = "lengths"
    renamed: ClassVar[Mapping[str, str]] = {"longest": "max_length"}

    max_length: int = Field(default=9, ge=1, description="tokens")


CHALLENGE = Challenge("Z1", "Texts grow", "a section", fundamental=True)


def check_of(error: Exception) -> Check:
    @check(CHALLENGE, "raising", claim="It holds.", thresholds=Lengths)
    def raising(evidence: Evidence, thresholds: Lengths) -> Outcome:
        raise error

    return raising


def test_a_registered_check_brings_its_thresholds_and_its_challenge(run: RunDirectory) -> None:
    with temporary(CHECKS, FAMILIES, CHALLENGES):
        before = AuditSettings()
        register_check(check_of(MissingEvidence("the ledger")))
        content = {"lengths": {"max_length": 3}}
        settings = AuditSettings.model_validate(content)
        assert settings.of(Lengths).max_length == 3
        assert settings.model_dump()["lengths"] == content["lengths"]
        assert before.of(Lengths).max_length == 9
        assert [each.check for each in examine(run, only=("Z1",)).findings] == ["raising"]
        with pytest.raises(ValidationError, match="renamed to max_length"):
            AuditSettings.model_validate({"lengths": {"longest": 3}})
        with pytest.raises(ExtensionError, match="check 'Z1 raising' is already registered at"):
            register_check(check_of(MissingEvidence("the ledger")))
        with pytest.raises(ExtensionError, match="'Z1' is already registered with another title"):
            register_check(replace(check_of(KeyError()), challenge=replace(CHALLENGE, title="Texts shrink")))
        with pytest.raises(ExtensionError, match="'lengths' are already registered"):
            register_check(replace(check_of(KeyError()), name="other", thresholds=type("Other", (Lengths,), {})))
    with pytest.raises(ValidationError, match="no such field"):
        AuditSettings.model_validate({"lengths": {"max_length": 3}})


def test_the_challenges_are_those_of_the_paper() -> None:
    """Casper et al. 2023: 23 challenges, of which 9 are fundamental."""
    paper = [each for each in CHALLENGES if each.section[0].isdigit()]
    assert len(paper) == 23
    assert sum(each.fundamental for each in paper) == 9
    assert len({each.title for each in CHALLENGES}) == len(CHALLENGES)


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


def test_a_finding_of_a_check_carries_its_names(run: RunDirectory) -> None:
    @check(CHALLENGE, "names", claim="It holds.", thresholds=Lengths)
    def names(evidence: Evidence, thresholds: Lengths) -> Outcome:
        return Outcome(
            ruling=none_of(0),
            estimate=Estimate(0.0, 0.0, 0.1, 9),
            threshold=f"above {thresholds.max_length}",
            result="It is 0.",
            remedy="Mend it.",
            evidence=("audit.json",),
            ids={"prompts": [f"p-{number % 60}" for number in range(90)], "completions": []},
            facts={"more": Estimate(1.0, None, None, 1)},
        )

    finding = names.run(Evidence(run), AuditSettings())
    assert (finding.challenge, finding.check, finding.claim) == ("Z1", "names", "It holds.")
    assert (finding.title, finding.fundamental, finding.threshold) == ("Texts grow", True, "above 9")
    assert finding.ids == {"prompts": IdList(tuple(f"p-{number}" for number in range(50)), 60)}
    assert Finding.from_json(finding.to_json()) == finding


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
    inside = (root / "src/accord/audit").iterdir()
    names = {each.stem for each in inside if each.suffix == ".py" or (each / "__init__.py").exists()}
    assert set(contract["source_modules"]) == {f"accord.audit.{name}" for name in names - {"__init__", "remeasure"}}
    assert {"torch", "transformers", "accord.lm"} <= set(contract["forbidden_modules"])
