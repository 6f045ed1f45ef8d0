"""OV1 and PM2: careless, tired, leaning and opposed evaluators are found; healthy and merely noisy ones are not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of, verdict_of

from accord.artefacts import SCORES, ScoreRow, Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.audit.oversight.position import preferred_left
from accord.feedback import Ledger, draw_dataset, write_data
from accord.interfaces import Item
from accord.lab import SimulatedEvaluator
from accord.records import Comparison, Completion, Prompt
from accord.run import RunDirectory
from accord.stats import rate

ITEMS = 60


def asked(
    path: Path, evaluators: Sequence[SimulatedEvaluator], *, compare: bool = False, seed: int = 0
) -> RunDirectory:
    """A run whose ledger holds the answers of these evaluators about one prompt's completions, all of them held out."""
    draw = np.random.default_rng(seed)
    prompts = [Prompt.ask(f"Say something, {i}") for i in range(3)]
    completions = [Completion(prompt=prompts[i % 3].id, text=f"text {i} " + "word " * (i % 7)) for i in range(ITEMS)]
    qualities = {each.id: [float(draw.normal())] for each in completions}
    by_prompt = {prompt.id: prompt for prompt in prompts}
    path.mkdir(parents=True, exist_ok=True)
    with Ledger(path / "people.db") as ledger:
        ledger.add(*prompts, *completions, *(each.evaluator for each in evaluators))
        for each in evaluators:
            order = list(draw.permutation(ITEMS))
            chosen = [completions[i] for i in order]
            if compare:
                items = [Item(by_prompt[a.prompt], (a, b)) for a in chosen for b in chosen[:8] if a.prompt == b.prompt]
                items = [item for item in items if item.completions[0] != item.completions[1]]
            else:
                items = [Item(by_prompt[a.prompt], (a,)) for a in chosen]
            ledger.add(*(said for said in each.bound(qualities).ask(items) if said is not None))
        run = RunDirectory.create(path / "run")
        data = draw_dataset(
            ledger, seed=0, unit="prompt", fractions={"train": 0.3, "eval_reward": 0.3, "held_out": 0.4}
        )
        write_data(run, data, ledger=ledger)
    rows = [
        ScoreRow(completion=each.id, prompt=each.prompt, score=qualities[each.id][0], length=len(each.text))
        for each in completions
    ]
    SCORES.write(run, rows, stage="reward")
    return run


