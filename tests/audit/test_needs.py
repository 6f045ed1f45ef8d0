"""What a check declares to need is what it needs: without any of it it is not assessed, with all of it it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accord.artefacts import Finding, Verdict
from accord.audit import CHECKS, AuditSettings, Check, Evidence
from accord.audit.checks import Need
from accord.audit.evidence import COMPLETIONS, EVALUATORS, EXAMPLES, POPULATION, ROLLOUTS, SUMMARY
from accord.lab import judges_of, plant
from accord.lab.planted import audit_ledger_of
from accord.run import RunDirectory

NEEDS = [(check, need) for check in CHECKS for need in check.needs]
# Of a logged KL the samples are needed that stand behind it; whether one is logged is known from the metrics alone.
IMPLIED = {"P-KL sign": (ROLLOUTS,)}
# Of pairs everything is needed that they name; rollouts and evaluation samples can be held against each other alone.
IMPLIED |= {"P-SPLIT overlap": (COMPLETIONS, EVALUATORS, EXAMPLES, SUMMARY)}
# The population may be handed to the audit instead.
IMPLIED |= {f"MH1 {name}": (POPULATION,) for name in ("composition", "weights", "consequence")}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean run that nobody trained: judges are of words, and there are no models of the policy."""
    with plant(tmp_path_factory.mktemp("clean") / "run") as made:
        return made.path


@pytest.fixture
def run(path: Path) -> Iterator[RunDirectory]:
    """The run, its manifest to be changed in memory alone."""
    with RunDirectory.open(path, write=False) as opened:
        yield opened


def finding_of(check: Check, run: RunDirectory, *, without_judge: str = "", without: str = "") -> Finding:
    judges = {name: judge for name, judge in judges_of().items() if name not in without_judge.split()}
    ledgers = {kind: audit_ledger_of(run.path) for kind in ("audit_ledger", "recordings") if kind != without}
    evidence = Evidence(run, judges, audit_ledger=ledgers.get("audit_ledger"), since=ledgers.get("recordings"))
    return check.run(evidence, AuditSettings())


def lies_in(file: str, paths: tuple[str, ...]) -> bool:
    return any(file == path or file.startswith(f"{path}/") for path in paths)


@pytest.mark.parametrize(("check", "need"), NEEDS, ids=[f"{c.id}: {' or '.join(n.names) or n.kind}" for c, n in NEEDS])
def test_without_what_it_needs_a_check_is_not_assessed(check: Check, need: Need, run: RunDirectory) -> None:
    if need.kind == "ledger":
        run.manifest.inputs.pop("ledger")
    if need.kind == "artefact":
        run.manifest.files = {
            file: entry for file, entry in run.manifest.files.items() if not lies_in(file, need.names)
        }
    judge = " ".join(need.names) if need.kind == "judge" else ""
    finding = finding_of(check, run, without_judge=judge, without=need.kind)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert need.absent_from(Evidence(run)) in finding.needs


@pytest.mark.parametrize("check", CHECKS, ids=CHECKS.names)
def test_with_what_it_needs_alone_a_check_says_the_same(check: Check, run: RunDirectory) -> None:
    whole = finding_of(check, run)
    kept = tuple(name for need in check.needs for name in need.names) + IMPLIED.get(check.id, ())
    run.manifest.files = {file: entry for file, entry in run.manifest.files.items() if lies_in(file, kept)}
    alone = finding_of(check, run)
    assert (alone.verdict is Verdict.NOT_ASSESSABLE) == (whole.verdict is Verdict.NOT_ASSESSABLE), alone.needs
    assert alone.verdict is whole.verdict
