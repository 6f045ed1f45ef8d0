"""MH1 selection: who answered more beside who agrees with the researchers; and the population named on the way."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from accord.artefacts import Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.audit.evidence import LedgerRecords
from accord.audit.people.bias.thresholds import BiasThresholds
from accord.audit.people.representation.selection import _agreement, _ruling, p_by_orders, rank_correlation
from accord.audit.people.representation.thresholds import RepresentationThresholds
from accord.cli import run as run_command
from accord.lab import FAULTS
from accord.lab.planted import audit_ledger_of, planting_of
from accord.records import Comparison, Evaluator, Feedback

THRESHOLDS = RepresentationThresholds()


def test_the_correlation_is_that_of_spearman_with_ties() -> None:
    first_E, second_E = (np.random.default_rng(seed).integers(0, 5, 30).astype(float) for seed in (0, 1))
    found = rank_correlation(first_E, second_E)
    assert found.value == pytest.approx(spearmanr(first_E, second_E).statistic)
    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low < found.value < found.high <= 1


def test_the_p_value_is_that_of_all_orders() -> None:
    first_E, second_E = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    there = spearmanr(first_E, second_E).statistic
    exact = np.mean([spearmanr(first_E, list(order)).statistic >= there - 1e-9 for order in permutations(second_E)])
    assert p_by_orders(first_E, second_E) == pytest.approx(exact, abs=0.015)


def test_equally_many_answers_of_everybody_select_nobody() -> None:
    found = rank_correlation(np.full(12, 7.0), np.linspace(0, 1, 12))
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert _ruling(found, p_by_orders(np.full(12, 7.0), np.linspace(0, 1, 12)), 0.2).verdict is Verdict.QUIET


def fires(seed: int, people: int, *, selected: bool) -> bool:
    """Two views, and numbers of shared answers from 3 to 12: by the view where `selected`, or by lot."""
    random = np.random.default_rng(seed)
    alike_E = random.random(people) < 0.5
    count_E = np.where(alike_E, 9, 3) + random.integers(0, 4, people) if selected else random.integers(3, 13, people)
    agreed_E = random.binomial(count_E, np.where(alike_E, 0.9, 0.4)) / count_E
    rho = rank_correlation(count_E.astype(float), agreed_E)
    return _ruling(rho, p_by_orders(count_E.astype(float), agreed_E), 0.2).verdict is Verdict.FIRES


def test_numbers_by_lot_do_not_fire_although_few_answers_measure_agreement_badly() -> None:
    assert sum(fires(seed, 30, selected=False) for seed in range(100)) <= 1


def test_numbers_by_the_view_fire() -> None:
    assert sum(fires(seed, 30, selected=True) for seed in range(20)) >= 16


def answer(who: Evaluator, side: str, *, gold: str | None = None) -> Feedback:
    return Feedback(
        evaluator=who.id,
        prompt="p",
        completions=("a", "b"),
        judgement=Comparison(preferred=side),  # type: ignore[arg-type]
        gold=None if gold is None else Comparison(preferred=gold),  # type: ignore[arg-type]
    )


def records_of(*answers: Feedback, people: tuple[Evaluator, ...]) -> LedgerRecords:
    return LedgerRecords({one.id: one for one in answers}, {one.id: one for one in people}, {}, {})


def test_agreement_is_with_researchers_and_without_them_with_known_answers() -> None:
    one, other = (Evaluator(kind="person", pseudonym=name, pool="crowd") for name in ("one", "other"))
    boss = Evaluator(kind="person", pseudonym="boss", pool="researchers")
    said = (answer(one, "left"), answer(other, "right", gold="right"))
    people = {one.id, other.id}
    with_boss = _agreement(records_of(*said, answer(boss, "left"), people=(one, other, boss)), people, THRESHOLDS)
    assert with_boss.agreed == {one.id: 1.0, other.id: 0.0}
    alone = _agreement(records_of(*said, people=(one, other)), people, THRESHOLDS)
    assert alone.agreed == {other.id: 1.0}
    assert "control questions" in alone.by


def test_a_quota_cures_what_fires(tmp_path: Path) -> None:
    check, verdicts = CHECKS.get("MH1 selection"), []
    for cured in (False, True):
        fault = FAULTS.get("selected-evaluators")(cured=cured)
        planting = planting_of(tmp_path / str(cured), fault, seed=1, checks=[check])
        with planting.run as run:
            evidence = Evidence(run, planting.judges, audit_ledger=audit_ledger_of(run.path))
            verdicts.append(check.run(evidence, AuditSettings()).verdict)
            more = AuditSettings.model_validate({"representation": {"min_shared": 100}})
            assert "10 people who answered 100 or more items" in check.run(evidence, more).needs
    assert verdicts == [Verdict.FIRES, Verdict.QUIET]


def test_a_file_of_terms_is_meant_from_the_folder_of_the_recipe() -> None:
    assert BiasThresholds(terms="words.toml").anchored(Path("/study")).terms == "/study/words.toml"
    assert BiasThresholds().anchored(Path("/study")).terms == "packaged"


def test_a_population_in_a_file_stands_in_the_place_of_the_runs_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planting = planting_of(tmp_path / "run", seed=1, checks=[CHECKS.get("MH1 composition")])
    planting.run.close()
    (tmp_path / "population.toml").write_text("[group]\nnorth = 0.1\nsouth = 0.1\nwest = 0.8\n")
    ledger = str(audit_ledger_of(tmp_path / "run"))
    verdicts = []
    for more in ([], ["--population", str(tmp_path / "population.toml")]):
        run_command(["audit", str(tmp_path / "run"), "--only", "MH1", "--json", "--audit-ledger", ledger, *more])
        printed = json.loads(capsys.readouterr().out)
        verdicts += [each["verdict"] for each in printed["findings"] if each["check"] == "composition"]
    assert verdicts[0] != "FIRES"
    assert verdicts[1] == "FIRES"