def healthy(count: int = 30, **settings: object) -> list[SimulatedEvaluator]:
    return [SimulatedEvaluator(name=f"e{i}", seed=7, **settings) for i in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_healthy_evaluators_are_quiet(seed: int, tmp_path: Path) -> None:
    run = asked(tmp_path, healthy(), seed=seed)
    for check in ("OV1 careless", "OV1 straight lines", "OV1 time", "OV1 fatigue"):
        assert verdict_of(check, run) is Verdict.QUIET, check
    assert finding_of("PM2 one reward", run).verdict is not Verdict.FIRES  # with 30 evaluators it may be inconclusive
    gold = finding_of("OV1 control", run)
    assert gold.verdict is Verdict.NOT_ASSESSABLE
    assert "Feedback.gold" in gold.needs


@pytest.mark.parametrize("seed", range(3))
def test_evaluators_who_answer_at_random_fire(seed: int, tmp_path: Path) -> None:
    careless = [SimulatedEvaluator(name=f"c{i}", lapse=0.95, seed=seed) for i in range(10)]
    run = asked(tmp_path, [*healthy(), *careless], seed=seed)
    finding = finding_of("OV1 careless", run)
    assert finding.verdict is Verdict.FIRES
    assert finding.estimate is not None
    assert 0.14 < finding.estimate.value < 0.3  # one in ten may as well be below chance
    assert finding_of("OV1 time", run).verdict is Verdict.FIRES
    # Random answers are nobody's values: a reward of one's own gains nothing.
    assert finding_of("PM2 one reward", run).verdict is not Verdict.FIRES


def test_hard_items_alone_do_not_fire(tmp_path: Path) -> None:
    run = asked(tmp_path, healthy(temperature=0.8))
    assert finding_of("OV1 careless", run).verdict is Verdict.QUIET


def test_tired_evaluators_fire(tmp_path: Path) -> None:
    run = asked(tmp_path, healthy(tired_lapse=0.8, tired_after=30))
    assert finding_of("OV1 fatigue", run).verdict is Verdict.FIRES


def test_the_same_answer_over_and_over_fires(tmp_path: Path) -> None:
    """Whoever sorts answers by value instead of item is the plainest straight line."""
    run = asked(tmp_path, healthy())
    evidence = Evidence(run)
    said = list(evidence.ledger_feedback.values())
    by_evaluator: dict[str, list[int]] = {}
    for i, each in enumerate(said):
        by_evaluator.setdefault(each.evaluator, []).append(i)
    for rows in list(by_evaluator.values())[:12]:
        ordered = sorted((said[i].judgement for i in rows), key=lambda judgement: judgement.value)  # type: ignore[union-attr]
        for i, judgement in zip(rows, ordered, strict=True):
            said[i] = said[i].model_copy(update={"judgement": judgement})
    evidence.ledger_records = replace(evidence.ledger_records, feedback={each.id: each for each in said})
    finding = CHECKS.get("OV1 straight lines").run(evidence, AuditSettings())
    assert finding.verdict is Verdict.FIRES
    assert set(finding.ids["evaluators"].ids) <= set(list(by_evaluator)[:12])


@pytest.mark.parametrize(("position", "wanted"), [(1.5, Verdict.FIRES), (0.0, Verdict.QUIET)])
def test_a_lean_to_the_left_fires(position: float, wanted: Verdict, tmp_path: Path) -> None:
    run = asked(tmp_path, healthy(position=position, temperature=1.0), compare=True)
    assert finding_of("OV1 position", run).verdict is wanted


@pytest.mark.parametrize("position", [0.0, 1.5])
def test_what_the_texts_foretell_narrows_the_interval_and_moves_nothing(position: float, tmp_path: Path) -> None:
    run = asked(tmp_path, healthy(position=position), compare=True)
    finding = finding_of("OV1 position", run)
    answers = [
        answer
        for answer in Evidence(run).ledger_feedback.values()
        if isinstance(answer.judgement, Comparison) and answer.judgement.preferred != "tie"
    ]
    plain = rate([preferred_left(answer) for answer in answers], [answer.evaluator for answer in answers])
    exact = finding.estimate
    assert exact is not None
    assert exact.low is not None
    assert exact.high is not None
    assert plain.low is not None
    assert plain.high is not None
    assert exact.high - exact.low < plain.high - plain.low
    assert plain.low < exact.value + 0.5 < plain.high


@pytest.mark.parametrize("seed", range(3))
def test_an_opposed_minority_fires_and_a_noisier_one_does_not(seed: int, tmp_path: Path) -> None:
    opposed = [SimulatedEvaluator(name=f"o{i}", weights=(-1.0,), seed=seed) for i in range(6)]
    noisier = [SimulatedEvaluator(name=f"n{i}", temperature=3.0, seed=seed) for i in range(6)]
    finding = finding_of("PM2 one reward", asked(tmp_path / "opposed", [*healthy(24), *opposed], seed=seed))
    assert finding.verdict is Verdict.FIRES
    assert finding.fundamental
    assert (
        finding_of("PM2 one reward", asked(tmp_path / "noisier", [*healthy(24), *noisier], seed=seed)).verdict
        is not Verdict.FIRES
    )


@pytest.mark.parametrize("seed", range(3))
def test_an_opposed_minority_is_not_careless_but_of_another_view(seed: int, tmp_path: Path) -> None:
    opposed = [SimulatedEvaluator(name=f"o{i}", weights=(-1.0,), seed=seed) for i in range(6)]
    finding = finding_of("OV1 careless", asked(tmp_path, [*healthy(24), *opposed], seed=seed))
    assert finding.verdict is Verdict.QUIET
    assert "6 more surely agree with the others less than chance" in finding.result
    assert "PM2" in finding.result
    assert "MH3" in finding.result
    assert set(finding.ids["evaluators of another view"].ids) == {each.evaluator.id for each in opposed}
    assert "evaluators" not in finding.ids


def test_a_machine_is_not_judged_by_a_persons_reading_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = Evidence(asked(tmp_path, healthy(12)))
    check = CHECKS.get("OV1 time")
    slow = check.run(evidence, AuditSettings())
    fast = {name: each.model_copy(update={"seconds": 0.01}) for name, each in evidence.ledger_feedback.items()}
    evidence.ledger_records = replace(evidence.ledger_records, feedback=fast)
    assert check.run(evidence, AuditSettings()).verdict is Verdict.FIRES
    machines = list(evidence.evaluators)[:6]
    half = {
        name: each.model_copy(update={"kind": "model"}) if name in machines else each
        for name, each in evidence.evaluators.items()
    }
    monkeypatch.setattr(Evidence, "evaluators", half)
    finding = check.run(evidence, AuditSettings())
    assert slow.estimate is not None
    assert finding.estimate is not None
    assert finding.estimate.n == slow.estimate.n / 2
    assert not set(finding.ids["evaluators"].ids) & set(machines)


def test_too_few_evaluators_cannot_be_assessed(tmp_path: Path) -> None:
    finding = finding_of("PM2 one reward", asked(tmp_path, healthy(4)))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "there are 4" in finding.needs


def test_a_ledger_that_is_gone_is_named(tmp_path: Path) -> None:
    run = asked(tmp_path, healthy(4))
    (tmp_path / "people.db").unlink()
    finding = finding_of("OV1 careless", run)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "people.db" in finding.needs
